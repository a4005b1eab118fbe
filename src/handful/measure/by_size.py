"""Where errors sit by size: small objects against large ones, classes that cover little of an image against much."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import isnan, nan
from typing import Any

import numpy as np
from numpy.typing import NDArray

from handful.measure.matches import ObjectMatches
from handful.names import plural

GROUPS = 4  # of objects, equally many in each
LEAST_OBJECTS = 8  # for more than one group
SHARES = (0.0, 0.01, 0.05, 0.2, 1.0)  # of an image that a class covers: a speck, a little, a part, most


@dataclass(frozen=True)
class SizeRow:
    """One group: what sizes, how many objects or images, the mean of their IoU or Dice, and the share found.

    found: of objects, how many are overlapped by a predicted one by half (IoU .5); nan where nothing is counted.
    """

    label: str
    n: int
    mean: float
    found: float = nan

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values; nan becomes None."""
        return {
            "label": self.label,
            "n": self.n,
            "mean": None if isnan(self.mean) else self.mean,
            "found": None if isnan(self.found) else self.found,
        }


def objects_by_size(matches: Sequence[ObjectMatches]) -> list[SizeRow]:
    """True objects of all images in groups of rising area, about equally many in each; empty without objects."""
    area = np.concatenate([one.true_area for one in matches]) if matches else np.zeros(0, np.int64)
    iou = np.concatenate([one.true_iou for one in matches]) if matches else np.zeros(0)
    area, iou = area[area > 0], iou[area > 0]
    if not area.size:
        return []
    groups = GROUPS if area.size >= LEAST_OBJECTS else 1
    edges = np.unique(np.ceil(np.quantile(area, np.arange(groups) / groups))).astype(np.int64).tolist()
    edges.append(int(area.max()) + 1)
    rows = []
    for low, high in pairwise(edges):
        inside = (area >= low) & (area < high)
        if inside.any():
            label = f"{low} to {high - 1} pixels" if high - 1 > low else plural(low, "pixel")
            found = float((iou[inside] >= 0.5).mean())
            rows.append(SizeRow(label, int(inside.sum()), float(iou[inside].mean()), found))
    return rows


def classes_by_share(shares: NDArray[Any], dice: NDArray[Any]) -> list[SizeRow]:
    """Classes in images grouped by the share of the image that they truly cover, each with its mean Dice.

    shares, dice: (n,), one entry for every class in every image; an absent class or one with nothing to score is
    passed over.
    """
    known = (shares > 0) & ~np.isnan(dice)
    shares, dice = shares[known], dice[known]
    rows = []
    for low, high in pairwise(SHARES):
        inside = (shares > low) & (shares <= high)
        if inside.any():
            label = f"{100 * low:g} to {100 * high:g} % of the image" if low else f"up to {100 * high:g} % of the image"
            rows.append(SizeRow(label, int(inside.sum()), float(dice[inside].mean())))
    return rows
