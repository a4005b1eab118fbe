"""What one image gets for its outlines, and for the regions that they part."""

from __future__ import annotations

from collections.abc import Sequence
from math import hypot, isinf, nan
from typing import Any

import numpy as np
from numpy.typing import NDArray

from handful.measure.overlap import mean_present
from handful.measure.rand import label_regions, score_grouping
from handful.measure.surface import hausdorff, surface_dice, surface_distances

TOLERANCE = 2.0  # pixels: what two people who outline the same object differ by


def outline_scores(
    true: NDArray[Any],
    predicted: NDArray[Any],
    ignore: NDArray[np.bool_],
    classes: Sequence[int],
    foreground: int | None,
    labels: tuple[NDArray[Any], NDArray[Any]] | None = None,
) -> dict[str, float]:
    """Surface Dice and Hausdorff 95, the mean over `classes` of masks (H, W); V^Rand and V^Info of the regions.

    A class with an outline in one mask alone has a Hausdorff distance of the diagonal of the image: the mean over
    images can hold no infinite one, and leaving such images out would praise who misses objects. The regions are the
    objects of `labels` (true, predicted) or else the connected pieces of the class `foreground`; nan where neither is
    given.
    """
    surfaces, distances = [], []
    for number in classes:
        found = surface_distances(true == number, predicted == number, ignore=ignore)
        distance = hausdorff(found)
        surfaces.append(surface_dice(found, TOLERANCE))
        distances.append(hypot(*true.shape) if isinf(distance) else distance)
    rand = information = nan
    if labels is None and foreground is not None:
        labels = label_regions((true == foreground) & ~ignore), label_regions((predicted == foreground) & ~ignore)
    if labels is not None:
        grouping = score_grouping(*labels, ignore=ignore)
        rand, information = grouping.rand_f, grouping.information_f
    return {
        "surface_dice_per_image": float(mean_present(np.array(surfaces))),
        "hausdorff95_per_image": float(mean_present(np.array(distances))),
        "rand_per_image": rand,
        "information_per_image": information,
    }
