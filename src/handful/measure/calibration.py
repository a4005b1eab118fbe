"""Do pixels called 80 % sure turn out right 80 % of the time: counts in bins of confidence, added up over images."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from handful.errors import DataError
from handful.measure.overlap import VOID, ratio

BINS = 20

FloatArray = NDArray[np.float64]


@dataclass(frozen=True)
class CalibrationCounts:
    """Pixels in equal bins of confidence from 0 to 1: how many, the sum of their confidence, how many were so.

    `squared` is the sum over pixels of the squared error of the probabilities. Counts of several images add with +.
    """

    pixels: FloatArray
    confidence: FloatArray
    right: FloatArray
    squared: float

    def __add__(self, other: CalibrationCounts) -> CalibrationCounts:
        return CalibrationCounts(
            self.pixels + other.pixels,
            self.confidence + other.confidence,
            self.right + other.right,
            self.squared + other.squared,
        )


def count_calibration(
    probabilities: NDArray[Any], true: NDArray[Any], *, bins: int = BINS, void: int = VOID
) -> CalibrationCounts:
    """Count one image.

    Parameters
    ----------
    probabilities : (H, W), of class 1, in a two-class task: "so" is then that the pixel is of class 1. Or (C, H, W),
        of every class: confidence is then the largest of them and "so" is that this class is the true one.
    true : mask (H, W) of class numbers; `void` pixels are left out.

    Raises
    ------
    DataError : sizes differ, or a probability is not within 0 to 1.
    """
    probabilities, true = np.asarray(probabilities, np.float64), np.asarray(true)
    if probabilities.shape[-2:] != true.shape:
        raise DataError(f"calibration: probabilities have shape {probabilities.shape}, the true mask {true.shape}.")
    scored = true != void
    known = true[scored].astype(np.intp)
    chances = probabilities[..., scored]
    if chances.size and not (chances.min() >= -1e-6 and chances.max() <= 1 + 1e-6):
        raise DataError("calibration: probabilities must lie within 0 and 1 and be finite; apply softmax or sigmoid.")
    classes = 2 if probabilities.ndim == 2 else len(probabilities)
    if known.size and known.max() >= classes:
        raise DataError(f"calibration: the true mask holds class {known.max()}; expected 0 to {classes - 1} or {void}.")
    if probabilities.ndim == 2:
        confidence, right = chances, known == 1
        squared = float(np.sum((chances - right) ** 2))
    else:
        confidence, right = chances.max(axis=0), chances.argmax(axis=0) == known
        # sum over classes of (p - y)^2, with y one for the true class and zero for the others
        true_chance = np.take_along_axis(chances, known[None], axis=0)
        squared = float(np.sum(chances**2) + np.sum(1 - 2 * true_chance))
    place = np.clip((confidence * bins).astype(np.intp), 0, bins - 1)
    return CalibrationCounts(
        np.bincount(place, minlength=bins).astype(np.float64),
        np.bincount(place, confidence, minlength=bins).astype(np.float64),
        np.bincount(place, right, minlength=bins).astype(np.float64),
        squared,
    )


def expected_calibration_error(counts: CalibrationCounts) -> float:
    """Mean over pixels of |share that were so - mean confidence| of their bin, 0 to 1; nan without pixels.

    Naeini et al. (2015), https://doi.org/10.1609/aaai.v29i1.9602.
    """
    return float(ratio(np.sum(np.abs(counts.right - counts.confidence)), counts.pixels.sum()))


def brier(counts: CalibrationCounts) -> float:
    """Mean squared error of the probabilities (Brier 1950), 0 best; nan without pixels.

    Two classes: of the probability of class 1, at most 1. More: summed over the classes, at most 2.
    """
    return float(ratio(np.array(counts.squared), counts.pixels.sum()))


def reliability_curve(counts: CalibrationCounts) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Mean confidence, share that were so (both nan in an empty bin), and share of all pixels, by bin."""
    return (
        ratio(counts.confidence, counts.pixels),
        ratio(counts.right, counts.pixels),
        ratio(counts.pixels, counts.pixels.sum()),
    )
