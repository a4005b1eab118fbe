"""Confidence counted in bins against pixels taken one by one."""

from functools import reduce
from operator import add

import numpy as np
import pytest

from handful.errors import DataError
from handful.measure.calibration import brier, count_calibration, expected_calibration_error, reliability_curve


def twin(probabilities, true, bins):
    """ECE and Brier score by a loop over the pixels."""
    inside = [[] for _ in range(bins)]
    errors = []
    for place in np.ndindex(true.shape):
        if true[place] == 255:
            continue
        chances = probabilities[(..., *place)]
        if probabilities.ndim == 2:
            sure, right = chances, true[place] == 1
            errors.append((chances - right) ** 2)
        else:
            sure, right = max(chances), int(np.argmax(chances)) == true[place]
            errors.append(sum((p - (k == true[place])) ** 2 for k, p in enumerate(chances)))
        inside[min(int(sure * bins), bins - 1)].append((sure, right))
    gaps = [abs(sum(s for s, _ in part) - sum(r for _, r in part)) for part in inside]
    return sum(gaps) / len(errors), sum(errors) / len(errors)


@pytest.mark.parametrize("seed", range(20))
@pytest.mark.parametrize("classes", [2, 4])
def test_agrees_with_a_loop(seed, classes):
    rng = np.random.default_rng(seed)
    true = rng.choice([*range(classes), 255], size=(5, 7)).astype(np.uint8)
    true[0, 0] = 0
    probabilities = rng.dirichlet(np.ones(classes), size=(5, 7)).transpose(2, 0, 1)
    given = probabilities[1] if classes == 2 else probabilities
    counts = count_calibration(given, true, bins=10)
    error, squared = twin(given, true, 10)
    assert expected_calibration_error(counts) == pytest.approx(error)
    assert brier(counts) == pytest.approx(squared)


def test_counts_of_images_add_up():
    rng = np.random.default_rng(0)
    true, chances = rng.integers(0, 2, (4, 6, 6)), rng.random((4, 6, 6))
    parts = reduce(add, (count_calibration(*pair) for pair in zip(chances, true, strict=True)))
    whole = count_calibration(chances.reshape(24, 6), true.reshape(24, 6))
    assert expected_calibration_error(parts) == pytest.approx(expected_calibration_error(whole))
    assert brier(parts) == pytest.approx(brier(whole))


def test_honest_chances_have_a_straight_reliability_curve():
    rng = np.random.default_rng(0)
    chances = rng.random((400, 400))
    counts = count_calibration(chances, rng.random(chances.shape) < chances)
    confidence, right, share = reliability_curve(counts)
    assert np.abs(confidence - right).max() < 0.03
    assert share.sum() == pytest.approx(1)
    assert expected_calibration_error(counts) < 0.01


def test_sure_and_right_or_sure_and_wrong():
    mask = np.array([[0, 1]])
    assert brier(count_calibration(mask.astype(float), mask)) == 0
    assert brier(count_calibration(1.0 - mask, mask)) == 1
    assert expected_calibration_error(count_calibration(1.0 - mask, mask)) == 1


def test_void_everywhere_is_nothing_to_score():
    counts = count_calibration(np.ones((2, 2)), np.full((2, 2), 255))
    assert np.isnan([expected_calibration_error(counts), brier(counts)]).all()


@pytest.mark.parametrize(
    ("probabilities", "true", "message"),
    [
        (np.full((2, 2), 1.5), np.zeros((2, 2), int), "within 0 and 1"),
        (np.full((2, 2), np.nan), np.zeros((2, 2), int), "within 0 and 1"),
        (np.zeros((2, 3)), np.zeros((2, 2), int), "shape"),
        (np.zeros((3, 2, 2)), np.full((2, 2), 3), "class 3"),
    ],
)
def test_unusable_probabilities_are_refused(probabilities, true, message):
    with pytest.raises(DataError, match=message):
        count_calibration(probabilities, true)
