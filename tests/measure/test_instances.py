"""Matching of objects against a slow twin that tries every way to pair them off."""

import itertools

import numpy as np
import pytest

from handful.errors import DataError
from handful.measure.instances import (
    THRESHOLDS,
    average_precision,
    count_instances,
    f1,
    panoptic_quality,
    segmentation_quality,
)


def match_by_trying(true, predicted, threshold):
    """Most pairs of at least `threshold` IoU, then the largest sum of IoU, over all one-to-one pairings."""
    first = [set(zip(*np.nonzero(true == k), strict=True)) for k in np.unique(true) if k]
    second = [set(zip(*np.nonzero(predicted == k), strict=True)) for k in np.unique(predicted) if k]
    if len(first) > len(second):
        first, second = second, first
    best = (0, 0.0)
    for chosen in itertools.permutations(second, len(first)):
        ious = [len(a & b) / len(a | b) for a, b in zip(first, chosen, strict=True)]
        kept = [iou for iou in ious if iou >= threshold and iou > 0]
        best = max(best, (len(kept), round(sum(kept), 9)))
    return best


@pytest.mark.parametrize("seed", range(40))
def test_matching_agrees_with_trying_every_pairing(seed):
    rng = np.random.default_rng(seed)
    shape = tuple(rng.integers(2, 7, size=2))
    true = rng.integers(0, 5, size=shape)
    predicted = np.where(rng.random(shape) < 0.7, true, rng.integers(0, 5, size=shape)) * 3  # other numbers, gaps
    thresholds = (0.1, 0.3, 0.5, 0.75, 0.95)
    counts = count_instances(true, predicted, thresholds=thresholds)
    for place, threshold in enumerate(thresholds):
        matched, summed = match_by_trying(true, predicted, threshold)
        assert counts.tp[place] == matched
        assert counts.iou[place] == pytest.approx(summed, abs=1e-6)


def test_scores_on_a_drawing():
    true = np.array([[1, 1, 0, 2, 2], [1, 1, 0, 2, 2], [0, 0, 0, 0, 0], [3, 3, 3, 3, 0]])
    predicted = np.array([[7, 7, 0, 5, 5], [7, 7, 0, 5, 0], [0, 0, 0, 0, 0], [9, 9, 8, 8, 0]])
    counts = count_instances(true, predicted)
    # 1 matches 7 fully (IoU 1), 2 matches 5 (3/4), 3 is cut into halves of IoU 1/2: one of them matches at .5 only.
    assert counts.tp.tolist() == [3, 2, 2, 2, 2, 2, 1, 1, 1, 1]
    assert (counts.true, counts.predicted) == (3, 4)
    precisions = average_precision(counts.tp, counts.true, counts.predicted)
    assert precisions[[0, 1, 9]] == pytest.approx([3 / 4, 2 / 5, 1 / 6])
    assert f1(counts.tp[0], counts.true, counts.predicted) == pytest.approx(6 / 7)
    quality = segmentation_quality(counts.tp[0], counts.iou[0])
    assert quality == pytest.approx(2.25 / 3)
    assert panoptic_quality(counts.tp[0], counts.iou[0], counts.true, counts.predicted) == pytest.approx(
        6 / 7 * quality
    )


def test_touching_objects_joined_are_one_miss_and_a_half():
    true = np.array([[1, 1, 1, 2, 2, 2]])
    counts = count_instances(true, (true > 0).astype(int))
    assert counts.tp[0] == 1  # the joined object covers each half with IoU .5
    assert counts.tp[1] == 0


@pytest.mark.parametrize(
    ("true", "predicted", "expected"),
    [
        ([[0, 0]], [[0, 0]], np.nan),  # no object at all: nothing to score
        ([[0, 0]], [[0, 1]], 0.0),
        ([[1, 0]], [[0, 0]], 0.0),
        ([[1]], [[9]], 1.0),  # one pixel
        (np.zeros((0, 3)), np.zeros((0, 3)), np.nan),
    ],
)
def test_nasty_labels(true, predicted, expected):
    counts = count_instances(np.array(true, np.int32), np.array(predicted, np.int32))
    assert average_precision(counts.tp, counts.true, counts.predicted) == pytest.approx(
        [expected] * len(THRESHOLDS), nan_ok=True
    )


def test_ignored_pixels_belong_to_no_object():
    true = np.array([[1, 1, 0, 0]])
    predicted = np.array([[1, 1, 2, 2]])
    counts = count_instances(true, predicted, ignore=np.array([[False, False, True, True]]))
    assert (counts.true, counts.predicted, counts.tp[0]) == (1, 1, 1)
    everywhere = count_instances(true, predicted, ignore=np.ones((1, 4), bool))
    assert (everywhere.true, everywhere.predicted) == (0, 0)


def test_huge_label_numbers_cost_no_memory():
    true = np.array([[0, 2_000_000_000]], np.int64)
    assert count_instances(true, true).tp[0] == 1


def test_negative_and_fractional_labels_are_refused():
    with pytest.raises(DataError, match="whole numbers"):
        count_instances(np.array([[-1, 0]]), np.array([[0, 0]]))
    with pytest.raises(DataError, match="shape"):
        count_instances(np.zeros((2, 2), int), np.zeros((2, 3), int))
    with pytest.raises(DataError, match="whole numbers"):
        count_instances(np.zeros((1, 2)), np.zeros((1, 2)))
