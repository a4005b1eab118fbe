"""The training images, decoded once and kept on the device, and the batches drawn from them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from handful.augment import Colour, Geometry, apply_warp, change_colour, draw_warp

IGNORE = 255  # the class number of pixels to leave out
PLACES = 4096  # remembered pixels of a class in an image: enough to find any object again


@dataclass(frozen=True)
class Batch:
    image: Tensor  # (B, C, H, W) float32
    target: Tensor  # (B, H, W) int64, 255 = leave out
    weight: Tensor | None  # (B, H, W) float32


class Pool:
    """Draws augmented batches. All chance comes from (seed, step), so that any step can be drawn again.

    images: standardised float32 (C, H, W); masks: uint8 (H, W); weights: float32 (H, W) or None. `focus` is the share
    of the samples that are centred on a pixel of a class drawn evenly from the classes of the set.
    """

    def __init__(
        self,
        images: list[NDArray[np.float32]],
        masks: list[NDArray[np.uint8]],
        *,
        weights: list[NDArray[np.float32]] | None = None,
        patch: tuple[int, int],
        batch: int,
        geometry: Geometry,
        colour: Colour,
        focus: float,
        seed: int,
        device: torch.device,
    ) -> None:
        self.planes = [torch.from_numpy(np.ascontiguousarray(image)).to(device) for image in images]
        maps = [mask[None].astype(np.float32) for mask in masks]
        if weights is not None:
            self.planes = [
                torch.cat([plane, torch.from_numpy(weight)[None].to(device)])
                for plane, weight in zip(self.planes, weights, strict=True)
            ]
        self.masks = [torch.from_numpy(one).to(device) for one in maps]
        self.weighted = weights is not None
        self.patch, self.batch = patch, batch
        self.geometry, self.colour, self.focus = geometry, colour, focus
        self.seed, self.device = seed, device
        rng = np.random.default_rng(seed)
        # Big images are drawn more often, by the square root of their area: by area one slide would be all there is.
        area = np.array([mask.size for mask in masks], float) ** 0.5
        self.odds = area / area.sum()
        self.places: dict[int, list[tuple[int, NDArray[np.int64]]]] = {}
        for index, mask in enumerate(masks):
            for value in np.unique(mask):
                if value != IGNORE:
                    flat = np.flatnonzero(mask == value)
                    if flat.size > PLACES:
                        flat = np.sort(rng.choice(flat, PLACES, replace=False))
                    self.places.setdefault(int(value), []).append((index, flat))

    def draw(self, step: int) -> Batch:
        """The batch of this step."""
        rng = np.random.default_rng((self.seed, step))
        generator = torch.Generator().manual_seed(int(rng.integers(2**62)))
        offsets = draw_warp(self.geometry, self.batch, self.patch, generator)
        # From the whole image and not from a window of it: nothing is copied but what is read.
        spots = [(*self._spot(rng), offset) for offset in offsets]
        planes = torch.stack([apply_warp(self.planes[i], middle, one, mode="bilinear") for i, middle, one in spots])
        masks = torch.stack([apply_warp(self.masks[i], middle, one, mode="nearest")[0] for i, middle, one in spots])
        weight = planes[:, -1] if self.weighted else None
        image = planes[:, :-1] if self.weighted else planes
        return Batch(change_colour(image, self.colour, generator), masks.long(), weight)

    def class_shares(self, classes: int) -> list[float]:
        """Share of the pixels in each class, over all images."""
        counts = torch.stack([torch.bincount(mask.flatten().long(), minlength=256)[:classes] for mask in self.masks])
        return list((counts.sum(0) / counts.sum().clamp_min(1)).tolist())

    def _spot(self, rng: np.random.Generator) -> tuple[int, tuple[float, float]]:
        """An image and the point of it, row and column, that becomes the middle of a sample."""
        if self.places and rng.random() < self.focus:
            choices = self.places[sorted(self.places)[rng.integers(len(self.places))]]
            index, flat = choices[rng.integers(len(choices))]
            row, column = divmod(int(rng.choice(flat)), self.masks[index].shape[2])
            jitter = rng.integers(-(min(self.patch) // 4), min(self.patch) // 4 + 1, 2)
            row, column = row + int(jitter[0]), column + int(jitter[1])
        else:
            index = int(rng.choice(len(self.odds), p=self.odds))
            height, width = self.masks[index].shape[1:]
            row, column = int(rng.integers(height)), int(rng.integers(width))
        height, width = self.masks[index].shape[1:]
        return index, (middle_inside(row, height, self.patch[0]), middle_inside(column, width, self.patch[1]))


def middle_inside(place: int, size: int, patch: int) -> float:
    """The middle of a patch near `place` that lies inside the image, or of one that is centred where none can.

    Patches begin on a pixel, so that one that is not warped is read exactly.
    """
    first = min(max(place - patch // 2, 0), size - patch) if patch < size else (size - patch) // 2
    return first + (patch - 1) / 2
