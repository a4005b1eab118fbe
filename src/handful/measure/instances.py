"""Are the separate objects right: one-to-one matching by overlap, and the scores that follow from it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from handful.measure.contingency import Contingency, count_shared
from handful.measure.overlap import ratio

THRESHOLDS = tuple(round(0.5 + 0.05 * step, 2) for step in range(10))

IntArray = NDArray[np.int64]
FloatArray = NDArray[np.float64]


@dataclass(frozen=True)
class InstanceCounts:
    """Objects of one image, matched at each IoU threshold.

    `tp` (thresholds,) matched pairs and `iou` (thresholds,) the sum of their IoU; `true` and `predicted` are the
    numbers of objects, so false positives are predicted - tp and false negatives true - tp.
    """

    thresholds: tuple[float, ...]
    tp: IntArray
    iou: FloatArray
    true: int
    predicted: int


def count_instances(
    true: NDArray[Any],
    predicted: NDArray[Any],
    *,
    thresholds: Sequence[float] = THRESHOLDS,
    ignore: NDArray[np.bool_] | None = None,
    name: str = "labels",
) -> InstanceCounts:
    """Match the objects of one image.

    Parameters
    ----------
    true, predicted : (H, W) labels, 0 for none. A label in two pieces is one object.
    thresholds : IoU from which on (>=, as StarDist; Kaggle has >) a pair may match.
    ignore : True where a pixel is left out; an object wholly inside it does not count.

    How it works
    ------------
    1. One table says how many pixels each true object shares with each predicted one; from it comes the IoU of every
       pair that touches.
    2. At each threshold keep the pairs that reach it, and pair off one to one so that as many as possible match and,
       among those ways, their IoU is largest.
    3. Above 0.5 no object can be in two pairs (two disjoint objects cannot both cover most of a third), and at exactly
       0.5 only the two halves of an object can compete, so taking pairs by falling IoU is the best matching. Below
       0.5 the assignment problem is solved.
    """
    shared = count_shared(true, predicted, ignore=ignore, name=name)
    rows, columns, overlaps, true_count, predicted_count = _object_pairs(shared)
    matched, summed = [], []
    for threshold in thresholds:
        keep = overlaps >= threshold
        match = _match_greedy if threshold >= 0.5 else _match_best
        chosen = match(rows[keep], columns[keep], overlaps[keep])
        matched.append(len(chosen))
        summed.append(float(chosen.sum()))
    return InstanceCounts(
        tuple(thresholds), np.array(matched, np.int64), np.array(summed, np.float64), true_count, predicted_count
    )


def _object_pairs(shared: Contingency) -> tuple[IntArray, IntArray, FloatArray, int, int]:
    true_ids, rows = np.unique(shared.true, return_inverse=True)
    predicted_ids, columns = np.unique(shared.predicted, return_inverse=True)
    true_area = np.bincount(rows, shared.pixels, minlength=len(true_ids))
    predicted_area = np.bincount(columns, shared.pixels, minlength=len(predicted_ids))
    both = (shared.true > 0) & (shared.predicted > 0)
    rows, columns, pixels = rows[both], columns[both], shared.pixels[both]
    overlaps = pixels / (true_area[rows] + predicted_area[columns] - pixels)
    return rows, columns, overlaps, int(np.sum(true_ids > 0)), int(np.sum(predicted_ids > 0))


def _match_greedy(rows: IntArray, columns: IntArray, overlaps: FloatArray) -> FloatArray:
    order = np.argsort(-overlaps, kind="stable")
    rows, columns, overlaps = rows[order], columns[order], overlaps[order]
    first_of_row = np.zeros(len(rows), np.bool_)
    first_of_row[np.unique(rows, return_index=True)[1]] = True
    rows, columns, overlaps = rows[first_of_row], columns[first_of_row], overlaps[first_of_row]
    return overlaps[np.unique(columns, return_index=True)[1]]


def _match_best(rows: IntArray, columns: IntArray, overlaps: FloatArray) -> FloatArray:
    from scipy.optimize import linear_sum_assignment

    if not len(rows):
        return overlaps
    row_ids, rows = np.unique(rows, return_inverse=True)
    column_ids, columns = np.unique(columns, return_inverse=True)
    gain = np.zeros((len(row_ids), len(column_ids)))
    # One more match outweighs any IoU, which all together stay below 1 here (as in StarDist's matching).
    gain[rows, columns] = 1 + overlaps / (2 * min(gain.shape))
    overlap = np.zeros(gain.shape)
    overlap[rows, columns] = overlaps
    chosen = linear_sum_assignment(gain, maximize=True)
    picked: FloatArray = overlap[chosen]
    return picked[picked > 0]


def average_precision(tp: NDArray[Any], true: NDArray[Any], predicted: NDArray[Any]) -> FloatArray:
    """tp / (tp + fp + fn), as the Data Science Bowl 2018 and StarDist have it; nan where there is no object at all."""
    return ratio(tp, np.asarray(true) + predicted - tp)


def f1(tp: NDArray[Any], true: NDArray[Any], predicted: NDArray[Any]) -> FloatArray:
    """2 tp / (2 tp + fp + fn), which is also recognition quality RQ; nan where there is no object at all."""
    return ratio(2 * np.asarray(tp), np.asarray(true) + predicted)


def segmentation_quality(tp: NDArray[Any], iou: NDArray[Any]) -> FloatArray:
    """SQ, the mean IoU of matched pairs; nan where none matched."""
    return ratio(iou, tp)


def panoptic_quality(tp: NDArray[Any], iou: NDArray[Any], true: NDArray[Any], predicted: NDArray[Any]) -> FloatArray:
    """PQ = sum of IoU / (tp + fp/2 + fn/2) = SQ x RQ (Kirillov et al. 2019); nan where there is no object at all."""
    return ratio(2 * np.asarray(iou), np.asarray(true) + predicted)
