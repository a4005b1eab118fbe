"""What costs nothing: answers that no network is needed for, scored on the same images.

A score means little until it is set beside the constant answer and Otsu's threshold.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from handful.measure.overlap import VOID, count_confusion, dice, overlap_of_table


def constant_table(table: NDArray[Any], answer: int) -> NDArray[np.int64]:
    """The table of `count_confusion`, (..., classes, classes + 1), had every pixel been called `answer`."""
    constant = np.zeros(table.shape, np.int64)
    constant[..., answer] = table.sum(axis=-1)
    return constant


def otsu_bright(image: NDArray[Any]) -> NDArray[np.bool_]:
    """True where an image (H, W) or (H, W, C) is brighter than its own Otsu threshold; all False where constant.

    Channels are averaged. Otsu (1979), https://doi.org/10.1109/TSMC.1979.4310076, from scikit-image.
    """
    from skimage.filters import threshold_otsu

    grey = np.asarray(image)
    if grey.ndim == 3:
        grey = grey[..., 0] if grey.shape[2] == 1 else grey.mean(axis=2, dtype=np.float32)
    if grey.dtype.kind == "b":
        grey = grey.astype(np.uint8)
    if grey.dtype.kind == "f":
        grey = np.nan_to_num(grey)
    if grey.size == 0 or grey.min() == grey.max():
        return np.zeros(grey.shape, np.bool_)
    bright: NDArray[np.bool_] = grey > threshold_otsu(grey)
    return bright


def choose_polarity(
    images: Iterable[NDArray[Any]], masks: Iterable[NDArray[Any]], *, foreground: int = 1, void: int = VOID
) -> bool:
    """Whether Otsu does better on these (training) images with bright objects (True) or dark ones (False).

    Choosing on training images keeps the comparison fair: test truth must not help the trivial answer either.
    """
    tables = np.zeros((2, 2, 3), np.int64)
    for image, mask in zip(images, masks, strict=True):
        above = otsu_bright(image)
        for bright in (False, True):
            answer = ((above == bright) == (foreground == 1)).astype(np.uint8)
            tables[int(bright)] += count_confusion(mask, answer, 2, void=void)
    tp, fp, fn, _ = overlap_of_table(tables)
    dark_score, bright_score = np.nan_to_num(dice(tp, fp, fn)[:, foreground])
    return bool(bright_score >= dark_score)
