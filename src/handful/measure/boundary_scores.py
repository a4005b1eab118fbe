"""ODS, OIS and AP of a set of images, with their intervals and what edge detectors get on the same images."""

from __future__ import annotations

from dataclasses import replace
from math import nan
from typing import Any

import numpy as np
from numpy.typing import NDArray

from handful.measure.bootstrap import interval
from handful.measure.boundaries import (
    at_own_threshold,
    average_precision,
    best_threshold,
    count_boundaries,
    f_measure,
    optimal_dataset_scale,
)
from handful.measure.edges import canny_edges, sobel_edges
from handful.measure.overlap import ratio
from handful.measure.scores import UNIT, Score, Scores, Trivial

HEADLINE = "ods"
# Canny costs as much as all the rest: it is left out where time is short, as at the end of a training.
DETECTORS = {"canny": canny_edges, "sobel": sobel_edges}
HOW = {
    "canny": "Canny's edges, at the threshold that suits these images best",
    "sobel": "crests of the Sobel magnitude, at the threshold that suits these images best",
}

FloatArray = NDArray[np.float64]


class BoundaryScorer:
    """Collects counts image by image; `add_to` puts the scores of boundaries before those of a mask.

    detectors : names in DETECTORS that are run on the same images.
    """

    def __init__(self, detectors: tuple[str, ...] = tuple(DETECTORS)) -> None:
        self._detectors = detectors
        self._rows: dict[str, list[NDArray[np.int64]]] = {"": [], **{name: [] for name in detectors}}

    def add(self, name: str, true: NDArray[Any], predicted: NDArray[Any], image: NDArray[Any]) -> None:
        """Count one image: see `count_boundaries` for `true` and `predicted`; `image` (H, W) or (H, W, C)."""
        self._rows[""].append(count_boundaries(true, predicted, name=name).row())
        for detector in self._detectors:
            edges = DETECTORS[detector](image)
            self._rows[detector].append(count_boundaries(true, edges, name=name).row())

    def add_to(self, scores: Scores, *, seed: int = 0) -> Scores:
        """`scores` with ODS, OIS and AP before the others, ODS the headline, detectors for the trivial answers."""
        rows = np.array(self._rows[""])
        if not len(rows):
            return scores
        found = boundary_scores(rows, seed)
        trivial = {}  # a constant answer has no thin boundaries
        for detector in self._detectors:
            theirs = np.array(self._rows[detector])
            values = dict.fromkeys([*found, *scores.scores], nan)  # a detector has no Dice
            values |= {name: score.value for name, score in boundary_scores(theirs, None).items()}
            trivial[detector] = Trivial(values, gain(rows, theirs, seed), HOW[detector])
        threshold = best_threshold(rows.sum(axis=0))
        return replace(
            scores,
            scores=found | scores.scores,
            trivial=trivial,
            headline=HEADLINE,
            note=f"The threshold that suits all images best is {threshold:.2f}.",
        )


def boundary_scores(rows: NDArray[Any], seed: int | None) -> dict[str, Score]:
    """ODS, OIS and AP of the counts of images (images, 3 * thresholds + 1); no intervals where `seed` is None."""
    parts = {
        "ods": (rows, optimal_dataset_scale),
        "ois": (at_own_threshold(rows), _f_of_counts),
        "boundary_ap": (rows, average_precision),
    }
    if seed is None:
        return {name: Score(float(of(used.sum(axis=0))), n=len(rows)) for name, (used, of) in parts.items()}
    found = {name: interval(used, of, bounds=UNIT, seed=seed) for name, (used, of) in parts.items()}
    return {name: Score(one.value, one.low, one.high, one.n) for name, one in found.items()}


def gain(ours: NDArray[Any], theirs: NDArray[Any], seed: int) -> Score:
    """ODS of the first counts less that of the second, on the same images: resampled together."""
    size = ours.shape[1]

    def difference(sums: FloatArray) -> FloatArray:
        return optimal_dataset_scale(sums[..., :size]) - optimal_dataset_scale(sums[..., size:])

    found = interval(np.concatenate([ours, theirs], axis=1), difference, bounds=(-1, 1), seed=seed)
    return Score(found.value, found.low, found.high, found.n)


def _f_of_counts(sums: NDArray[Any]) -> FloatArray:
    """F of found, right, predicted and true pixels (..., 4)."""
    return f_measure(ratio(sums[..., 0], sums[..., 3]), ratio(sums[..., 1], sums[..., 2]))
