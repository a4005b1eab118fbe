"""What a mean over images and seeds is worth when both are a sample of what might have been."""

from __future__ import annotations

from math import inf, nan, sqrt
from typing import Any

import numpy as np
from numpy.typing import NDArray

from handful.measure.bootstrap import Interval


def crossed_interval(
    values: NDArray[Any], *, level: float = 0.95, bounds: tuple[float, float] = (-inf, inf)
) -> Interval:
    """Interval of the mean of values (images, seeds) for other images and other seeds. `n` counts the images.

    For a paired comparison the values are differences: image by image, seed by seed. Images with a nan are left out;
    with fewer than 2 of them there is no interval. One seed is taken as it is: the interval then holds for that seed.
    bounds: what a score can be; the interval ends there.

    Notes
    -----
    Every image has one deviation in all seeds, every seed one in all images, and every cell its own (two-way random
    effects). With mean squares MS of images, seeds and rest, the variance of the mean is (MS_i + MS_s - MS_r) / (n s),
    and its degrees of freedom are Satterthwaite's (1946), https://doi.org/10.2307/3002019. In simulations with 6 to 100
    images and 1 to 5 seeds it held the truth in 90 to 97 % of the cases; resampling images and seeds (the pigeonhole
    bootstrap, Owen 2007) in 78 to 97 %: of 3 seeds there are too few resamples.
    """
    from scipy.special import stdtrit

    values = np.asarray(values, np.float64)
    values = values[~np.isnan(values).any(axis=1)]
    n, seeds = values.shape
    mean = float(values.mean()) if n else nan
    if n < 2:
        return Interval(mean, nan, nan, n)
    by_image, by_seed = values.mean(axis=1) - mean, values.mean(axis=0) - mean
    of_images = seeds * float((by_image**2).sum()) / (n - 1)
    of_seeds = rest = 0.0
    if seeds > 1:
        of_seeds = n * float((by_seed**2).sum()) / (seeds - 1)
        residual = values - mean - by_image[:, None] - by_seed
        rest = float((residual**2).sum()) / ((n - 1) * (seeds - 1))
    # An estimate of a variance below either of its parts is chance.
    spread = max(of_images + of_seeds - rest, of_images, of_seeds)
    if spread <= 0:
        return Interval(mean, mean, mean, n)
    parts = of_images**2 / (n - 1) + (of_seeds**2 / (seeds - 1) if seeds > 1 else 0.0)
    half = float(stdtrit(max(spread**2 / parts, 1.0), (1 + level) / 2)) * sqrt(spread / (n * seeds))
    return Interval(mean, max(mean - half, bounds[0]), min(mean + half, bounds[1]), n)
