"""The objects of a label image one by one, each in its own window, so that no output needs an image per object."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage


@dataclass(frozen=True)
class ObjectPixels:
    """The pixels of object `number`: `inside` bool (h, w), its first pixel at row `top` and column `left`."""

    number: int
    top: int
    left: int
    inside: NDArray[np.bool_]


def each_object(labels: NDArray[np.int32]) -> Iterator[ObjectPixels]:
    """Objects 1 to n of labels (H, W); numbers that do not occur are passed over."""
    for number, box in enumerate(ndimage.find_objects(labels), start=1):
        if box is not None:
            yield ObjectPixels(number, box[0].start, box[1].start, labels[box] == number)
