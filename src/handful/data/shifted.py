"""Masks that lie beside their objects: moved by a few pixels, their outlines meet the edges in the image."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from handful.data.problem import WARNING, Problem
from handful.names import plural

REACH = 6  # pixels that are tried, each way
SMALLEST = 2.0  # pixels: a careless hand is off by one
# How much stronger the edges under the moved outlines are than under those as drawn, and in how many of the images.
STRONGER, AGREED, FEWEST = 1.25, 0.75, 3
LARGEST = 1 << 20  # pixels of an image that is looked at: the time of larger ones is not worth it
LOOKED_AT = 24  # images of a set; each takes 4 to 15 ms

Offset = tuple[int, int]


def best_offset(image: NDArray[Any], codes: NDArray[Any]) -> Offset | None:
    """Rows and columns by which the outlines of a mask (H, W) must move to lie on the strongest edges of an image
    (H, W, C); None where edges and outlines do not tell."""
    if image.shape[:2] != codes.shape or codes.size > LARGEST or min(codes.shape) < 4 * REACH:
        return None
    outline = np.zeros(codes.shape, bool)
    outline[:, 1:] |= codes[:, 1:] != codes[:, :-1]
    outline[1:] |= codes[1:] != codes[:-1]
    rows, columns = np.nonzero(outline[REACH:-REACH, REACH:-REACH])
    if len(rows) < 40:
        return None
    step = len(rows) // 4000 + 1
    rows, columns = rows[::step] + REACH, columns[::step] + REACH
    edges = _edges(image)
    moves = range(-REACH, REACH + 1)
    found = np.array([[float(edges[rows + down, columns + right].mean()) for right in moves] for down in moves])
    best = np.unravel_index(int(found.argmax()), found.shape)
    if found[best] < STRONGER * found[REACH, REACH] or found[best] < STRONGER * float(edges.mean()):
        return 0, 0
    return int(best[0]) - REACH, int(best[1]) - REACH


def _edges(image: NDArray[Any]) -> NDArray[np.float32]:
    """Strength of edges, float32 (H, W), of the image smoothed a little."""
    from scipy.ndimage import gaussian_gradient_magnitude

    grey = image.mean(axis=2, dtype=np.float32)
    edges: NDArray[np.float32] = gaussian_gradient_magnitude(grey, 1.5, mode="nearest")
    return edges


def shift_problems(offsets: Mapping[str, Offset]) -> list[Problem]:
    """A warning where the masks of nearly all images are off by the same few pixels."""
    if len(offsets) < FEWEST:
        return []
    table = np.array(list(offsets.values()), float)
    middle = np.median(table, axis=0)
    agreed = float((np.abs(table - middle).max(axis=1) <= 1).mean())
    if float(np.hypot(*middle)) < SMALLEST or agreed < AGREED:
        return []
    down, right = (round(float(value)) for value in middle)
    words = " and ".join(
        f"{plural(abs(value), 'pixel')} {back if value < 0 else forth}"
        for value, back, forth in ((down, "up", "down"), (right, "left", "right"))
        if value
    )
    return [
        Problem(
            "masks",
            f"seem to lie beside their objects: moved {words} their outlines meet the edges in {agreed:.0%} of the "
            "images. Look at one over its image, and save the masks without the offset",
            WARNING,
        )
    ]
