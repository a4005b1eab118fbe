"""How well confidence fits the truth, before and after it was tempered, on the same images."""

from __future__ import annotations

from dataclasses import dataclass
from math import isnan
from typing import Any

import numpy as np
from numpy.typing import NDArray

from handful.measure.calibration import (
    CalibrationCounts,
    brier,
    count_calibration,
    expected_calibration_error,
    reliability_curve,
)

OBJECT_BINS = 10  # there are far fewer objects than pixels


@dataclass(frozen=True)
class Calibration:
    """Counts of pixels, and of objects where they can be right or wrong, as the net gives them and as they are told.

    temperature: None where none was fitted; then before and after are the same. words: how it was fitted, or why not.
    """

    before: CalibrationCounts
    after: CalibrationCounts
    objects_before: CalibrationCounts | None = None
    objects_after: CalibrationCounts | None = None
    temperature: float | None = None
    words: str = ""

    def to_dict(self) -> dict[str, Any]:
        """What scores.json holds: errors and curves, nan as None."""
        record: dict[str, Any] = {"temperature": self.temperature, "words": self.words}
        for name, before, after in (
            ("pixels", self.before, self.after),
            ("objects", self.objects_before, self.objects_after),
        ):
            if before is not None and after is not None:
                record[name] = {"before": summarise(before), "after": summarise(after)}
        return record


def count_objects(confidence: NDArray[Any], right: NDArray[np.bool_]) -> CalibrationCounts:
    """Objects of one image in bins of their confidence (n,); right: whether each is (n,)."""
    return count_calibration(np.clip(confidence, 0, 1)[None], right[None].astype(np.uint8), bins=OBJECT_BINS)


def summarise(counts: CalibrationCounts) -> dict[str, Any]:
    """n, expected calibration error, Brier score, and the curve: [confidence, share right, share of all] by bin."""
    curve = [
        [None if isnan(one) else round(float(one), 5) for one in bin]
        for bin in zip(*reliability_curve(counts), strict=True)
    ]
    error, squared = expected_calibration_error(counts), brier(counts)
    return {
        "n": int(counts.pixels.sum()),
        "ece": None if isnan(error) else error,
        "brier": None if isnan(squared) else squared,
        "curve": curve,
    }
