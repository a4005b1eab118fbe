"""The interior of objects: a further answer of a net whose objects touch.

Seen as one class, two cells that touch are one region, and where they meet is guessed from the region's outline. A net
that is asked for the middle of each object as well tells them apart, and shares what it learns: on nuclei AP@.5 rises
by .018 (docs/why/defaults.md). The classes border and interior in place of one are usual since the Data Science Bowl
2018 (Caicedo et al. 2019).

Numbers: with two classes the net answers a third, number 2. What it gives to that one belongs to the object's class.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from handful.data.mask import MaskReading

NUMBER = 2  # of the further answer: after the two classes
# Of an object's largest distance to its border: the pixels farther away than this are its interior.
SHARE = 0.5


def has_interior(task: str, reading: MaskReading) -> bool:
    """Whether there is one to be learnt: single objects of one class before a background."""
    return task == "instances" and len(reading.classes) == NUMBER and reading.background is not None


def draw_interior(target: NDArray[np.uint8], labels: NDArray[np.int32], interior_of: int) -> NDArray[np.uint8]:
    """The target (H, W) with NUMBER in the interior of each object of `labels` (H, W), where it is `interior_of`.

    An object that the edge of the image cuts goes on behind it; objects that touch end where they touch. One that fills
    the image has no border to be far from, and no interior.
    """
    from scipy import ndimage

    drawn = target.copy()
    around = np.pad(labels, 1, mode="edge")
    for number, box in enumerate(ndimage.find_objects(labels), start=1):
        if box is None:
            continue
        own = around[tuple(slice(span.start, span.stop + 2) for span in box)] == number
        if own.all():
            continue
        inner = ndimage.distance_transform_edt(own)[1:-1, 1:-1]
        here = drawn[box]
        here[(inner > SHARE * inner.max()) & (here == interior_of)] = NUMBER
    return drawn


def merge_planes(planes: Any, interior_of: int | None) -> tuple[Any, Any]:
    """Probabilities (3, ...), array or tensor, as those of the classes (2, ...), in place, and of the interior (...).

    Where no interior is answered (None), the planes as they are and None.
    """
    if interior_of is None:
        return planes, None
    merged, interior = planes[:NUMBER], planes[NUMBER]
    merged[interior_of] += interior
    return merged, interior


def merge_mask(mask: NDArray[np.uint8], interior_of: int | None) -> NDArray[np.uint8]:
    """A mask of the two classes from one with interiors; as it is where there are none (None)."""
    return mask if interior_of is None else np.where(mask == NUMBER, np.uint8(interior_of), mask)
