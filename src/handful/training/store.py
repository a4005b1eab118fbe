"""How the training images are kept: all of them ready on the device, or, where they are many, decoded when drawn."""

from __future__ import annotations

import copy
from collections import OrderedDict
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from handful.data.decode import quiet
from handful.data.mask import VOID, MaskReading
from handful.data.sample import Sample, SamplesOnDemand
from handful.interior import merge_mask
from handful.machine import count_cores
from handful.normalise import Statistics, image_statistics, standardise
from handful.plan import Plan
from handful.scale import working_size
from handful.training.prepare import count_outputs, prepare, prepare_one, training_target

PLACES = 4096  # remembered pixels of a class in an image: enough to find any object again
DECODED = 700_000_000  # bytes of images kept decoded, where not all are: a quarter of 5000 of 512x512 in grey
COUNTED = 32  # images whose pixels tell the shares of the classes, where to count all would mean to read all


class Store(Protocol):
    """Images and masks by number. `shapes`: (H, W) of each; `holders`: the images that a class may be found in."""

    shapes: Sequence[tuple[int, int]]
    holders: dict[int, list[int]]
    weighted: bool

    def planes(self, index: int) -> Tensor:
        """The standardised image, float32 (C, H, W) on the device; a last plane holds weights where `weighted`."""

    def mask(self, index: int) -> Tensor:
        """What the net is to answer, float32 (1, H, W) on the device, 255 = leave out."""

    def places(self, index: int, value: int) -> NDArray[np.int64]:
        """Pixels of a class in the flattened mask; a `holder` may turn out to have none."""

    def fetch(self, indexes: Sequence[int]) -> None:
        """These are wanted next."""

    def count(self) -> Tensor:
        """Pixels of the class numbers 0 to 255, over the images or some of them."""

    def on(self, device: torch.device) -> Store:
        """The same images on another device."""

    def tensors(self) -> list[Tensor]:
        """What another process must be sent to have the same images; it gives them to `take`."""

    def take(self, tensors: Sequence[Tensor], device: torch.device) -> None:
        """Go on with tensors that were sent, on this device."""


def plain_image(
    store: Store, index: int, channels: int, interior_of: int | None
) -> tuple[NDArray[np.float32], NDArray[np.uint8]]:
    """A standardised image (C, H, W) and its classes (H, W), 255 = leave out, in main memory; interiors merged."""
    mask = store.mask(index)[0].byte().cpu().numpy()
    return store.planes(index)[:channels].cpu().numpy(), merge_mask(mask, interior_of)


def some_of(store: Store, indexes: Iterable[int], device: torch.device) -> Ready:
    """Some images of a store, ready."""
    planes = [store.planes(index).cpu().numpy() for index in indexes]
    masks = [store.mask(index)[0].byte().cpu().numpy() for index in indexes]
    if not store.weighted:
        return Ready(planes, masks, device=device)
    return Ready([one[:-1] for one in planes], masks, [one[-1] for one in planes], device=device)


class Ready:
    """Every image on the device, ready to be drawn from.

    images: standardised float32 (C, H, W); masks: uint8 (H, W); weights: float32 (H, W) or None.
    """

    def __init__(
        self,
        images: Sequence[NDArray[np.float32]],
        masks: Sequence[NDArray[np.uint8]],
        weights: Sequence[NDArray[np.float32]] | None = None,
        *,
        seed: int = 0,
        device: torch.device,
    ) -> None:
        self.images = [torch.from_numpy(np.ascontiguousarray(image)).to(device) for image in images]
        self.weighted = weights is not None
        if weights is not None:
            self.images = [
                torch.cat([plane, torch.from_numpy(weight)[None].to(device)])
                for plane, weight in zip(self.images, weights, strict=True)
            ]
        self.masks = [torch.from_numpy(mask[None].astype(np.float32)).to(device) for mask in masks]
        self.shapes: Sequence[tuple[int, int]] = [(mask.shape[0], mask.shape[1]) for mask in masks]
        self.holders: dict[int, list[int]] = {}
        self._places: dict[tuple[int, int], NDArray[np.int64]] = {}
        rng = np.random.default_rng(seed)
        for index, mask in enumerate(masks):
            for value in np.unique(mask):
                if value != VOID:
                    flat = np.flatnonzero(mask == value)
                    if flat.size > PLACES:
                        flat = np.sort(rng.choice(flat, PLACES, replace=False))
                    self.holders.setdefault(int(value), []).append(index)
                    self._places[index, int(value)] = flat

    def planes(self, index: int) -> Tensor:
        return self.images[index]

    def mask(self, index: int) -> Tensor:
        return self.masks[index]

    def places(self, index: int, value: int) -> NDArray[np.int64]:
        return self._places[index, value]

    def fetch(self, indexes: Sequence[int]) -> None:
        """All are here."""

    def count(self) -> Tensor:
        return torch.stack([torch.bincount(mask.flatten().long(), minlength=256) for mask in self.masks]).sum(0)

    def on(self, device: torch.device) -> Ready:
        moved = copy.copy(self)
        moved.images = [plane.to(device) for plane in self.images]
        moved.masks = [mask.to(device) for mask in self.masks]
        return moved

    def tensors(self) -> list[Tensor]:
        return self.images + self.masks

    def take(self, tensors: Sequence[Tensor], device: torch.device) -> None:
        self.images, self.masks = list(tensors[: len(tensors) // 2]), list(tensors[len(tensors) // 2 :])


@dataclass(frozen=True)
class Kept:
    """An image (C, H, W) as it is stored with the statistics that standardise it, or standardised (None)."""

    image: NDArray[Any]
    statistics: Statistics | None
    target: NDArray[np.uint8]
    weight: NDArray[np.float32] | None

    @property
    def size(self) -> int:
        """In bytes."""
        return self.image.nbytes + self.target.nbytes + (0 if self.weight is None else self.weight.nbytes)


class OnDemand:
    """Images decoded when they are drawn; the last ones drawn stay, as they are stored, in DECODED bytes.

    Standardised when drawn, by the arithmetic of `prepare_one`: a pixel is what it is in `Ready`.
    """

    def __init__(self, samples: SamplesOnDemand, plan: Plan, reading: MaskReading, device: torch.device) -> None:
        self.samples, self.plan, self.reading, self.device = samples, plan, reading, device
        self.shapes: Sequence[tuple[int, int]] = [working_size(shape, plan.scale) for shape in samples.shapes]
        self.weighted = "weighted" in plan.training.loss
        # Lines between classes, and interiors, are known once they are drawn: any image may hold some.
        drawn = plan.training.interior or (plan.task == "boundaries" and not reading.draws_boundaries)
        held = [range(count_outputs(plan, reading)) if drawn else some for some in samples.classes]
        self.holders = {
            value: [index for index, some in enumerate(held) if value in some]
            for value in sorted({value for some in held for value in some})
        }
        self._kept: OrderedDict[int, Kept] = OrderedDict()
        self._bytes = 0
        self._statistics: dict[int, Statistics] = {}

    def planes(self, index: int) -> Tensor:
        kept = self._get(index)
        image = kept.image
        if kept.statistics is not None:
            image = np.moveaxis(standardise(np.moveaxis(image, 0, -1), kept.statistics), -1, 0)
        if kept.weight is not None:
            image = np.concatenate([image, kept.weight[None]])
        return torch.from_numpy(np.ascontiguousarray(image, np.float32)).to(self.device)

    def mask(self, index: int) -> Tensor:
        return torch.from_numpy(self._get(index).target[None].astype(np.float32)).to(self.device)

    def places(self, index: int, value: int) -> NDArray[np.int64]:
        return np.flatnonzero(self._get(index).target == value)

    def fetch(self, indexes: Sequence[int]) -> None:
        """Decode in threads what is not here."""
        missing = [index for index in dict.fromkeys(indexes) if index not in self._kept]
        if len(missing) > 1 and count_cores() > 1:
            with quiet(), ThreadPoolExecutor(count_cores()) as pool:
                for index, kept in zip(missing, pool.map(self._decode, missing), strict=True):
                    self._keep(index, kept)

    def count(self) -> Tensor:
        counts = torch.zeros(256, dtype=torch.int64)
        for index in range(0, len(self.samples), max(len(self.samples) // COUNTED, 1)):
            counts += torch.bincount(torch.from_numpy(self._get(index).target).flatten(), minlength=256)
        return counts

    def on(self, device: torch.device) -> OnDemand:
        moved = copy.copy(self)
        moved._kept, moved._bytes, moved._statistics = OrderedDict(), 0, {}  # on its way to another process
        moved.device = device
        return moved

    def tensors(self) -> list[Tensor]:
        return []

    def take(self, tensors: Sequence[Tensor], device: torch.device) -> None:
        """Every process decodes for itself."""
        self.device = device

    def _get(self, index: int) -> Kept:
        if index in self._kept:
            self._kept.move_to_end(index)
            return self._kept[index]
        with quiet():
            return self._keep(index, self._decode(index))

    def _keep(self, index: int, kept: Kept) -> Kept:
        self._kept[index] = kept
        self._bytes += kept.size
        while self._bytes > DECODED and len(self._kept) > 1:
            self._bytes -= self._kept.popitem(last=False)[1].size
        return kept

    def _decode(self, index: int) -> Kept:
        sample = self.samples[index]
        if self.weighted or self.shapes[index] != sample.mask.shape:  # costly to make, or smaller than the file
            image, target, weight = prepare_one(sample, self.plan, self.reading)
            return Kept(image, None, target, weight)
        if index not in self._statistics:
            self._statistics[index] = image_statistics(np.moveaxis(sample.image, 0, -1), self.plan.normalisation)
        return Kept(sample.image, self._statistics[index], training_target(sample, self.plan, self.reading), None)


def make_store(
    samples: Sequence[Sample], plan: Plan, reading: MaskReading, *, seed: int, device: torch.device
) -> Store:
    """Ready where the samples are decoded already, else on demand."""
    if isinstance(samples, SamplesOnDemand):
        return OnDemand(samples, plan, reading, device)
    made = prepare(samples, plan, reading)
    return Ready(made.images, made.targets, made.weights, seed=seed, device=device)
