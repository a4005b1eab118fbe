"""Overlap counts against sets of pixels counted one by one."""

import numpy as np
import pytest

from handful.errors import DataError
from handful.measure import overlap

TRUE = np.array(
    [
        [0, 0, 1, 1],
        [0, 0, 1, 1],
        [2, 2, 0, 255],
        [2, 2, 0, 255],
    ],
    np.uint8,
)
PREDICTED = np.array(
    [
        [0, 1, 1, 1],
        [0, 0, 1, 0],
        [2, 2, 2, 1],
        [1, 2, 0, 0],
    ],
    np.uint8,
)


def counts_by_sets(true, predicted, classes):
    """Slow twin: sets of coordinates, void left out of both."""
    places = [place for place in np.ndindex(true.shape) if true[place] != 255]
    rows = []
    for number in range(classes):
        is_true = {place for place in places if true[place] == number}
        is_predicted = {place for place in places if predicted[place] == number}
        rows.append(
            (
                len(is_true & is_predicted),
                len(is_predicted - is_true),
                len(is_true - is_predicted),
                len(set(places) - is_true - is_predicted),
            )
        )
    return np.array(rows).T


def test_counts_on_a_drawing():
    tp, fp, fn, tn = overlap.count_overlap(TRUE, PREDICTED, 3)
    assert tp.tolist() == [4, 3, 3]
    assert fp.tolist() == [1, 2, 1]
    assert fn.tolist() == [2, 1, 1]
    assert tn.tolist() == [7, 8, 9]


def test_scores_on_a_drawing():
    counts = overlap.Counts.from_tables(["a"], overlap.count_confusion(TRUE, PREDICTED, 3)[None])
    assert overlap.dice_per_image(counts)[0] == pytest.approx([8 / 11, 6 / 9, 6 / 8])
    assert overlap.iou_pooled(counts) == pytest.approx([4 / 7, 3 / 6, 3 / 5])
    assert overlap.precision_pooled(counts) == pytest.approx([4 / 5, 3 / 5, 3 / 4])
    assert overlap.recall_per_image(counts)[0] == pytest.approx([4 / 6, 3 / 4, 3 / 4])
    assert overlap.accuracy(counts) == pytest.approx(10 / 14)


@pytest.mark.parametrize("seed", range(25))
def test_counts_agree_with_sets(seed):
    rng = np.random.default_rng(seed)
    classes = int(rng.integers(1, 6))
    shape = tuple(rng.integers(1, 8, size=2))
    true = rng.choice([*range(classes), 255], size=shape).astype(np.uint8)
    predicted = rng.choice([*range(classes), 255], size=shape).astype(np.uint8)
    assert np.array_equal(overlap.count_overlap(true, predicted, classes), counts_by_sets(true, predicted, classes))


def test_pooled_is_the_score_of_all_pixels_in_one_image():
    rng = np.random.default_rng(0)
    true, predicted = rng.integers(0, 3, (2, 5, 6, 7)).astype(np.uint8)
    tables = np.stack([overlap.count_confusion(*pair, 3) for pair in zip(true, predicted, strict=True)])
    counts = overlap.Counts.from_tables("abcde", tables)
    whole = overlap.Counts.from_tables(["all"], overlap.count_confusion(true, predicted, 3)[None])
    assert overlap.dice_pooled(counts) == pytest.approx(overlap.dice_per_image(whole)[0])
    assert overlap.recall_pooled(counts) == pytest.approx(overlap.recall_per_image(whole)[0])


@pytest.mark.parametrize(
    ("true", "predicted", "expected"),
    [
        ([[0, 0]], [[0, 0]], np.nan),  # nothing there, nothing found: nothing to score
        ([[0, 0]], [[0, 1]], 0.0),  # nothing there, something found
        ([[0, 1]], [[0, 0]], 0.0),  # something there, nothing found
        ([[1, 1]], [[1, 1]], 1.0),  # full
        ([[1]], [[1]], 1.0),  # one pixel
        ([[255, 255]], [[1, 0]], np.nan),  # void everywhere
        ([[255, 1]], [[0, 1]], 1.0),  # wrong only in void
        (np.zeros((0, 4)), np.zeros((0, 4)), np.nan),  # no pixel
    ],
)
def test_nasty_masks(true, predicted, expected):
    table = overlap.count_confusion(np.array(true, np.uint8), np.array(predicted, np.uint8), 2)
    counts = overlap.Counts.from_tables(["a"], table[None])
    assert overlap.dice_per_image(counts)[0, 1] == pytest.approx(expected, nan_ok=True)
    assert overlap.iou_per_image(counts)[0, 1] == pytest.approx(expected, nan_ok=True)


def test_no_answer_is_a_miss_and_no_false_alarm():
    tp, fp, fn, _ = overlap.count_overlap(np.array([[1, 0]], np.uint8), np.array([[255, 255]], np.uint8), 2)
    assert (tp.tolist(), fp.tolist(), fn.tolist()) == ([0, 0], [0, 0], [1, 1])


@pytest.mark.parametrize(
    ("true", "predicted", "message"),
    [
        (np.zeros((2, 3), np.uint8), np.zeros((3, 2), np.uint8), "leaf.png: the predicted mask is 3x2"),
        (np.full((2, 2), 7, np.uint8), np.zeros((2, 2), np.uint8), "leaf.png: the true mask holds value 7"),
        (np.zeros((2, 2), np.uint8), np.full((2, 2), 2, np.uint8), "the predicted mask holds value 2"),
        (np.zeros((2, 2), np.uint8), np.full((2, 2), 256, np.int32), "Labels of single objects are not a mask"),
        (np.zeros((2, 2), np.uint8), np.full((2, 2), -1, np.int32), "values from -1 to -1"),
        (np.zeros((2, 2), np.float32), np.zeros((2, 2), np.uint8), "whole class numbers"),
    ],
)
def test_unusable_masks_are_refused(true, predicted, message):
    with pytest.raises(DataError, match=message):
        overlap.count_confusion(true, predicted, 2, name="leaf.png")


def test_mean_present_skips_nan():
    values = np.array([[1.0, np.nan, 0.0], [np.nan, np.nan, np.nan]])
    assert overlap.mean_present(values) == pytest.approx([0.5, np.nan], nan_ok=True)
