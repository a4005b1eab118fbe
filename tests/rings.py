"""Polygons back as pixels, the slow way: every pixel's centre is looked for in every ring."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray
from skimage.measure import points_in_poly


def inside_rings(rings: Iterable[NDArray[np.floating]], shape: tuple[int, int]) -> NDArray[np.bool_]:
    """Pixels whose centre lies within an odd number of the rings (n, 2) of x, y."""
    rows, columns = np.indices(shape)
    centres = np.column_stack([columns.ravel() + 0.5, rows.ravel() + 0.5])
    inside = np.zeros(centres.shape[0], bool)
    for ring in rings:
        inside ^= points_in_poly(centres, np.asarray(ring, float))
    return inside.reshape(shape)
