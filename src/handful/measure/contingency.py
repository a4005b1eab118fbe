"""How two labelled pictures share their pixels: one sparse table feeds matching and Rand scores alike.

After scikit-image's `contingency_table`, with the zeros kept apart so that each score can say what they mean to it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from handful.errors import DataError

IntArray = NDArray[np.int64]


@dataclass(frozen=True)
class Contingency:
    """Pairs of labels that share pixels: `pixels[k]` pixels have label `true[k]` and label `predicted[k]`."""

    true: IntArray
    predicted: IntArray
    pixels: IntArray


def count_shared(
    true: NDArray[Any], predicted: NDArray[Any], *, ignore: NDArray[np.bool_] | None = None, name: str = "labels"
) -> Contingency:
    """Count the pixels of every pair of labels that meet.

    Parameters
    ----------
    true, predicted : whole numbers >= 0, one shape, usually (H, W); 0 is no object.
    ignore : True where a pixel is left out (void).
    """
    true, predicted = np.asarray(true), np.asarray(predicted)
    if true.shape != predicted.shape:
        raise DataError(f"{name}: predicted labels have shape {predicted.shape}, true labels {true.shape}.")
    for which, labels in (("true", true), ("predicted", predicted)):
        if labels.dtype.kind not in "bui" or (labels.size and labels.min() < 0):
            raise DataError(f"{name}: {which} labels must be whole numbers, 0 for no object and 1, 2, ... for objects.")
    if ignore is not None:
        true, predicted = true[~ignore], predicted[~ignore]
    if not true.size:
        nothing = np.zeros(0, np.int64)
        return Contingency(nothing, nothing, nothing)
    width = int(predicted.max()) + 1
    cells = (int(true.max()) + 1) * width
    pairs = (true.astype(np.int64) * width + predicted).ravel()
    if cells <= 4 * pairs.size + 1_000_000:  # counting beats sorting while the table stays about as small as the image
        dense = np.bincount(pairs, minlength=cells)
        found = np.flatnonzero(dense)
        pixels = dense[found]
    else:
        found, pixels = np.unique(pairs, return_counts=True)
    return Contingency(found // width, found % width, pixels.astype(np.int64))
