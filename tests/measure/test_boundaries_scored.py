"""Boundary scores against a slow twin that assigns anew at every threshold, laws, and inputs that are hard to score."""

from math import hypot

import numpy as np
import pytest
from scipy.optimize import linear_sum_assignment
from scipy.spatial.distance import cdist

from handful.errors import DataError
from handful.measure.boundaries import (
    TOLERANCE,
    at_own_threshold,
    average_precision,
    best_threshold,
    count_boundaries,
    f_measure,
    optimal_dataset_scale,
    pair_off,
    split_row,
)
from handful.measure.edges import canny_edges, sobel_edges


def paired_by_brute_force(true, predicted, longest):
    """How many pixels a full table of distances can pair."""
    places, drawn = np.argwhere(predicted), np.argwhere(true)
    if not len(places) or not len(drawn):
        return 0
    allowed = cdist(places, drawn) <= longest
    rows, columns = linear_sum_assignment(allowed, maximize=True)
    return int(allowed[rows, columns].sum())


def random_maps(seed, shape=(14, 11), people=3):
    rng = np.random.default_rng(seed)
    true = rng.random((people, *shape)) < rng.uniform(0.02, 0.4)
    predicted = np.where(rng.random(shape) < rng.uniform(0.05, 0.6), rng.random(shape), 0)
    return true, np.round(predicted, 1)  # many equal strengths, many on a threshold


@pytest.mark.parametrize("seed", range(40))
def test_one_assignment_pairs_as_many_as_one_for_each_threshold(seed):
    true, predicted = random_maps(seed)
    tolerance = 1.5 / hypot(*predicted.shape)
    thresholds = [0.1, 0.3, 0.4, 0.75, 0.9]
    counts = count_boundaries(true, predicted, thresholds=thresholds, tolerance=tolerance)
    expected = [sum(paired_by_brute_force(one, predicted >= cut, 1.5) for one in true) for cut in thresholds]
    assert counts.found.tolist() == expected
    assert counts.predicted.tolist() == [int((predicted >= cut).sum()) for cut in thresholds]
    assert counts.true == true.sum()


@pytest.mark.parametrize("seed", range(20))
def test_one_person_finds_what_is_right(seed):
    true, predicted = random_maps(seed, people=1)
    counts = count_boundaries(true, predicted, tolerance=0.1)
    assert (counts.found == counts.right).all()


@pytest.mark.parametrize("seed", range(10))
def test_right_for_anyone_is_right_once(seed):
    true, predicted = random_maps(seed)
    alone = [count_boundaries(one, predicted, tolerance=0.1).right for one in true]
    together = count_boundaries(true, predicted, tolerance=0.1)
    assert (together.right >= np.max(alone, axis=0)).all()
    assert (together.right <= np.minimum(np.sum(alone, axis=0), together.predicted)).all()


@pytest.mark.parametrize("seed", range(20))
def test_the_shortest_pairs_among_the_most(seed):
    """Total length against the full table, for pixels that all weigh the same."""
    rng = np.random.default_rng(seed)
    places, drawn = np.argwhere(rng.random((9, 9)) < 0.3), np.argwhere(rng.random((9, 9)) < 0.3)
    distance = cdist(places, drawn)
    gain = np.where(distance <= 2, 1000 - distance, 0)
    rows, columns = linear_sum_assignment(gain, maximize=True)
    best = gain[rows, columns]
    paired = pair_off(places, drawn, np.ones(len(places), np.int64), 2.0)
    assert paired.sum() == np.count_nonzero(best)
    assert paired[rows[best == 1000]].all()  # a pair of no length costs nothing


def test_a_line_shifted_within_and_beyond_the_tolerance():
    true = np.zeros((321, 481), bool)
    true[:, 100] = True
    for shift, right in ((0, 321), (4, 321), (5, 0)):  # 0.0075 of the diagonal are 4.34 pixels
        predicted = np.roll(true, shift, axis=1)
        assert count_boundaries(true, predicted, tolerance=TOLERANCE).right[0] == right


def test_a_line_twice_as_thick_is_right_only_once():
    true = np.zeros((321, 481), bool)
    true[:, 100] = True
    counts = count_boundaries(true, true | np.roll(true, 1, axis=1))
    assert (counts.found[0], counts.right[0], counts.predicted[0]) == (321, 321, 642)


def line_and_noise():
    """A true line predicted with .8, false pixels with .4; and the counts of both images as rows."""
    true = np.zeros((60, 60), bool)
    true[:, 20] = True
    predicted = np.where(true, 0.8, 0.0)
    predicted[::2, 50] = 0.4
    return true, predicted


def test_scores_of_a_drawn_example():
    true, predicted = line_and_noise()
    row = count_boundaries(true, predicted).row()
    recall, precision = split_row(row)
    assert (recall[:80] == 1).all()
    assert (recall[80:] == 0).all()
    assert np.allclose(precision[:40], 60 / 90)
    assert (precision[40:80] == 1).all()
    assert np.isnan(precision[80:]).all()
    assert optimal_dataset_scale(row) == 1
    assert best_threshold(row) == 0.41
    assert average_precision(row) == pytest.approx(0.01 * 60 / 90)  # only recall 1 is reached


def test_each_image_at_its_own_threshold_is_at_least_as_good():
    true, predicted = line_and_noise()
    worse = np.where(true, 0.3, 0.0) + np.where(np.roll(true, 30, axis=1), 0.2, 0)
    rows = np.stack([count_boundaries(true, one).row() for one in (predicted, worse)])
    found, right, said, drawn = at_own_threshold(rows).sum(axis=0)
    own = f_measure(found / drawn, right / said)
    assert own == 1
    assert optimal_dataset_scale(rows.sum(axis=0)) == pytest.approx(2 * 120 / (120 + 150))  # at .21 to .3


NOTHING, ALL, ONE = np.zeros((8, 9)), np.ones((8, 9)), np.eye(8, 9) * np.eye(8, 9)[0]


@pytest.mark.parametrize(
    ("true", "predicted", "expected"),
    [
        (NOTHING, NOTHING, np.nan),
        (NOTHING, ALL, np.nan),
        (ALL, NOTHING, 0),
        (ALL, ALL, 1),
        (ONE, ONE, 1),
        (ONE, np.roll(ONE, 4), 0),
        (ONE, ALL, 2 / 73),
        (ALL, ONE, 2 / 73),
        (NOTHING[:1, :1], NOTHING[:1, :1], np.nan),
        (ALL[:1, :1], ALL[:1, :1], 1),
    ],
)
def test_inputs_that_are_hard_to_score(true, predicted, expected):
    """No true boundary: nothing to score, whatever is predicted. Nothing predicted: 0, as nothing is found."""
    row = count_boundaries(true, predicted).row()
    np.testing.assert_allclose(optimal_dataset_scale(row), expected)
    assert np.isnan(average_precision(row)) == np.isnan(expected)


def test_an_empty_drawing_among_others_counts_no_pixel():
    counts = count_boundaries(np.stack([ALL, NOTHING]), ALL)
    assert counts.true == 72
    assert (counts.right == 72).all()


@pytest.mark.parametrize(
    ("true", "predicted", "thresholds", "said"),
    [
        (ALL, ALL[:, 1:], [0.5], "shape"),
        (np.zeros((0, 8, 9)), ALL, [0.5], "people"),
        (ALL, 2 * ALL, [0.5], "0 to 1"),
        (ALL, np.nan * ALL, [0.5], "0 to 1"),
        (ALL, ALL, [], "rise"),
        (ALL, ALL, [0.5, 0.4], "rise"),
        (ALL, ALL, [0.0, 0.4], "above 0"),
    ],
)
def test_what_cannot_be_scored_is_refused(true, predicted, thresholds, said):
    with pytest.raises(DataError, match=said):
        count_boundaries(true, predicted, thresholds=thresholds)


@pytest.mark.parametrize("detect", [canny_edges, sobel_edges])
@pytest.mark.parametrize("kind", ["uint8", "uint16", "float32", "colour"])
def test_edges_of_a_step_lie_on_it(detect, kind):
    picture = np.zeros((40, 60))
    picture[:, 30], picture[:, 31:] = 0.25, 0.5  # the steepest place is a pixel, not between two
    image = {
        "uint8": (255 * picture).astype(np.uint8),
        "uint16": (65535 * picture).astype(np.uint16),
        "float32": picture.astype(np.float32),
        "colour": np.repeat((255 * picture).astype(np.uint8)[..., None], 3, axis=2),
    }[kind]
    edges = detect(image)
    assert edges.dtype == np.float32
    assert (np.nonzero(edges[5:-5])[1] == 30).all()
    assert (edges[5:-5, 30] > 0).all()
    assert edges[edges > 0] == pytest.approx(0.5**0.5, abs=0.05)


@pytest.mark.parametrize("detect", [canny_edges, sobel_edges])
@pytest.mark.parametrize("image", [np.zeros((1, 1)), np.full((9, 9, 3), 7, np.uint8), np.full((5, 5), np.nan)])
def test_nothing_has_no_edge(detect, image):
    assert not detect(image).any()
