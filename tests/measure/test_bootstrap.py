"""Intervals over images: against scipy, on edge cases, and their coverage by simulation."""

import numpy as np
import pytest
from scipy import stats

from handful.measure.bootstrap import interval, mean_interval, paired_interval
from handful.measure.overlap import dice


def beta_scores(rng, n):
    """Scores per image as they come: most near .9, a tail of bad ones."""
    return rng.beta(9, 1.5, size=n)


def test_agrees_with_scipy_where_the_small_sample_widening_vanishes():
    values = beta_scores(np.random.default_rng(3), 400)
    ours = mean_interval(values, resamples=20_000)
    theirs = stats.bootstrap(
        (values,), np.mean, method="BCa", n_resamples=20_000, random_state=np.random.default_rng(1)
    ).confidence_interval
    width = theirs.high - theirs.low
    assert ours.value == pytest.approx(values.mean())
    assert ours.low == pytest.approx(theirs.low, abs=0.03 * width)
    assert ours.high == pytest.approx(theirs.high, abs=0.03 * width)


def test_few_images_get_a_wider_interval_than_scipy_gives():
    values = beta_scores(np.random.default_rng(4), 6)
    ours = mean_interval(values)
    theirs = stats.bootstrap((values,), np.mean, random_state=np.random.default_rng(1)).confidence_interval
    assert ours.low < theirs.low
    assert ours.high > theirs.high


def test_two_images_give_the_range_seen():
    found = mean_interval([0.4, 0.8])
    assert (found.low, found.value, found.high) == pytest.approx((0.4, 0.6, 0.8))


def test_pooled_score_is_resampled_by_image():
    rows = np.array([[90, 5, 5], [10, 40, 50], [60, 20, 0], [80, 0, 9]])  # tp, fp, fn of each image
    found = interval(rows, lambda sums: dice(sums[..., 0], sums[..., 1], sums[..., 2]))
    assert found.value == pytest.approx(480 / (480 + 65 + 64))
    assert 20 / 110 - 1e-9 <= found.low < found.value < found.high < 1


@pytest.mark.parametrize("values", [[], [0.7], [np.nan], [np.nan, 0.7]])
def test_one_image_gives_no_interval(values):
    found = mean_interval(values)
    assert np.isnan(found.low)
    assert np.isnan(found.high)
    assert found.n == np.sum(~np.isnan(values))


def test_equal_scores_give_an_interval_of_one_point():
    found = mean_interval(np.full(7, 0.1))
    assert found.low == found.high == found.value == pytest.approx(0.1)


def test_one_outlier_among_equals_stays_within_the_range():
    found = mean_interval([1.0] * 9 + [0.0])
    assert 0 <= found.low < 0.9 < found.high <= 1


def test_mostly_undefined_resamples_give_no_interval():
    rows = np.array([[1, 1]] + [[0, 0]] * 1)
    found = interval(rows, lambda sums: np.where(sums[..., 1] > 1, sums[..., 0] / np.maximum(sums[..., 1], 1), np.nan))
    assert np.isnan(found.low)


def test_seed_fixes_the_interval():
    values = beta_scores(np.random.default_rng(0), 12)
    assert mean_interval(values, seed=5) == mean_interval(values, seed=5)
    assert mean_interval(values, seed=5) != mean_interval(values, seed=6)


def test_order_of_images_hardly_matters():
    values = beta_scores(np.random.default_rng(0), 12)
    there, back = mean_interval(values), mean_interval(values[::-1])
    assert there.low == pytest.approx(back.low, abs=0.1 * (there.high - there.low))


def test_a_paired_difference_is_tighter_than_two_intervals():
    rng = np.random.default_rng(1)
    first = beta_scores(rng, 15)
    second = first - 0.05 + rng.normal(0, 0.005, 15)
    second[3] = np.nan
    found = paired_interval(first, second)
    assert found.n == 14
    assert 0.04 < found.low < found.value < found.high < 0.06


def coverage(n, trials):
    rng = np.random.default_rng(n)
    truth = 9 / 10.5
    inside = 0
    for trial in range(trials):
        found = mean_interval(beta_scores(rng, n), seed=trial)
        inside += found.low <= truth <= found.high
    return inside / trials


@pytest.mark.parametrize("n", [8, 15, 30])
def test_coverage(n):
    # 400 trials: a standard error of 1.2 % at 94 %.
    assert 0.90 <= coverage(n, 400) <= 0.985


@pytest.mark.slow
@pytest.mark.parametrize("n", [8, 15, 30])  # with 4 it is 86 %: no bootstrap mends that
def test_coverage_at_length(n):
    assert 0.90 <= coverage(n, 4000) <= 0.98
