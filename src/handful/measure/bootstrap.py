"""What a score from a few images is worth: bootstrap intervals over images.

Every score here is a function of sums over images (of pixels counted, or of scores per image), so a resample is a
vector of weights and 2000 of them are one matrix product.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from math import isfinite, nan, sqrt
from typing import Any

import numpy as np
from numpy.typing import NDArray

RESAMPLES = 2000  # the ends of a 95 % interval then wander by about 2 % of its width between seeds

FloatArray = NDArray[np.float64]
Statistic = Callable[[FloatArray], FloatArray]


@dataclass(frozen=True)
class Interval:
    """A value with its interval; `low` and `high` are nan where there are too few images for one."""

    value: float
    low: float
    high: float
    n: int


def interval(
    rows: NDArray[Any], statistic: Statistic, *, level: float = 0.95, resamples: int = RESAMPLES, seed: int = 0
) -> Interval:
    """Bias-corrected and accelerated (BCa) bootstrap interval of a function of sums over images.

    Parameters
    ----------
    rows : (n, k), what each image adds to the sums.
    statistic : takes sums (..., k) and gives (...); nan where a resample has nothing to score.
    level : nominal coverage.
    resamples, seed : the same seed gives the same interval.

    Returns
    -------
    Interval with the value on all rows. With n < 2 there is no interval (nan). Where all resamples agree, low and high
    are that one value.

    Notes
    -----
    BCa is from Efron (1987), https://doi.org/10.2307/2289144. A bootstrap from few images is too narrow (it divides by
    n where n - 1 is right, and knows no t distribution); Hesterberg (2015),
    https://doi.org/10.1080/00031305.2015.1089789, section 4.1.1, widens the percentile interval for that, and the same
    widening is applied here to the BCa one. With up to four images that is the whole range of resamples.
    """
    rows = np.asarray(rows, np.float64)
    n = len(rows)
    total = rows.sum(axis=0)
    value = float(statistic(total)) if n else nan
    if n < 2 or not isfinite(value):
        return Interval(value, nan, nan, n)
    drawn = statistic(_weights(n, resamples, seed) @ rows)
    drawn = np.sort(drawn[np.isfinite(drawn)])
    if drawn.size < resamples / 2:
        return Interval(value, nan, nan, n)
    # Sums in another order differ in the last bits; without this slack equal values would not count as equal.
    slack = 1e-12 * max(1.0, abs(value))
    if drawn[-1] - drawn[0] <= slack:
        return Interval(value, value, value, n)
    low, high = np.quantile(drawn, _levels(drawn, value, slack, statistic(total - rows), n, level))
    return Interval(value, float(low), float(high), n)


def mean_interval(values: NDArray[Any], **settings: Any) -> Interval:
    """Interval of the mean of one score an image; nan values are left out and `n` counts the others."""
    values = np.asarray(values, np.float64)
    values = values[~np.isnan(values)]
    # k = 2 sums, of values and of ones, make the mean a function of sums whatever the number of rows left.
    return interval(np.stack([values, np.ones_like(values)], axis=1), _mean_of_sums, **settings)


def paired_interval(first: NDArray[Any], second: NDArray[Any], **settings: Any) -> Interval:
    """Interval of the mean of first - second on the same images, paired; images with a nan in either are left out."""
    return mean_interval(np.asarray(first, np.float64) - np.asarray(second, np.float64), **settings)


def _mean_of_sums(sums: FloatArray) -> FloatArray:
    out: FloatArray = np.divide(
        sums[..., 0], sums[..., 1], out=np.full(sums.shape[:-1], np.nan), where=sums[..., 1] != 0
    )
    return out


@lru_cache(maxsize=4)  # all scores of a data set ask for the same few n; 2000 x 450 images are 7 MB
def _weights(n: int, resamples: int, seed: int) -> FloatArray:
    drawn = np.random.default_rng(seed).multinomial(n, np.full(n, 1 / n), size=resamples).astype(np.float64)
    drawn.flags.writeable = False
    return drawn


def _levels(
    drawn: FloatArray, value: float, slack: float, without_one: FloatArray, n: int, level: float
) -> tuple[float, float]:
    """The two quantiles of the resamples that bound the BCa interval."""
    from scipy.special import ndtr, ndtri, stdtrit

    below = (np.sum(drawn < value - slack) + 0.5 * np.sum(np.abs(drawn - value) <= slack)) / drawn.size
    bias = ndtri(np.clip(below, 1 / (2 * drawn.size), 1 - 1 / (2 * drawn.size)))
    influence = without_one[np.isfinite(without_one)]
    influence = influence.mean() - influence
    spread = np.sum(influence**2)
    acceleration = np.sum(influence**3) / (6 * spread**1.5) if spread > 0 else 0.0
    half = sqrt(n / (n - 1)) * stdtrit(n - 1, (1 + level) / 2)
    bounds = []
    for sign in (-1.0, 1.0):
        normal = bias + sign * half
        stretch = 1 - acceleration * normal
        # Past the pole of the correction the level is beyond every resample on that side.
        bounds.append(float(ndtr(bias + normal / stretch)) if stretch > 0 else (0.0 if sign < 0 else 1.0))
    return bounds[0], bounds[1]
