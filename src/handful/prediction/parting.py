"""How the objects of a model are parted: general settings, and what images held back from training say of them.

How it works:
1. For each image and each `threshold` the hills of the foreground are found once, and counted is how many pixels each
   shares with each true object.
2. Every other setting only joins hills or drops objects, so its score comes from adding up those counts.
3. The setting with the best mean AP at IoU .5 over the images replaces the general one if its gain, image by image, is
   more than luck.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import product

import numpy as np
from numpy.typing import NDArray

from handful.data.region import middle_window
from handful.names import plural
from handful.prediction.instances import Hills, ObjectSettings, find_foreground, find_gaps, find_hills

# For a mask cut at probability .5. Mean AP@.5 on 50 to 75 unseen nuclei images of six nets (4 to 16 images, 18 to 193
# steps), with everything kept and so: .699 .731, .697 .715, .719 .742, .711 .724, .685 .695, .580 .595. Cutting the
# objects at .6 as well as dropping those below .85 was best on the first two (.72) and lost on the fourth and fifth.
GENERAL = ObjectSettings(min_probability=0.75)
# Where the net answers interiors: three nets of 200 steps, 75 images, AP@.5 with `lift` and `h` 0, .5: .722 .713 .724;
# 2, .5: .720 .706 .724; 2, 1: .725 .715 .738; 5, 1: .712 .713 .728; 10, 1: .692 .692 .712.
LIFTED = replace(GENERAL, lift=2.0, h=1.0)
THRESHOLDS = (0.0, 0.6, 0.7, 0.8)
RISES = (0.25, 0.5, 0.75, 1.0, 1.5, 2.5)  # h
PROBABILITIES = (0.0, 0.7, 0.75, 0.8, 0.85, 0.9, 0.93)
LEAST_IMAGES = 2
SIDE = 512  # pixels of an image that are looked at, across and down: a quarter of a second
# Standard errors. AP@.5 of unseen nuclei images against the general settings, drawing 2, 4, 8 and 16 others to fit on:
# two nets with 0 .001 .008 .013 .020 and -.010 -.006 -.004 -.001, with 1 .000 .003 .009 .013 and -.002 -.002 -.001 0,
# with 2 .001 .000 .001 .002 and 0; a net of 13 steps that is never sure with 1 .20 .26 .30 .30, with 2 .14 .19 .27 .30.
LUCK = 1.0
SPREAD, PULL = 0.1, 4  # of the gain from image to image, known before, which counts as much as so many images
SMALLEST, SHARE_SMALLER = 0.01, 0.5  # quantile of the true objects' sizes, and the share of it that is let through
# Holes are filled that fewer than one true object in 20 has, up to half of the middle object: annotators of nuclei
# leave out a pixel in 3 of 100. Two nets, 75 images, AP@.5 with holes of up to 0, 20, 100, 300 pixels filled: .714 .719
# .723 .723 and .702 .707 .716 .714.
HOLED, SHARE_HOLE = 0.05, 0.5

FloatArray = NDArray[np.float64]


@dataclass(frozen=True)
class Case:
    """One image: mask (H, W), probabilities (classes, H, W), true labels (H, W), where pixels do not count, and the
    probabilities of interiors (H, W) where the net answers them."""

    mask: NDArray[np.uint8]
    probabilities: NDArray[np.float32]
    true: NDArray[np.int32]
    ignore: NDArray[np.bool_]
    interior: NDArray[np.float32] | None = None

    def middle(self) -> Case:
        """At most SIDE pixels across and down, so that the time is bounded."""
        window = (..., *middle_window(self.mask.shape, SIDE))
        return replace(self, **{name: part[window] for name, part in vars(self).items() if part is not None})


@dataclass(frozen=True)
class Shared:
    """Hills of one image and what they share with the true objects.

    areas (n + 1,), sums of the probabilities (classes, n + 1), and hill, true object and pixels of every overlap.
    """

    hills: Hills
    areas: FloatArray
    sums: FloatArray
    overlaps: tuple[NDArray[np.int64], NDArray[np.int64], FloatArray]
    true_areas: FloatArray

    def counts(self, h: float, background: int, min_size: int) -> tuple[FloatArray, NDArray[np.bool_], int]:
        """Of the objects at `h`: mean probability (m,) and whether each is right (m,); how many true ones there are."""
        root = self.hills.joined(h)
        areas = np.bincount(root, self.areas, len(root))
        sums = np.stack([np.bincount(root, one, len(root)) for one in self.sums])
        sums[background] = -1
        hill, true, pixels = self.overlaps
        width = len(self.true_areas)
        keys, place = np.unique(root[hill].astype(np.int64) * width + true, return_inverse=True)
        both = np.bincount(place.ravel(), pixels, len(keys))
        own, other = keys // width, keys % width
        right = np.zeros(len(root), np.bool_)
        right[own[both >= 0.5 * (areas[own] + self.true_areas[other] - both)]] = True
        objects = np.flatnonzero((areas > 0) & (areas >= min_size))
        objects = objects[objects > 0]
        means: FloatArray = sums[:, objects].max(axis=0) / areas[objects]
        return means, right[objects], int((self.true_areas[1:] > 0).sum())


def share(case: Case, background: int, settings: ObjectSettings) -> Shared:
    """The hills of an image at one threshold against the truth."""
    foreground = find_foreground(case.mask, case.probabilities, background, settings)
    hills = find_hills(foreground, case.interior, settings)
    counted = ~case.ignore
    labels, true = hills.labels[counted].astype(np.int64), case.true[counted].astype(np.int64)
    number, width = len(hills.peaks), int(case.true.max(initial=0)) + 1
    keys, pixels = np.unique(labels * width + true, return_counts=True)
    both = (keys // width > 0) & (keys % width > 0)
    return Shared(
        hills,
        np.bincount(labels, minlength=number).astype(np.float64),
        np.stack([np.bincount(labels, plane[counted], number) for plane in case.probabilities]),
        (keys[both] // width, keys[both] % width, pixels[both].astype(np.float64)),
        np.bincount(true, minlength=width).astype(np.float64),
    )


def precision_table(case: Case, background: int, settings: Sequence[ObjectSettings]) -> FloatArray:
    """AP at IoU .5 of one image under each of the settings; 1 where there is nothing and nothing is found."""
    shared: dict[float, Shared] = {}
    counts: dict[tuple[float, float], tuple[FloatArray, NDArray[np.bool_], int]] = {}
    found = []
    for one in settings:
        if one.threshold not in shared:
            shared[one.threshold] = share(case, background, one)
        key = one.threshold, one.h
        if key not in counts:
            counts[key] = shared[one.threshold].counts(one.h, background, one.min_size)
        means, right, true = counts[key]
        kept = means >= one.min_probability
        hits = int((kept & right).sum())
        either = true + int(kept.sum()) - hits
        found.append(hits / either if either else 1.0)
    return np.array(found)


def fit_parting(
    cases: Iterable[Case], background: int, general: ObjectSettings, *, until: float | None = None
) -> tuple[ObjectSettings, str]:
    """Settings for objects, and in words what they rest on; stops looking at further images at `until`.

    The general settings stay with fewer than 2 images, and where no others are better beyond luck: their mean gain in
    AP must exceed LUCK standard errors, the spread from image to image being taken as SPREAD by PULL images more.
    """
    grid = [
        replace(general, threshold=threshold, h=h, min_probability=least)
        for threshold, h, least in product(
            sorted({*THRESHOLDS, general.threshold}),
            sorted({*RISES, general.h}),
            sorted({*PROBABILITIES, general.min_probability}),
        )
    ]
    rows: list[FloatArray] = []
    for case in cases:
        if until is not None and time.monotonic() > until:
            break
        rows.append(precision_table(case.middle(), background, grid))
    images = f"{plural(len(rows), 'image')} held back"
    if len(rows) < LEAST_IMAGES:
        return general, f"objects parted by general settings: {images}, {LEAST_IMAGES} are needed to fit others"
    table = np.array(rows)
    usual = grid.index(general)
    best = choose(table - table[:, [usual]])
    words = f"AP@.5 {table[:, usual].mean():.2f} on {images}"
    if best is None:
        return general, f"objects parted by general settings, {words}: none are better beyond luck"
    return grid[best], f"objects parted by fitted settings, AP@.5 {table[:, best].mean():.2f}; by general ones {words}"


def choose(gains: FloatArray) -> int | None:
    """The place of the setting whose gains (images, settings) are best beyond luck; None where there is none."""
    n = len(gains)
    spread = np.sqrt((gains.var(axis=0) * n + PULL * SPREAD**2) / (n + PULL - 1))
    sure = gains.mean(axis=0) - LUCK * spread / np.sqrt(n)
    best = int(sure.argmax())
    return best if sure[best] > 0 else None


def scale_odds(probability: float, factor: float) -> float:
    """The probability whose odds are `factor` times those of `probability`, 0 to 1."""
    odds = factor * probability
    return odds / (odds + 1 - probability)


def general_settings(
    labels: Sequence[NDArray[np.int32]], threshold: float | None, *, interior: bool = False
) -> ObjectSettings:
    """For a mask cut at `threshold` (None: the most probable class), `min_size` and `holes` as the true labels ask for.

    GENERAL, or LIFTED where the net answers the `interior` of objects.

    `min_probability` is as much surer than the threshold as GENERAL's is than .5, in log odds. `min_size` is half of
    what all but one true object in 100 reach: too small loses little, as unsure objects are dropped anyway.
    """
    cut = 0.5 if threshold is None else min(max(threshold, 0.01), 0.99)
    surer = scale_odds(cut, GENERAL.min_probability / (1 - GENERAL.min_probability))
    general = replace(LIFTED if interior else GENERAL, min_probability=round(surer, 3))
    sizes = np.concatenate([np.zeros(0, np.int64), *(np.bincount(one.ravel())[1:] for one in labels)])
    sizes = sizes[sizes > 0]
    if not sizes.size:
        return general
    gaps = np.sort(np.concatenate([find_gaps(one > 0)[1] for one in labels]))
    usual, most = int(HOLED * sizes.size), int(SHARE_HOLE * np.median(sizes))
    return replace(
        general,
        min_size=max(1, int(SHARE_SMALLER * np.quantile(sizes, SMALLEST))),
        holes=int(min(gaps[usual] - 1, most)) if usual < gaps.size else most,
    )
