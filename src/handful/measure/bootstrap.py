"""What a score from a few images is worth: intervals over images.

Every score here is a function of sums over images (of pixels counted, or of scores per image).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from math import inf, isfinite, nan
from typing import Any

import numpy as np
from numpy.typing import NDArray

RESAMPLES = 2000  # the ends of a 95 % interval then wander by about 2 % of its width between seeds
# Weight of the image not seen yet is UNSEEN / n of one image. Coverage of 95 % intervals at n = 8, 15, 30 of 434 real
# nuclei scores: .92, .94, .95; with a fixed weight of one .92, .96, .99; of the BCa bootstrap .83, .91, .94.
UNSEEN = 8.0

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
    rows: NDArray[Any],
    statistic: Statistic,
    *,
    bounds: tuple[float, float] = (-inf, inf),
    level: float = 0.95,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> Interval:
    """Interval of a function of sums over images: the Bayesian bootstrap with one more image, not seen yet.

    Parameters
    ----------
    rows : (n, k), what each image adds to the sums.
    statistic : takes sums (..., k) and gives (...); nan where there is nothing to score.
    bounds : what the statistic can be; no end of an interval lies outside.
    level : nominal coverage.
    resamples, seed : the same seed gives the same interval.

    Returns
    -------
    Interval with the value on all rows. With n < 2, or where the value hangs on one image, there is no interval (nan).
    Where all images agree, low and high are that one value.

    How it works
    ------------
    1. What each image says about the value is its jackknife pseudo-value n v - (n - 1) v without it (Tukey 1958);
       where the value is a mean this is the image's own score.
    2. The images get random weights (Rubin 1981, https://doi.org/10.1214/aos/1176345338); the interval holds the middle
       of the weighted means.
    3. Scores have tails: most images are near .9 and a few fail, and few images often show no failure at all. So for
       the lower end one image more takes part, as far below the worst as the worst is from the best, and for the
       upper end one as far above the best; its weight falls as images are seen (UNSEEN). With the end of the possible
       range for that image the method is that of Gaffke, see Phan et al. (2021), https://arxiv.org/abs/2106.03163.

    The price is width where scores have no tail: about twice that of Student's t at n = 8, a quarter more at n = 30.
    """
    rows = np.asarray(rows, np.float64)
    n = len(rows)
    total = rows.sum(axis=0)
    value = float(statistic(total)) if n else nan
    if n < 2 or not isfinite(value):
        return Interval(value, nan, nan, n)
    without_one = np.asarray(statistic(total - rows), np.float64)
    if not np.isfinite(without_one).all():
        return Interval(value, nan, nan, n)
    said = n * value - (n - 1) * without_one
    said += value - said.mean()  # the bias that the jackknife would take off as well is no part of the value
    worst, best = float(said.min()), float(said.max())
    # Sums in another order differ in the last bits; without this slack equal values would not count as equal.
    if best - worst <= 1e-9 * max(1.0, abs(value)):
        return Interval(value, value, value, n)
    weights, unseen = _weights(n, resamples, seed)
    sums, whole = weights @ said, weights.sum(axis=1) + unseen
    below = min(worst, max(bounds[0], 2 * worst - best))
    above = max(best, min(bounds[1], 2 * best - worst))
    low = np.quantile((sums + unseen * below) / whole, (1 - level) / 2)
    high = np.quantile((sums + unseen * above) / whole, (1 + level) / 2)
    # A pseudo-value may lie outside the bounds. A value far out in the tail of a pooled score stays within.
    return Interval(value, min(value, max(bounds[0], float(low))), max(value, min(bounds[1], float(high))), n)


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
def _weights(n: int, resamples: int, seed: int) -> tuple[FloatArray, FloatArray]:
    """Weights of the images (resamples, n) and of the unseen one (resamples,), not yet divided by their sum."""
    rng = np.random.default_rng(seed)
    drawn, unseen = rng.exponential(size=(resamples, n)), rng.gamma(UNSEEN / n, size=resamples)
    drawn.flags.writeable = unseen.flags.writeable = False
    return drawn, unseen
