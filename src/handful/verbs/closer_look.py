"""What is measured on each test image beside its scores: confidence, errors by size, how unlike the training images."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from handful.data.mask import VOID, MaskReading
from handful.data.sample import Sample
from handful.measure.by_size import SizeRow, classes_by_share, objects_by_size
from handful.measure.calibration import CalibrationCounts, count_calibration
from handful.measure.confidence import Calibration, count_objects
from handful.measure.matches import ObjectMatches
from handful.measure.overlap import count_overlap, dice
from handful.prediction.confidence import mean_probability, temper
from handful.verbs.settle import has_objects, judge_objects

if TYPE_CHECKING:
    from handful.modelfile import ModelCard
    from handful.prediction.segmenter import Prediction

CALIBRATED_PIXELS = 1 << 16  # of an image, on a regular grid: enough for bins of a twentieth


@dataclass
class CloserLook:
    """Called by `score_regions` with every prediction; keeps counts only."""

    card: ModelCard
    reading: MaskReading
    words: str = ""  # how the temperature was fitted, or why not
    odd_training: Sequence[str] = ()  # training images that have not their like among the others
    unlike: dict[str, float] = field(default_factory=dict)
    _pixels: list[tuple[CalibrationCounts, CalibrationCounts]] = field(default_factory=list)
    _objects: list[tuple[CalibrationCounts, CalibrationCounts]] = field(default_factory=list)
    _matches: list[ObjectMatches] = field(default_factory=list)
    _shares: list[NDArray[np.float64]] = field(default_factory=list)
    _dice: list[NDArray[np.float64]] = field(default_factory=list)

    def __call__(self, name: str, sample: Sample, truth: NDArray[np.uint8], prediction: Prediction) -> None:
        if not np.isnan(prediction.unlike):
            self.unlike[name] = prediction.unlike
        self._look_at_pixels(truth, prediction)
        if has_objects(self.card):
            confidence, right, matches = judge_objects(prediction, sample, self.reading)
            means = mean_probability(confidence, self.card.object_confidence)
            self._objects.append((count_objects(means, right), count_objects(confidence, right)))
            self._matches.append(matches)
        classes = list(self.card.object_classes)
        tp, fp, fn, _ = count_overlap(truth, prediction.mask, len(self.card.classes))
        self._shares.append((tp + fn)[classes] / max(1, int((truth != VOID).sum())))
        self._dice.append(dice(tp, fp, fn)[classes])

    def _look_at_pixels(self, truth: NDArray[np.uint8], prediction: Prediction) -> None:
        step = max(1, int(np.ceil(np.sqrt(truth.size / CALIBRATED_PIXELS))))
        truth = truth[::step, ::step]
        after = prediction.probabilities[:, ::step, ::step]
        temperature = self.card.temperature
        before = after if temperature is None else temper(after, 1 / temperature)
        counted = []
        for chances in (before, after):
            if len(chances) == 2 and self.card.background is not None:
                kind = self.card.object_classes[0]
                here = np.where(truth == VOID, VOID, truth == kind)
                counted.append(count_calibration(np.clip(chances[kind], 0, 1), here))
            else:
                counted.append(count_calibration(np.clip(chances, 0, 1), truth))
        self._pixels.append((counted[0], counted[1]))

    def calibration(self) -> Calibration | None:
        """Of all images so far; None before the first."""
        if not self._pixels:
            return None
        before, after = (_sum(counts) for counts in zip(*self._pixels, strict=True))
        found = Calibration(before, after, temperature=self.card.temperature, words=self.words)
        if not self._objects:
            return found
        means, chances = (_sum(counts) for counts in zip(*self._objects, strict=True))
        return replace(found, objects_before=means, objects_after=chances)

    def sizes(self) -> list[SizeRow]:
        """Errors by the size of objects, where the model parts them, else by the share of the image a class covers."""
        if self.card.task == "instances":
            return objects_by_size(self._matches)
        if not self._shares:
            return []
        return classes_by_share(np.concatenate(self._shares), np.concatenate(self._dice))

    def to_dict(self) -> dict[str, Any]:
        """For scores.json."""
        calibration = self.calibration()
        return {
            "calibration": None if calibration is None else calibration.to_dict(),
            "sizes": [row.to_dict() for row in self.sizes()],
            "unlike": {name: round(value, 3) for name, value in self.unlike.items()},
        }


def _sum(counts: tuple[CalibrationCounts, ...]) -> CalibrationCounts:
    total = counts[0]
    for one in counts[1:]:
        total = total + one
    return total
