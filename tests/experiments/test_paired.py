"""The interval of a mean over images and seeds: against slow twins, and how often it holds the truth."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from handful.experiments import crossed_interval


def draw(rng: np.random.Generator, n: int, seeds: int, of_images: float, of_seeds: float, rest: float) -> np.ndarray:
    return (
        rng.normal(0, of_images, (n, 1)) + rng.normal(0, of_seeds, (1, seeds)) + rng.normal(0, rest, (n, seeds))
    ) + 0.03


def resampled(values: np.ndarray, draws: int = 4000) -> tuple[float, float]:
    """The pigeonhole bootstrap, image and seed drawn one by one; one fewer of each keeps the variance unbiased."""
    rng = np.random.default_rng(5)
    n, seeds = values.shape
    means = [
        values[np.ix_(rng.integers(0, n, n - 1), rng.integers(0, seeds, max(seeds - 1, 1)))].mean()
        for _ in range(draws)
    ]
    low, high = np.quantile(means, [0.025, 0.975])
    return float(low), float(high)


def test_it_agrees_with_resampling_images_and_seeds_where_there_are_many() -> None:
    values = draw(np.random.default_rng(1), 60, 24, 0.05, 0.02, 0.05)
    found = crossed_interval(values)
    low, high = resampled(values)
    assert found.value == pytest.approx(values.mean())
    assert found.low == pytest.approx(low, abs=0.12 * (high - low))
    assert found.high == pytest.approx(high, abs=0.12 * (high - low))


def test_one_seed_is_the_paired_t_test() -> None:
    first, second = np.random.default_rng(2).normal(0.8, 0.1, (2, 15))
    found = crossed_interval((first - second)[:, None])
    twin = stats.ttest_rel(first, second).confidence_interval()
    assert (found.low, found.high) == pytest.approx((twin.low, twin.high))


@pytest.mark.parametrize("spreads", [(0.08, 0.0, 0.08), (0.08, 0.02, 0.05), (0.02, 0.02, 0.02)])
@pytest.mark.parametrize(("n", "seeds"), [(6, 3), (24, 3), (24, 5)])
def test_it_holds_the_truth_about_as_often_as_it_says(n: int, seeds: int, spreads: tuple[float, ...]) -> None:
    rng = np.random.default_rng(3)
    intervals = [crossed_interval(draw(rng, n, seeds, *spreads)) for _ in range(300)]
    held = np.mean([one.low <= 0.03 <= one.high for one in intervals])
    assert 0.9 <= held <= 0.995


def test_more_seeds_cannot_hide_that_images_are_few() -> None:
    """Four images whose deviations every seed repeats are four images, however many seeds there are."""
    values = np.repeat(np.array([[0.0], [0.1], [0.2], [0.1]]), 50, axis=1)
    found, one = crossed_interval(values), crossed_interval(values[:, :1])
    assert (found.low, found.high) == pytest.approx((one.low, one.high))


def test_what_is_not_known_is_left_out_and_counted() -> None:
    values = np.array([[0.1, 0.2], [np.nan, 0.3], [0.3, 0.4]])
    found = crossed_interval(values)
    assert found.n == 2
    assert found.value == pytest.approx(0.25)
    assert np.isnan(crossed_interval(values[:1]).low)
    assert np.isnan(crossed_interval(np.empty((0, 2))).value)


def test_equal_values_have_an_interval_of_no_width_and_scores_stay_in_their_bounds() -> None:
    assert crossed_interval(np.full((5, 3), 0.4)).high == pytest.approx(0.4)
    wide = crossed_interval(np.array([[0.2], [0.99]]), bounds=(0, 1))
    assert (wide.low, wide.high) == (0, 1)
