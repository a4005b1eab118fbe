"""How far a predicted mask covers the true one: counts first, ratios later.

One table a picture (true class by predicted class) feeds every score here, so scores of many images, of one class or
of a resample are sums of tables and never a second look at the pixels.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from handful.errors import DataError

VOID = 255

IntArray = NDArray[np.int64]
FloatArray = NDArray[np.float64]


def count_confusion(
    true: NDArray[Any], predicted: NDArray[Any], classes: int, *, void: int = VOID, name: str = "mask"
) -> IntArray:
    """Pixels of one image by true class (row) and predicted class (column).

    Parameters
    ----------
    true, predicted : integer or bool arrays of one shape, usually (H, W); values are class numbers or `void`.
    classes : number of classes.
    void : value that stands for "leave this pixel out". In `predicted` it means "no answer".
    name : what to call the image in an error message.

    Returns
    -------
    (classes, classes + 1) int64. Pixels that are void in the truth are not counted. The last column holds pixels that
    have a true class but no answer: a miss for the true class and a false alarm for none.

    Raises
    ------
    DataError : shapes differ, or a value is neither a class nor void.
    """
    true, predicted = np.asarray(true), np.asarray(predicted)
    if true.shape != predicted.shape:
        raise DataError(
            f"{name}: the predicted mask is {_size(predicted)} but the true mask is {_size(true)}. "
            "Both must have the size of the image; crop or resize neither, predict again."
        )
    for which, mask in (("true", true), ("predicted", predicted)):
        if mask.dtype.kind not in "bui":
            raise DataError(f"{name}: the {which} mask holds {mask.dtype} values; expected whole class numbers.")
        if mask.dtype.itemsize > 1 and mask.size and (mask.min() < 0 or mask.max() > 255):
            raise DataError(
                f"{name}: the {which} mask holds values from {mask.min()} to {mask.max()}; expected classes 0 to "
                f"{classes - 1}, or {void} for void. Labels of single objects are not a mask."
            )
    # All 256 x 256 pairs of bytes in one pass: faster than masking out void first, and wrong values show in the table.
    pairs = true.astype(np.uint16) << 8
    pairs |= predicted.astype(np.uint8)
    joint = np.bincount(pairs.ravel(), minlength=1 << 16).reshape(256, 256)
    for which, found in (("true", joint.sum(axis=1)), ("predicted", joint.sum(axis=0))):
        unknown = [int(value) for value in np.flatnonzero(found) if value >= classes and value != void]
        if unknown:
            raise DataError(
                f"{name}: the {which} mask holds value {unknown[0]}, which is no class; expected 0 to {classes - 1}, "
                f"or {void} for void."
            )
    table = np.zeros((classes, classes + 1), np.int64)
    table[:, :classes] = joint[:classes, :classes]
    if void >= classes:
        table[:, classes] = joint[:classes, void]
    return table


def count_overlap(
    true: NDArray[Any], predicted: NDArray[Any], classes: int, *, void: int = VOID
) -> tuple[IntArray, IntArray, IntArray, IntArray]:
    """True positives, false positives, false negatives, true negatives of one image, each (classes,) int64."""
    return overlap_of_table(count_confusion(true, predicted, classes, void=void))


def overlap_of_table(table: NDArray[Any]) -> tuple[IntArray, IntArray, IntArray, IntArray]:
    """tp, fp, fn, tn, each (..., classes), of tables (..., classes, classes + 1) from `count_confusion`."""
    classes = table.shape[-2]
    tp = np.diagonal(table[..., :classes], axis1=-2, axis2=-1).copy()
    fp = table[..., :classes].sum(axis=-2) - tp
    fn = table.sum(axis=-1) - tp
    tn = table.sum(axis=(-2, -1))[..., None] - tp - fp - fn
    return tp, fp, fn, tn


@dataclass(frozen=True)
class Counts:
    """Pixels of many images: `tp`, `fp`, `fn`, `tn` are int64 (images, classes), in the order of `names`."""

    names: tuple[str, ...]
    tp: IntArray
    fp: IntArray
    fn: IntArray
    tn: IntArray

    @classmethod
    def from_tables(cls, names: Sequence[str], tables: NDArray[Any]) -> Counts:
        """Counts from stacked tables (images, classes, classes + 1)."""
        return cls(tuple(names), *overlap_of_table(tables))


def ratio(top: NDArray[Any], bottom: NDArray[Any]) -> FloatArray:
    """top / bottom, nan where bottom is 0: nothing to score."""
    top, bottom = np.broadcast_arrays(np.asarray(top, np.float64), np.asarray(bottom, np.float64))
    out: FloatArray = np.divide(top, bottom, out=np.full(top.shape, np.nan), where=bottom != 0)
    return out


def dice(tp: NDArray[Any], fp: NDArray[Any], fn: NDArray[Any]) -> FloatArray:
    """2 tp / (2 tp + fp + fn), 0 to 1; nan where the class is in neither mask (Dice 1945)."""
    return ratio(2 * tp, 2 * tp + fp + fn)


def iou(tp: NDArray[Any], fp: NDArray[Any], fn: NDArray[Any]) -> FloatArray:
    """tp / (tp + fp + fn), 0 to 1; nan where the class is in neither mask (Jaccard 1912)."""
    return ratio(tp, tp + fp + fn)


def precision(tp: NDArray[Any], fp: NDArray[Any], fn: NDArray[Any]) -> FloatArray:
    """tp / (tp + fp): the share of what was marked that is right; nan where nothing was marked."""
    return ratio(tp, tp + fp)


def recall(tp: NDArray[Any], fp: NDArray[Any], fn: NDArray[Any]) -> FloatArray:
    """tp / (tp + fn): the share of what is there that was marked; nan where nothing is there."""
    return ratio(tp, tp + fn)


RATIOS = {"dice": dice, "iou": iou, "precision": precision, "recall": recall}


def dice_per_image(counts: Counts) -> FloatArray:
    """Dice of each image and class, (images, classes); nan where the class is in neither mask of that image."""
    return dice(counts.tp, counts.fp, counts.fn)


def dice_pooled(counts: Counts) -> FloatArray:
    """Dice of each class over all pixels of all images together, (classes,)."""
    return dice(counts.tp.sum(axis=0), counts.fp.sum(axis=0), counts.fn.sum(axis=0))


def iou_per_image(counts: Counts) -> FloatArray:
    """IoU of each image and class, (images, classes); nan where the class is in neither mask of that image."""
    return iou(counts.tp, counts.fp, counts.fn)


def iou_pooled(counts: Counts) -> FloatArray:
    """IoU of each class over all pixels of all images together, (classes,)."""
    return iou(counts.tp.sum(axis=0), counts.fp.sum(axis=0), counts.fn.sum(axis=0))


def precision_per_image(counts: Counts) -> FloatArray:
    """Precision of each image and class, (images, classes); nan where nothing was marked."""
    return precision(counts.tp, counts.fp, counts.fn)


def precision_pooled(counts: Counts) -> FloatArray:
    """Precision of each class over all pixels of all images together, (classes,)."""
    return precision(counts.tp.sum(axis=0), counts.fp.sum(axis=0), counts.fn.sum(axis=0))


def recall_per_image(counts: Counts) -> FloatArray:
    """Recall of each image and class, (images, classes); nan where the class is not there."""
    return recall(counts.tp, counts.fp, counts.fn)


def recall_pooled(counts: Counts) -> FloatArray:
    """Recall of each class over all pixels of all images together, (classes,)."""
    return recall(counts.tp.sum(axis=0), counts.fp.sum(axis=0), counts.fn.sum(axis=0))


def accuracy(counts: Counts) -> float:
    """Share of scored pixels whose class is right, over all images together; nan where no pixel is scored."""
    return float(ratio(counts.tp.sum(), (counts.tp + counts.fn).sum()))


def mean_present(values: NDArray[Any], axis: int = -1) -> FloatArray:
    """Mean along an axis without the nan; nan (and no warning) where all are nan."""
    present = ~np.isnan(values)
    return ratio(np.where(present, values, 0.0).sum(axis=axis), present.sum(axis=axis))


def _size(mask: NDArray[Any]) -> str:
    return "x".join(str(side) for side in mask.shape)
