"""The batches drawn from the training images."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import dataclass
from math import isfinite

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from handful.augment import Colour, Geometry, apply_paste, apply_warp, change_colour, draw_paste, draw_warp
from handful.losses.cross_entropy import pixel_costs
from handful.losses.parts import IGNORE
from handful.training.store import Store

SPARSE = 4  # every 4th pixel in both directions tells well enough how hard a sample was
LEAST_LOSS, MEMORY = 0.02, 0.7  # of what an image cost; an image learnt by heart is still drawn now and then


@dataclass(frozen=True)
class Batch:
    image: Tensor  # (B, C, H, W) float32
    target: Tensor  # (B, H, W) int64, 255 = leave out
    weight: Tensor | None  # (B, H, W) float32
    sources: tuple[int, ...]  # the number of the training image that each sample was cut from


class Pool:
    """Draws augmented batches. All chance comes from (seed, step): with its `costs` any step can be drawn again.

    `focus` is the share of the samples that are centred on a pixel of a class drawn evenly from the classes of the set.
    `hardness`: the odds of an image are multiplied by its recent cross-entropy to this power, 0 for even odds (after
    Loshchilov and Hutter 2015, who draw by rank): among a handful of images the only one of its look is otherwise
    learnt too late. `paste` is the chance of a sample to have objects of `kinds` from another pasted into it, see
    `handful.augment.paste`.
    """

    def __init__(
        self,
        store: Store,
        *,
        patch: tuple[int, int],
        batch: int,
        geometry: Geometry,
        colour: Colour,
        focus: float,
        hardness: float = 0.0,
        paste: float = 0.0,
        kinds: Sequence[Sequence[int]] = (),
        seed: int,
        device: torch.device,
    ) -> None:
        self.patch, self.batch = patch, batch
        self.geometry, self.colour, self.focus, self.hardness = geometry, colour, focus, hardness
        self.paste, self.kinds = paste, kinds
        self.seed, self.device = seed, device
        self._take(store)

    def _take(self, store: Store) -> None:
        """Draw from these images, of which none was seen yet."""
        self.store = store
        # Big images are drawn more often, by the square root of their area: by area one slide would be all there is.
        area = np.array([height * width for height, width in store.shapes], float) ** 0.5
        self.area = area / area.sum()
        self.costs = np.full(len(area), 0.5)  # of the images when last seen, an average over a few samples

    def on(self, device: torch.device) -> Pool:
        """The same pool with its images on another device."""
        moved = copy.copy(self)
        moved.store, moved.costs, moved.device = self.store.on(device), self.costs.copy(), device
        return moved

    def of(self, store: Store) -> Pool:
        """A pool of other images, drawn as this one's are."""
        other = copy.copy(self)
        other._take(store)
        return other

    def plain(self) -> Pool:
        """The same pool with its samples as they are: not warped, changed in colour, pasted into or drawn by class."""
        other = copy.copy(self)
        other.geometry, other.colour = Geometry(flip=False, upside_down=False, chance=0), Colour(0, 0, 0, 0, 0)
        other.focus = other.paste = 0.0
        return other

    def draw(self, step: int) -> Batch:
        """The batch of this step."""
        rng = np.random.default_rng((self.seed, step))
        generator = torch.Generator().manual_seed(int(rng.integers(2**62)))
        offsets = draw_warp(self.geometry, self.batch, self.patch, generator)
        # From the whole image and not from a window of it: nothing is copied but what is read.
        odds = self.odds()
        spots = [(*self._spot(rng, odds), offset) for offset in offsets]
        store = self.store
        store.fetch([index for index, _, _ in spots])
        planes = torch.stack([apply_warp(store.planes(i), middle, one, mode="bilinear") for i, middle, one in spots])
        masks = torch.stack([apply_warp(store.mask(i), middle, one, mode="nearest")[0] for i, middle, one in spots])
        weight = planes[:, -1] if store.weighted else None
        # Before anything is pasted: an object and the ground behind it are each in a light of their own.
        image = change_colour(planes[:, :-1] if store.weighted else planes, self.colour, generator)
        if self.paste:
            others, taken = draw_paste(masks, self.kinds, self.paste, generator)
            image, masks = apply_paste(image, others, taken), apply_paste(masks, others, taken)
            weight = None if weight is None else apply_paste(weight, others, taken)
        return Batch(image, masks.long(), weight, tuple(index for index, _, _ in spots))

    def odds(self) -> NDArray[np.float64]:
        """Of each image to be drawn next."""
        odds = self.area * np.maximum(self.costs, LEAST_LOSS) ** self.hardness
        return np.asarray(odds / odds.sum())

    @torch.no_grad()
    def remember(self, batch: Batch, logits: Tensor) -> None:
        """Note what each sample of a batch cost, so that images which the net finds hard are drawn more often."""
        if not self.hardness:
            return
        target = batch.target[:, ::SPARSE, ::SPARSE]
        costs = pixel_costs(logits[:, :, ::SPARSE, ::SPARSE], target)
        each = costs.sum((1, 2)) / (target != IGNORE).sum((1, 2)).clamp_min(1)
        for index, cost in zip(batch.sources, each.tolist(), strict=True):
            if isfinite(cost):
                self.costs[index] = MEMORY * self.costs[index] + (1 - MEMORY) * cost

    def class_shares(self, classes: int) -> list[float]:
        """Share of the pixels in each class."""
        counts = self.store.count()[:classes]
        return list((counts / counts.sum().clamp_min(1)).tolist())

    def _spot(self, rng: np.random.Generator, odds: NDArray[np.float64]) -> tuple[int, tuple[float, float]]:
        """An image and the point of it, row and column, that becomes the middle of a sample."""
        holders = self.store.holders
        if holders and rng.random() < self.focus:
            value = sorted(holders)[rng.integers(len(holders))]
            index = holders[value][rng.integers(len(holders[value]))]
            height, width = self.store.shapes[index]
            flat = self.store.places(index, value)
            row, column = divmod(int(rng.choice(flat) if flat.size else rng.integers(height * width)), width)
            jitter = rng.integers(-(min(self.patch) // 4), min(self.patch) // 4 + 1, 2)
            row, column = row + int(jitter[0]), column + int(jitter[1])
        else:
            index = int(rng.choice(len(odds), p=odds))
            height, width = self.store.shapes[index]
            row, column = int(rng.integers(height)), int(rng.integers(width))
        return index, (middle_inside(row, height, self.patch[0]), middle_inside(column, width, self.patch[1]))


def middle_inside(place: int, size: int, patch: int) -> float:
    """The middle of a patch near `place` that lies inside the image, or of one that is centred where none can.

    Patches begin on a pixel, so that one that is not warped is read exactly.
    """
    first = min(max(place - patch // 2, 0), size - patch) if patch < size else (size - patch) // 2
    return first + (patch - 1) / 2
