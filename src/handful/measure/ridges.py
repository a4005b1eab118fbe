"""Crest lines: where a strength has a maximum along the direction across it (non-maximum suppression, Canny 1986).

The strength of a boundary is a ridge, and the direction across it is the one in which values change most around the
pixel (structure tensor, Förstner and Gülch 1987), which holds on the crest, where the gradient vanishes, as on the
flanks, where curvature misleads.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

# Wide enough for the direction to be steady over pixel noise, narrow enough to keep lines three pixels apart.
SMOOTHING = 1.0


def thin_ridges(probability: NDArray[np.float32]) -> NDArray[np.float32]:
    """Crest lines of a probability of boundary (H, W): the probability on the crest, 0 elsewhere."""
    smooth = ndimage.gaussian_filter(probability.astype(np.float64), SMOOTHING)
    slope_down, slope_across = gradient(smooth)
    down, across, mixed = (
        ndimage.gaussian_filter(product, 2 * SMOOTHING)
        for product in (slope_down**2, slope_across**2, slope_down * slope_across)
    )
    angle = 0.5 * np.arctan2(2 * mixed, across - down)  # of the eigenvector to the larger eigenvalue
    crest = is_crest(smooth, np.sin(angle), np.cos(angle))
    return np.where(crest, probability, 0.0).astype(np.float32)


def gradient(values: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Central differences down and across; an image one pixel wide has no slope."""
    padded = np.pad(values, 1, mode="edge")
    return (padded[2:, 1:-1] - padded[:-2, 1:-1]) / 2, (padded[1:-1, 2:] - padded[1:-1, :-2]) / 2


def is_crest(
    strength: NDArray[np.float64], down: NDArray[np.float64], across: NDArray[np.float64]
) -> NDArray[np.bool_]:
    """Whether a pixel is stronger than the two points one pixel away along the unit vector (down, across)."""
    rows, columns = np.indices(strength.shape, dtype=np.float64)
    ahead = ndimage.map_coordinates(strength, [rows + down, columns + across], order=1, mode="nearest")
    behind = ndimage.map_coordinates(strength, [rows - down, columns - across], order=1, mode="nearest")
    # One side strictly, so that a crest two pixels wide of equal strength leaves one line and not two; what differs by
    # less than rounding counts as equal.
    crest: NDArray[np.bool_] = (strength > ahead + 1e-9) & (strength >= behind - 1e-9)
    return crest
