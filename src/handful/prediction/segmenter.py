"""A trained model as people use it: an image in, a mask out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from math import nan
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from handful.data.channels import TURNED_GREY, loses_colour, match_channels
from handful.errors import DataError, SettingsError
from handful.interior import merge_planes
from handful.measure.ridges import thin_ridges
from handful.measure.scores import Scores
from handful.modelfile import ModelCard, load_model, save_model
from handful.prediction.boundaries import region_boundaries
from handful.prediction.bridge import bridge_gaps
from handful.prediction.confidence import object_confidence, temper
from handful.prediction.fused import fused
from handful.prediction.instances import Objects, ObjectSettings, find_objects
from handful.prediction.likeness import describe_image, how_unlike, middle, unlike_words
from handful.prediction.tiles import Tiling
from handful.prediction.views import choose_mirrors, choose_sizes, predict_views
from handful.scale import net_planes, resize_planes

if TYPE_CHECKING:
    from torch import nn

    from handful.data.image import ImageFile


@dataclass(frozen=True)
class Prediction:
    """What a model says about one image.

    name: of the image. mask: uint8 (H, W), a class number per pixel. probabilities: float32 (classes, H, W), sum 1.
    interior: float32 (H, W), the probability of being in the middle of an object, where the model answers that.
    image: uint8, uint16 or float32 (H, W, C) as it was read. messages: what was odd about the image, in words.
    unlike: how unlike the training images the image is; above 1 it is called so, nan where the model cannot tell.
    description: the numbers that this rests on, see `handful.prediction.likeness`.
    """

    name: str
    mask: NDArray[np.uint8]
    probabilities: NDArray[np.float32]
    image: NDArray[Any] = field(repr=False)
    card: ModelCard = field(repr=False)
    messages: tuple[str, ...] = ()
    unlike: float = nan
    description: NDArray[np.float32] | None = field(default=None, repr=False)
    interior: NDArray[np.float32] | None = field(default=None, repr=False)

    @cached_property
    def objects(self) -> Objects:
        """Separate objects with their classes and confidences; computed when first asked for.

        A confidence is the mean probability of the object's class over it, or, where images were held back to learn it
        on, the chance that the object overlaps a true one by half (IoU .5).
        Objects that touch are parted by a model of task "instances"; any other gives connected regions.
        """
        settings = ObjectSettings.from_dict(self.card.postprocessing)
        split = self.card.task == "instances"
        found = find_objects(
            self.mask, self.probabilities, self.card.background, settings, interior=self.interior, split=split
        )
        return replace(found, confidence=object_confidence(found.confidence, self.card.object_confidence))

    @property
    def labels(self) -> NDArray[np.int32]:
        """The number of its object for each pixel, int32 (H, W), 0 none."""
        return self.objects.labels

    @cached_property
    def boundaries(self) -> NDArray[np.float32]:
        """Thin boundaries, float32 (H, W) in 0 to 1: crests of a boundary net's answer, else lines between classes."""
        if self.card.task == "boundaries" and len(self.card.object_classes) == 1:
            return thin_ridges(self.probabilities[self.card.object_classes[0]])
        return region_boundaries(self.probabilities)


class Segmenter:
    """A net with its card; `scores` is what it reached on images it never saw, None if none were held back.

    >>> model = Segmenter.load("leaves/model.safetensors")            # doctest: +SKIP
    >>> model.predict("photo.jpg").mask                               # doctest: +SKIP
    """

    def __init__(
        self, net: nn.Module, card: ModelCard, scores: Scores | None = None, messages: Sequence[str] = ()
    ) -> None:
        self.net = net.eval()
        self.card = card
        self.scores = read_scores(card) if scores is None else scores
        self.messages = tuple(messages)

    @classmethod
    def load(cls, path: str | Path, device: str = "auto") -> Segmenter:
        """From a model file or a run folder; device "auto" takes a GPU where there is one."""
        return cls(*load_model(path, choose_device(device)))

    @cached_property
    def running(self) -> nn.Module:
        """The net as it is run: quicker, equal to rounding."""
        return fused(self.net)

    @property
    def tiling(self) -> Tiling:
        """How large images are cut; tiles need not fade into each other where the net sees no further than the halo."""
        sees = getattr(self.net, "halo", None)
        ramp = 0 if sees is not None and sees <= self.card.halo else None
        return Tiling(self.card.tile, self.card.halo, self.card.multiple, ramp=ramp)

    def save(self, path: str | Path) -> None:
        """One file with everything that `load` needs."""
        save_model(path, self.net, self.card)

    def predict(
        self,
        image: str | Path | ImageFile | ArrayLike,
        *,
        name: str | None = None,
        flips: bool | None = None,
        half: bool = False,
        tiling: Tiling | None = None,
    ) -> Prediction:
        """The classes of every pixel of an image of any size.

        image: a file, or an array (H, W) or (H, W, C) whose range follows its type: uint8 to 255, uint16 to 65535,
        floats from 0 to 1. flips: average over the mirror images that the model was trained on, None: where
        the image is not large, False: answer once, see `handful.prediction.views`. half: compute in bfloat16. tiling:
        another than the model's own, where memory is short. Colours are turned grey for a model of grey images, and
        `messages` say so. Raises DataError for an image that cannot be read or whose channels fit in no such way.
        """
        pixels, found_name = _pixels(image)
        name = found_name if name is None else name
        messages = []
        if pixels.dtype.kind == "f" and (bad := int((~np.isfinite(pixels)).any(axis=-1).sum())):
            messages.append(f"not a number at {bad} of {pixels[..., 0].size} pixels: taken as the middle of the image.")
        if loses_colour(pixels, self.card.channels):
            messages.append(TURNED_GREY)
        size = pixels.shape[0], pixels.shape[1]
        matched = match_channels(pixels, self.card.channels, name)
        net_input = net_planes(matched, self.card.normalisation, self.card.scale)
        inner = net_input.shape[1], net_input.shape[2]
        mirrors, sizes = choose_mirrors(self.card, inner, flips), choose_sizes(self.card, inner, flips)
        worked = predict_views(self.running, net_input, tiling or self.tiling, mirrors, sizes, half=half)
        probabilities, interior = merge_planes(resize_planes(worked, size), self.card.interior_of)
        description = describe_image(pixels, net_input, middle(probabilities, net_input.shape[1:]))
        unlike = how_unlike(description, self.card.likeness)
        if unlike > 1:
            messages.append(unlike_words(unlike))
        probabilities = temper(probabilities, self.card.temperature)
        mask = mask_of(probabilities, self.card)
        return Prediction(name, mask, probabilities, pixels, self.card, tuple(messages), unlike, description, interior)


def load_segmenter(path: str | Path, device: str = "auto") -> Segmenter:
    """The model in a model file or a run folder, ready to predict; see `Segmenter.load`."""
    return Segmenter.load(path, device)


def read_scores(card: ModelCard) -> Scores | None:
    """The scores on the card; None where there are none, or none that this version of handful knows."""
    try:
        return None if card.scores is None else Scores.from_dict(card.scores)
    except (KeyError, TypeError, ValueError, AttributeError):  # prediction needs none of it
        return None


def mask_of(probabilities: NDArray[np.float32], card: ModelCard) -> NDArray[np.uint8]:
    """The class of each pixel: by the card's thresholds where there are two, else the most probable."""
    if len(probabilities) > 2:
        return np.asarray(probabilities.argmax(axis=0), np.uint8)
    mask = probabilities[1] > (0.5 if card.threshold is None else card.threshold)
    if card.bridge is not None:
        kind = card.object_classes[0]
        mask = bridge_gaps(mask == kind, probabilities[kind], card.bridge) == kind  # of class 1 again
    return np.asarray(mask, np.uint8)


def choose_device(device: str) -> str:
    """ "auto" is a GPU where there is one; "cuda" where there is none is a SettingsError."""
    import torch

    if device not in ("auto", "cpu") and not device.startswith("cuda"):
        raise SettingsError(f"device {device!r} does not exist: choose auto, cpu or cuda.")
    if device.startswith("cuda") and not torch.cuda.is_available():
        raise SettingsError(f"device {device!r}: this machine has no GPU that PyTorch can use. Take auto or cpu.")
    return ("cuda" if torch.cuda.is_available() else "cpu") if device == "auto" else device


def _pixels(image: Any) -> tuple[NDArray[Any], str]:
    """Pixels (H, W, C) and a name for a file or an array."""
    from handful.data.image import ImageFile, read_image

    if isinstance(image, (str, Path)):
        image = ImageFile(Path(image))
    if isinstance(image, ImageFile):
        return read_image(image), image.path.stem if image.page is None else f"{image.path.stem}_{image.page}"
    pixels = np.asarray(image)
    if pixels.ndim == 2:
        pixels = pixels[:, :, None]
    if pixels.ndim != 3 or pixels.size == 0:
        raise DataError(f"an array of shape {np.shape(image)} is no image: expected (H, W) or (H, W, channels).")
    if pixels.dtype.kind not in "buif":
        raise DataError(f"an array of type {pixels.dtype} is no image: expected bool, uint8, uint16 or float.")
    return pixels, "image"
