"""Settings for objects fitted on images held back: the counting against a slow twin, and what is chosen when."""

from dataclasses import replace
from itertools import product

import numpy as np
import pytest

from handful.measure.instances import average_precision, count_instances
from handful.prediction.instances import ObjectSettings, find_objects
from handful.prediction.parting import GENERAL, Case, choose, fit_parting, general_settings, precision_table

NOTHING = np.zeros((90, 120), bool)


def draw(seed, classes=2, sure=0.95, specks=0):
    """Discs that touch, seen with the probability `sure` and a blurred edge; specks are seen, less sure, and untrue."""
    rng = np.random.default_rng(seed)
    rows, columns = np.indices(NOTHING.shape)
    true = np.zeros(NOTHING.shape, np.int32)
    strength = np.full((classes, *NOTHING.shape), 1e-3)
    strength[0] = 1 - sure
    for number in range(1, 26 + specks):
        radius, row, column = rng.uniform(3, 9), rng.uniform(0, 90), rng.uniform(0, 120)
        chance = sure if number <= 25 else 0.7
        seen = chance / (1 + np.exp(2 * (np.hypot(rows - row, columns - column) - radius)))
        kind = int(rng.integers(1, classes))
        strength[kind] = np.maximum(strength[kind], seen)
        strength[0] = np.minimum(strength[0], 1 - strength[kind])
        if number <= 25:
            true[(np.hypot(rows - row, columns - column) < radius) & (true == 0)] = number
    strength[0] = np.maximum(1 - strength[1:].max(axis=0), 1e-3)
    probabilities = (strength / strength.sum(axis=0)).astype(np.float32)
    return Case(probabilities.argmax(axis=0).astype(np.uint8), probabilities, true, NOTHING)


SETTINGS = [
    ObjectSettings(min_size=size, h=h, threshold=threshold, min_probability=least)
    for size, h, threshold, least in product((0, 40), (0.25, 1.0), (0.0, 0.7), (0.0, 0.8, 0.9))
]


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("classes", [2, 3])
def test_the_quick_count_is_the_slow_one(seed, classes):
    case = draw(seed, classes, sure=0.9, specks=4)
    expected = []
    for settings in SETTINGS:
        found = find_objects(case.mask, case.probabilities, 0, settings)
        counts = count_instances(case.true, found.labels, thresholds=(0.5,))
        expected.append(average_precision(counts.tp, np.array(counts.true), np.array(counts.predicted))[0])
    for size in (0, 40):  # one table is of one min_size
        chosen = [place for place, one in enumerate(SETTINGS) if one.min_size == size]
        table = precision_table(case, 0, [SETTINGS[place] for place in chosen])
        np.testing.assert_allclose(table, np.array(expected)[chosen])
    assert len(set(np.round(expected, 6))) > 5


def test_pixels_that_do_not_count_do_not_count():
    case = draw(1)
    ignore = NOTHING.copy()
    ignore[:, 60:] = True
    settings = ObjectSettings(min_size=0)
    found = find_objects(case.mask, case.probabilities, 0, settings)
    counts = count_instances(case.true, found.labels, thresholds=(0.5,), ignore=ignore)
    expected = average_precision(counts.tp, np.array(counts.true), np.array(counts.predicted))
    np.testing.assert_allclose(precision_table(replace(case, ignore=ignore), 0, [settings]), expected)


def test_nothing_found_where_nothing_is_is_right():
    flat = np.stack([np.ones(NOTHING.shape), np.zeros(NOTHING.shape)]).astype(np.float32)
    case = Case(np.zeros(NOTHING.shape, np.uint8), flat, np.zeros(NOTHING.shape, np.int32), NOTHING)
    assert precision_table(case, 0, [GENERAL]).tolist() == [1.0]
    assert precision_table(replace(case, true=draw(0).true), 0, [GENERAL]).tolist() == [0.0]


def test_a_net_that_is_never_sure_keeps_its_objects():
    cases = [draw(seed, sure=0.7) for seed in range(6)]
    assert not len(find_objects(cases[0].mask, cases[0].probabilities, 0, GENERAL))
    settings, words = fit_parting(cases, 0, GENERAL)
    assert settings.min_probability < 0.7
    assert "fitted settings" in words
    assert "6 images held back" in words
    fresh = draw(100, sure=0.7)
    assert precision_table(fresh, 0, [settings])[0] > 0.4


def test_the_general_settings_stay_without_evidence():
    bad = [draw(seed, sure=0.7) for seed in range(3)]
    for cases in ([], bad[:1]):
        assert fit_parting(cases, 0, GENERAL)[0] == GENERAL
    assert "2 are needed" in fit_parting(bad[:1], 0, GENERAL)[1]
    assert "0 images held back" in fit_parting(bad, 0, GENERAL, until=0.0)[1]  # there was no time
    empty = Case(
        np.zeros(NOTHING.shape, np.uint8), bad[0].probabilities * 0, np.zeros(NOTHING.shape, np.int32), NOTHING
    )
    settings, words = fit_parting([empty] * 4, 0, GENERAL)
    assert settings == GENERAL
    assert "beyond luck" in words


@pytest.mark.parametrize("images", [2, 4, 16])
def test_luck_is_not_always_followed_and_a_gain_is(images):
    rng = np.random.default_rng(0)
    steps = rng.normal(0, 0.03, (200, images, 30))
    steps[:, :, 0] = 0
    gains = steps.cumsum(axis=2)  # neighbouring settings gain alike; none is better than the first but by luck
    assert np.mean([choose(one) is not None for one in gains]) < 0.6
    gains[0, :, 7] += 0.4
    assert choose(gains[0]) == 7


def test_the_smallest_true_objects_say_what_is_a_speck():
    spots = np.zeros((60, 60), np.int32)
    for number, place in enumerate(product(range(0, 60, 6), range(0, 60, 6)), start=1):
        spots[place[0] : place[0] + 3, place[1] : place[1] + 3] = number
    assert general_settings([spots], None) == replace(GENERAL, min_size=4, holes=4)
    assert general_settings([np.repeat(np.repeat(spots, 10, 0), 10, 1)], 0.5).min_size == 450
    assert general_settings([], 0.5) == general_settings([np.zeros((4, 4), np.int32)], None) == GENERAL


def test_holes_are_filled_as_far_as_true_objects_have_none():
    whole = np.zeros((110, 110), np.int32)
    for number, (row, column) in enumerate(product(range(1, 101, 11), range(1, 101, 11)), start=1):
        whole[row : row + 10, column : column + 10] = number
    assert general_settings([whole], None).holes == 50
    few = whole.copy()
    few[5:105:44, 5] = 0  # three of a hundred lack a pixel, as annotators have it
    assert general_settings([few], None).holes == 50
    rings = whole.copy()
    for row, column in product(range(4, 104, 11), range(4, 104, 11)):
        rings[row : row + 3, column : column + 3] = 0
    assert general_settings([rings], None).holes == 8  # one of nine pixels belongs to it
    assert general_settings([whole, rings], None).holes == 8
    packed = np.pad(np.repeat(np.repeat(np.arange(1, 26).reshape(5, 5), 9, 0), 9, 1), 4)
    packed[4:49:9, 8:44:9] = 0  # gaps at the edge of the cells, enclosed by their neighbours
    assert general_settings([packed.astype(np.int32)], None).holes == 0


def test_a_mask_cut_low_has_objects_that_are_less_sure():
    assert general_settings([], 0.25).min_probability == pytest.approx(0.5)  # odds 3 times 1/3
    assert 0.75 < general_settings([], 0.9).min_probability < 1
    assert 0 <= general_settings([], 0.0).min_probability < 0.05
    assert general_settings([], 1.0).min_probability < 1
