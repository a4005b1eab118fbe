"""Scores of one image beyond overlap, for comparisons that ask for them: separate objects, cells between membranes."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from handful.data.mask import VOID
from handful.measure.instances import average_precision, count_instances
from handful.measure.rand import label_regions, score_grouping

EDGE = 32  # pixels; more than half the thickness of a boundary
# Of the probability of membrane; the best on training images is taken.
THRESHOLDS = tuple(round(0.1 * step, 1) for step in range(1, 10))


def object_scores(true: NDArray[Any], predicted: NDArray[Any], ignore: NDArray[np.bool_]) -> dict[str, float]:
    """AP at IoU .5 and its mean over .5 to .95, of labels (H, W)."""
    counts = count_instances(true, predicted, ignore=ignore)
    precisions = average_precision(counts.tp, np.array(counts.true), np.array(counts.predicted))
    return {"ap50": float(precisions[0]), "ap": float(precisions.mean())}


def grouping_scores(
    mask: NDArray[np.uint8], boundary: NDArray[Any], threshold: float, between: int
) -> dict[str, float]:
    """V^Rand and V^Info (F, restricted to the foreground) of the cells that a boundary parts, after thinning it.

    mask: true classes (H, W), whose class `between` lies between the boundaries; boundary: its probability (H, W).
    """
    found = score_grouping(label_regions(mask == between), part_cells(boundary, threshold), ignore=mask == VOID)
    return {"rand": found.rand_f, "information": found.information_f}


def part_cells(boundary: NDArray[Any], threshold: float) -> NDArray[np.int32]:
    """Labels of the regions that a boundary parts, 0 on the boundary itself, which is thinned to one pixel."""
    from skimage.morphology import skeletonize

    # Thinned, a boundary that reaches the edge of the image would end before it, and two cells would leak into one.
    lines = skeletonize(np.pad(boundary >= threshold, EDGE, mode="edge"))[EDGE:-EDGE, EDGE:-EDGE]
    return label_regions(~lines)


def choose_threshold(slices: Iterable[tuple[NDArray[np.uint8], NDArray[Any]]], between: int) -> float:
    """The threshold with the best mean V^Rand on (training) slices of (mask, probability of boundary)."""
    looked = list(slices)

    def reached(threshold: float) -> float:
        found = [grouping_scores(mask, boundary, threshold, between)["rand"] for mask, boundary in looked]
        return float(np.nanmean(found)) if found else 0.0

    return max(THRESHOLDS, key=reached)


def trivial_grouping(mask: NDArray[np.uint8], between: int) -> dict[str, dict[str, float]]:
    """What constant answers get: no boundary anywhere (one cell), boundary everywhere (each pixel by itself)."""
    nothing, everything = np.zeros(mask.shape, np.float32), np.ones(mask.shape, np.float32)
    return {
        "no boundary": grouping_scores(mask, nothing, 0.5, between),
        "all boundary": grouping_scores(mask, everything, 0.5, between),
    }
