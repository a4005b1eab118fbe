"""Scores against the number of training images: a curve that saturates, and what more images should add."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import nan

import numpy as np
from numpy.typing import NDArray

from handful.measure.bootstrap import Interval
from handful.measure.overlap import mean_present

EXPONENTS = np.geomspace(0.15, 2.0, 40)
LEAST_SIZES = 3  # with fewer a curve of three numbers says what it likes
RESAMPLES = 400
HARDLY = 0.005  # a gain that nobody would see
TRAINING_NOISE = 0.015  # the same images and another seed: standard deviation of the score, at least

FloatArray = NDArray[np.float64]


@dataclass(frozen=True)
class Saturation:
    """score(n) = limit - fall * n ** -exponent, with 0 <= limit <= 1 and fall >= 0: it rises ever more slowly."""

    limit: float
    fall: float
    exponent: float

    def at(self, n: float | FloatArray) -> FloatArray:
        """The score that n training images should give."""
        score: FloatArray = np.asarray(self.limit - self.fall * np.asarray(n, np.float64) ** -self.exponent)
        return score


def fit_saturation(sizes: Sequence[int], scores: NDArray[np.float64]) -> Saturation | None:
    """The power law with the least squares, as learning curves of nets have it (Hestness et al. 2017,
    https://arxiv.org/abs/1712.00409). Sizes whose score is nan are left out; None with fewer than three others.

    For each exponent of a grid the best limit and fall are solved for; the bounds are kept by trying their edges.
    """
    known = ~np.isnan(scores)
    if known.sum() < LEAST_SIZES:
        return None
    limit, fall, exponent = _fit(np.asarray(sizes, np.float64)[known], np.asarray(scores, np.float64)[known][None])
    return Saturation(float(limit[0]), float(fall[0]), float(exponent[0]))


def gain_of_more(sizes: Sequence[int], table: NDArray[np.float64], more: int, *, now: int, seed: int = 0) -> Interval:
    """What `more` images than `now` should add to the mean score, with its 95 % interval.

    table: (sizes, images) scores, nan where an image was not scored. The images get random weights, the same at every
    size; each size's mean is moved by chance as far as the means lie from the curve, TRAINING_NOISE at least; and the
    curve is fitted anew each time. nan where no curve can be fitted.
    """
    images = table.shape[1]
    curve = fit_saturation(sizes, mean_present(table))
    if curve is None:
        return Interval(nan, nan, nan, images)
    value = float(curve.at(now + more) - curve.at(now))
    if images < 2:
        return Interval(value, nan, nan, images)
    scored = ~np.isnan(table)
    used = scored.any(axis=1)
    table, scored, n = table[used], scored[used], np.asarray(sizes, np.float64)[used]
    rng = np.random.default_rng(seed)
    weights = rng.exponential(size=(images, RESAMPLES))
    means = (np.where(scored, table, 0.0) @ weights) / (scored @ weights)
    away = float(np.sqrt(np.sum((mean_present(table) - curve.at(n)) ** 2) / max(len(n) - 2, 1)))
    means = np.clip(means + rng.normal(0, max(away, TRAINING_NOISE), means.shape), 0, 1)
    _, fall, exponent = _fit(n, means.T)
    low, high = np.quantile(fall * (now**-exponent - (now + more) ** -exponent), [0.025, 0.975])
    return Interval(value, min(value, float(low)), max(value, float(high)), images)


def _fit(n: FloatArray, scores: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Limit, fall and exponent, each (m,), of m curves with scores (m, sizes) at n (sizes,)."""
    x = n ** -EXPONENTS[:, None]  # (exponents, sizes)
    centred = x - x.mean(axis=1, keepdims=True)
    mean = scores.mean(axis=1)
    # (exponents, m) each; the slope against x is -fall
    fall = np.maximum(0.0, -(centred @ (scores - mean[:, None]).T) / np.sum(centred**2, axis=1, keepdims=True))
    limit = mean + fall * x.mean(axis=1, keepdims=True)
    high = limit > 1
    bounded = (x @ (1 - scores).T) / np.sum(x**2, axis=1, keepdims=True)
    limit, fall = np.where(high, 1.0, limit), np.where(high, bounded, fall)
    left = np.sum((limit[:, :, None] - fall[:, :, None] * x[:, None] - scores) ** 2, axis=2)
    best = left.argmin(axis=0), np.arange(len(scores))
    return limit[best], fall[best], EXPONENTS[best[0]]


def gain_sentence(found: Interval, more: int, now: int) -> str:
    """ "Five more images should add about .02 (95 % interval .00 to .05).", or that they would hardly help."""
    count = {1: "One more image", 2: "Two more images", 5: "Five more images", 10: "Ten more images"}
    who = count.get(more, f"{more} more images")
    if np.isnan(found.value):
        return f"{now} images are too few to tell what more of them would add: a curve needs three sizes to go through."
    spread = "" if np.isnan(found.low) else f" (95 % interval {found.low:.3f} to {found.high:.3f})"
    if found.value == 0:
        return (
            f"The score did not rise with more images: {who.lower()} would not help, or each training was too short to "
            "show it."
        )
    if found.value < HARDLY:
        return f"{who} of the same kind would hardly help: about {found.value:.3f}{spread}."
    return f"{who} should add about {found.value:.3f}{spread}."
