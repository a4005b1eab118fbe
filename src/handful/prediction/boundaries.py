"""Thin boundaries from probabilities: lines one pixel wide, each pixel as strong as the boundary is sure.

A net that predicts boundaries gives the strength itself, whose crests `handful.measure.ridges` finds. A net that
predicts regions gives steps: there the strength is the slope of a class's probability and the direction across the
boundary that of its gradient.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from handful.measure.ridges import SMOOTHING, gradient, is_crest


def region_boundaries(probabilities: NDArray[np.float32]) -> NDArray[np.float32]:
    """Lines between regions of probabilities (classes, H, W): the height of the step there, 0 to 1, 0 elsewhere."""
    shape = probabilities.shape[1:]
    strength, down, across = np.zeros(shape), np.zeros(shape), np.ones(shape)
    for plane in probabilities[1:] if len(probabilities) == 2 else probabilities:
        smooth = ndimage.gaussian_filter(plane.astype(np.float64), SMOOTHING)
        slope_down, slope_across = gradient(smooth)
        slope = np.hypot(slope_down, slope_across)
        steeper = slope > strength
        strength = np.where(steeper, slope, strength)
        down = np.where(steeper, slope_down / np.maximum(slope, 1e-12), down)
        across = np.where(steeper, slope_across / np.maximum(slope, 1e-12), across)
    # A step of height 1 between two pixels, smoothed and differenced, has this slope.
    unit = 0.5 * float(np.diff(ndimage.gaussian_filter1d(np.repeat([0.0, 1.0], 9), SMOOTHING)[7:11:1])[:2].sum())
    lines = np.where(is_crest(strength, down, across), strength / unit, 0.0)
    return np.clip(lines, 0, 1).astype(np.float32)
