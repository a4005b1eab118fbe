"""Outlines along the edges of pixels: polygons with whole numbers as corners that hold exactly an object's pixels.

The way between pixels is found from its corners alone (a corner is where an odd number of the four pixels around it, or
two that touch there only, are inside): in each row corners are joined two by two, in each column too.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

Ring = NDArray[np.int64]  # (n, 2) of x, y; the first corner does not come again


def pixel_outlines(inside: NDArray[np.bool_], top: int = 0, left: int = 0) -> list[list[Ring]]:
    """Polygons round the pixels of a window (h, w) at (top, left): of each its outline and then its holes.

    Pixels that touch at a corner only are in polygons of their own; where they are joined elsewhere what they enclose
    is a hole. So polygons are valid (OGC 06-103r4): no ring meets itself.
    """
    framed = np.pad(inside, 1)
    parts = ndimage.label(framed)[0]
    outlines: dict[int, list[Ring]] = {}
    holes: list[tuple[int, Ring]] = []
    for ring in _rings(framed, parts):
        x, y = ring[np.lexsort((ring[:, 0], ring[:, 1]))[0]]  # the upper left corner of the ring
        placed = ring + np.array([left, top])
        if framed[y + 1, x + 1]:
            outlines[int(parts[y + 1, x + 1])] = [placed]
        else:  # just above the upper left corner of a hole lies what it is a hole in
            holes.append((int(parts[y, x + 1]), placed))
    for part, ring in holes:
        outlines[part].append(ring)
    return [outlines[part] for part in sorted(outlines)]


def _rings(framed: NDArray[np.bool_], parts: NDArray[np.int32]) -> list[Ring]:
    """Closed ways round the pixels of a mask with an empty frame; corner (x, y) is the upper left one of the pixel at
    row y + 1, column x + 1 of the frame. parts: numbers of the pieces that hang together by edges."""
    upper_left, upper_right = framed[:-1, :-1], framed[:-1, 1:]
    lower_left, lower_right = framed[1:, :-1], framed[1:, 1:]
    falling = upper_left & lower_right & ~upper_right & ~lower_left
    rising = upper_right & lower_left & ~upper_left & ~lower_right
    times = (upper_left ^ upper_right ^ lower_left ^ lower_right).astype(np.int8) + 2 * (falling | rising)
    y, x = np.nonzero(times)
    y, x = np.repeat(y, times[y, x]), np.repeat(x, times[y, x])
    # Where pixels touch at a corner only, two ways pass it. In the rows the first copy ends the edge from the left, the
    # second begins the one to the right; which of them goes on upwards in the columns decides what is kept apart: the
    # two pixels, or the two gaps between them where the pixels are joined elsewhere.
    second = np.concatenate([[False], (y[1:] == y[:-1]) & (x[1:] == x[:-1])])[: len(y)]
    joined = np.where(falling, parts[:-1, :-1] == parts[1:, 1:], rising & (parts[:-1, 1:] == parts[1:, :-1]))
    across = _partners(np.arange(len(y)))
    down = _partners(np.lexsort((second ^ (rising ^ joined)[y, x], y, x)))
    rings = []
    unseen = np.ones(len(y), bool)
    for first in range(len(y)):
        if not unseen[first]:
            continue
        way: list[int] = []
        corner = first
        while unseen[corner]:
            beside = across[corner]
            unseen[corner] = unseen[beside] = False
            way += [corner, beside]
            corner = down[beside]
        rings.append(np.column_stack([x[way], y[way]]).astype(np.int64))
    return rings


def _partners(order: NDArray[np.intp]) -> list[int]:
    """Of each corner the one that it is joined with: in this order the first with the second, the third with ..."""
    partners = np.empty_like(order)
    partners[order[::2]], partners[order[1::2]] = order[1::2], order[::2]
    found: list[int] = partners.tolist()
    return found
