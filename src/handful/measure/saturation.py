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
WIDER = 1.5  # than the noise seen: learning is no power law. `benchmarks/curve.py` has what intervals hold with it

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

    For each exponent of a grid the best limit and fall are solved for; the bounds are kept by trying their edges. A
    size weighs as its number of images: which one or two were drawn decides more of the score than of twenty.
    """
    known = ~np.isnan(scores)
    if known.sum() < LEAST_SIZES:
        return None
    laws = _fit(np.asarray(sizes, np.float64)[known], np.asarray(scores, np.float64)[known][None])
    best = int(laws.missed.argmin())
    return Saturation(float(laws.limit[best, 0]), float(laws.fall[best, 0]), float(EXPONENTS[best]))


def gain_of_more(sizes: Sequence[int], table: NDArray[np.float64], more: int, *, now: int, seed: int = 0) -> Interval:
    """What `more` images than `now` should add to the mean score, with its 95 % interval.

    table: (sizes, images) scores, nan where an image was not scored. The value is a mean over the exponents, each with
    the weight of how well its curve fits. For the interval the images get random weights, the same at every size; each
    size's mean is moved by chance as far as the means lie from the best curve, TRAINING_NOISE at least, and WIDER, with
    the tails of the few degrees of freedom that this is known from; and an exponent is drawn by how well it then fits.
    nan where no curve can be fitted.
    """
    images = table.shape[1]
    scored = ~np.isnan(table)
    used = scored.any(axis=1)
    if used.sum() < LEAST_SIZES:
        return Interval(nan, nan, nan, images)
    table, scored, n = table[used], scored[used], np.asarray(sizes, np.float64)[used]
    added = now**-EXPONENTS - (now + more) ** -EXPONENTS
    laws = _fit(n, mean_present(table)[None])
    freedom = max(len(n) - 2, 1)
    noise = WIDER * max(TRAINING_NOISE, float(np.sqrt(laws.missed.min() / freedom)))
    value = float((laws.chances(np.array([noise]))[:, 0] * laws.fall[:, 0]) @ added)
    if images < 2:
        return Interval(value, nan, nan, images)
    rng = np.random.default_rng(seed)
    weights = rng.exponential(size=(images, RESAMPLES))
    drawn = (np.where(scored, table, 0.0) @ weights) / (scored @ weights)
    noises = noise * np.sqrt(freedom / rng.chisquare(freedom, RESAMPLES))
    drawn = np.clip(drawn + rng.normal(size=drawn.shape) * noises / np.sqrt(_weights(n))[:, None], 0, 1)
    laws = _fit(n, drawn.T)
    chosen = (laws.chances(noises).cumsum(axis=0) < rng.random(RESAMPLES)).sum(axis=0).clip(max=len(EXPONENTS) - 1)
    gains = laws.fall[chosen, np.arange(RESAMPLES)] * added[chosen]
    low, high = np.quantile(gains, [0.025, 0.975])
    return Interval(value, min(value, float(low)), max(value, float(high)), images)


@dataclass(frozen=True)
class Laws:
    """The best limit and fall for each exponent and each of m curves, (exponents, m), and the squares they miss by."""

    limit: FloatArray
    fall: FloatArray
    missed: FloatArray

    def chances(self, noise: FloatArray) -> FloatArray:
        """Of each exponent for each curve, where scores miss it by `noise` (m,); their sum is 1 for each curve."""
        likely: FloatArray = np.exp((self.missed.min(axis=0) - self.missed) / (2 * noise**2))
        likely /= likely.sum(axis=0)
        return likely


def _weights(n: FloatArray) -> FloatArray:
    """Of sizes: the variance of a score over draws of the training images falls as their number. Their mean is 1."""
    weights: FloatArray = n / n.mean()
    return weights


def _fit(n: FloatArray, scores: FloatArray) -> Laws:
    """To m curves with scores (m, sizes) at n (sizes,)."""
    weights = _weights(n)
    x = n ** -EXPONENTS[:, None]  # (exponents, sizes)
    centre = np.average(x, axis=1, weights=weights)[:, None]
    mean = np.average(scores, axis=1, weights=weights)
    # (exponents, m) each; the slope against x is -fall
    away = weights * (x - centre)
    fall = np.maximum(0.0, -(away @ (scores - mean[:, None]).T) / np.sum(away * (x - centre), axis=1, keepdims=True))
    limit = mean + fall * centre
    high = limit > 1
    bounded = ((weights * x) @ (1 - scores).T) / np.sum(weights * x**2, axis=1, keepdims=True)
    limit, fall = np.where(high, 1.0, limit), np.where(high, bounded, fall)
    left = limit[:, :, None] - fall[:, :, None] * x[:, None] - scores
    return Laws(limit, fall, np.sum(weights * left**2, axis=2))


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
