"""Edges that need no training: what a boundary detector has to beat.

Strengths are square roots of the slope of a blurred image, as a share of what a step from black to white has: most
edges of photographs are weak, and so they spread over the thresholds.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from handful.measure.ridges import thin_ridges

LUMA = (0.299, 0.587, 0.114)  # ITU-R BT.601
BLUR = 2.0  # pixels; 1.4 and 2.8 do worse on BSDS500 val
LOW = 0.4  # of the high threshold, as in MATLAB's edge and the benchmark

FloatArray = NDArray[np.float64]


def sobel_edges(image: NDArray[Any], *, blur: float = BLUR) -> NDArray[np.float32]:
    """Thin crests of the Sobel magnitude of an image (H, W) or (H, W, C); float32 (H, W) in 0 to 1."""
    return thin_ridges(_strength(grey(image), blur))


def canny_edges(image: NDArray[Any], *, blur: float = BLUR) -> NDArray[np.float32]:
    """Canny's edges at every high threshold at once: the highest at which a pixel is one; float32 (H, W) in 0 to 1.

    Canny 1986 as in scikit-image; the low threshold is LOW times the high one.
    """
    from skimage.feature import canny
    from skimage.filters import apply_hysteresis_threshold

    picture = grey(image)
    strength = np.where(canny(picture, blur, 0, 0, mode="nearest"), _strength(picture, blur), 0)
    edges = np.zeros(picture.shape, np.float32)
    for high in np.arange(0.02, float(strength.max()) + 1e-6, 0.02):
        edges[apply_hysteresis_threshold(strength, LOW**0.5 * high, high)] = high
    return edges


def _strength(picture: FloatArray, blur: float) -> NDArray[np.float32]:
    """Square root of the slope of the blurred picture (H, W), as a share of that of a step from 0 to 1."""
    smooth = ndimage.gaussian_filter(picture, blur)
    slope = np.hypot(ndimage.sobel(smooth, 0), ndimage.sobel(smooth, 1)) / 8
    strength: NDArray[np.float32] = np.sqrt(np.clip(slope * blur * np.sqrt(2 * np.pi), 0, 1)).astype(np.float32)
    return strength


def grey(image: NDArray[Any]) -> FloatArray:
    """Brightness of an image (H, W) or (H, W, C), 0 to 1 by the range of its type; not-a-number is 0."""
    values = np.asarray(image)
    top = np.iinfo(values.dtype).max if values.dtype.kind in "ui" else 1
    if values.ndim == 3:
        values = values[..., :3] @ np.array(LUMA) if values.shape[2] >= 3 else values.mean(axis=2)
    return np.nan_to_num(values.astype(np.float64) / top)
