"""Object by object: how well each true one was found, and how well each predicted one is founded."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from handful.measure.contingency import count_shared

FloatArray = NDArray[np.float64]


@dataclass(frozen=True)
class ObjectMatches:
    """Of one image: area in pixels and best IoU of every true object, best IoU of every predicted one.

    In the order of the label numbers; index k - 1 is label k. Labels that do not occur have area 0 and IoU 0. An IoU
    above .5 pairs two objects and no others, so counting those is the matching of `handful.measure.instances`.
    """

    true_area: NDArray[np.int64]
    true_iou: FloatArray
    predicted_iou: FloatArray


def match_objects(
    true: NDArray[Any], predicted: NDArray[Any], *, ignore: NDArray[np.bool_] | None = None
) -> ObjectMatches:
    """Best overlaps of labels (H, W), 0 none; `ignore` is True where pixels are left out."""
    shared = count_shared(true, predicted, ignore=ignore)
    most_true, most_predicted = int(np.max(true, initial=0)), int(np.max(predicted, initial=0))
    true_area = np.bincount(shared.true, shared.pixels, minlength=most_true + 1)
    predicted_area = np.bincount(shared.predicted, shared.pixels, minlength=most_predicted + 1)
    both = (shared.true > 0) & (shared.predicted > 0)
    rows, columns, pixels = shared.true[both], shared.predicted[both], shared.pixels[both]
    overlaps = pixels / (true_area[rows] + predicted_area[columns] - pixels)
    true_iou, predicted_iou = np.zeros(most_true + 1), np.zeros(most_predicted + 1)
    np.maximum.at(true_iou, rows, overlaps)
    np.maximum.at(predicted_iou, columns, overlaps)
    return ObjectMatches(true_area[1:].astype(np.int64), true_iou[1:], predicted_iou[1:])
