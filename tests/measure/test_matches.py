"""Objects one by one against a slow twin and the matching of instances, and the groups by size."""

import numpy as np
import pytest

from handful.measure.by_size import classes_by_share, objects_by_size
from handful.measure.calibration import count_calibration, expected_calibration_error
from handful.measure.confidence import Calibration, count_objects
from handful.measure.instances import count_instances
from handful.measure.matches import ObjectMatches, match_objects


def labels(seed, count=7, size=40):
    rng = np.random.default_rng(seed)
    made = np.zeros((size, size), np.int32)
    for number in range(1, count + 1):
        row, column = rng.integers(0, size - 8, 2)
        made[row : row + rng.integers(2, 8), column : column + rng.integers(2, 8)] = number
    return made


@pytest.mark.parametrize("seed", range(8))
def test_best_overlaps_agree_with_a_slow_twin(seed):
    true, predicted = labels(seed), labels(seed // 2 + 50)
    ignore = np.random.default_rng(seed).random(true.shape) < 0.1 * (seed % 2)
    found = match_objects(true, predicted, ignore=ignore)
    for one, other, best in ((true, predicted, found.true_iou), (predicted, true, found.predicted_iou)):
        for number in range(1, one.max() + 1):
            mine = (one == number) & ~ignore
            overlaps = [0.0]
            for rival in range(1, other.max() + 1):
                theirs = (other == rival) & ~ignore
                if (mine & theirs).any():
                    overlaps.append((mine & theirs).sum() / (mine | theirs).sum())
            assert best[number - 1] == pytest.approx(max(overlaps))
    areas = [int(((true == number) & ~ignore).sum()) for number in range(1, true.max() + 1)]
    assert found.true_area.tolist() == areas


def test_more_than_half_is_the_matching_of_instances():
    true = labels(3)
    predicted = np.roll(true, 1, axis=0)
    found = match_objects(true, predicted)
    matched = count_instances(true, predicted, thresholds=[0.5000001]).tp[0]
    assert (found.true_iou > 0.5).sum() == (found.predicted_iou > 0.5).sum() == matched


def test_no_objects_at_all():
    empty = np.zeros((4, 4), np.int32)
    found = match_objects(empty, empty)
    assert found.true_area.size == found.true_iou.size == found.predicted_iou.size == 0
    assert objects_by_size([found]) == objects_by_size([]) == []


def test_objects_in_groups_of_rising_area():
    area = np.arange(1, 41)
    iou = (area > 20) * 0.8
    rows = objects_by_size([ObjectMatches(area[::2], iou[::2], iou), ObjectMatches(area[1::2], iou[1::2], iou)])
    assert [row.n for row in rows] == [10, 10, 10, 10]
    assert [row.found for row in rows] == [0, 0, 1, 1]
    assert rows[0].label == "1 to 10 pixels"
    assert rows[3].mean == pytest.approx(0.8)
    same = objects_by_size([ObjectMatches(np.full(9, 5), np.ones(9), np.ones(9))])
    assert [(row.label, row.n) for row in same] == [("5 pixels", 9)]
    three = ObjectMatches(np.repeat([1, 2, 50], 9), np.ones(27), np.ones(27))
    assert [row.label for row in objects_by_size([three])] == ["1 pixel", "2 to 49 pixels", "50 pixels"]


def test_classes_by_the_share_they_cover():
    rows = classes_by_share(np.array([0.005, 0.5, 0.03, 0.0, 0.6]), np.array([0.2, 0.9, 0.5, 0.0, np.nan]))
    assert [(row.label, row.n, row.mean) for row in rows] == [
        ("up to 1 % of the image", 1, 0.2),
        ("1 to 5 % of the image", 1, 0.5),
        ("20 to 100 % of the image", 1, 0.9),
    ]


def test_calibration_tells_errors_and_curves_without_nan():
    chances, true = np.array([[0.9, 0.9, 0.1, 0.6]]), np.array([[1, 0, 0, 255]])
    counts = count_calibration(chances, true)
    objects = count_objects(np.array([0.95, 0.55]), np.array([True, False]))
    record = Calibration(counts, counts, objects, objects, temperature=2.0, words="so").to_dict()
    assert record["pixels"]["after"]["ece"] == pytest.approx(expected_calibration_error(counts)) == pytest.approx(0.3)
    assert record["objects"]["before"]["n"] == 2
    assert record["objects"]["before"]["ece"] == pytest.approx((0.05 + 0.55) / 2)
    assert [None, None, 0.0] in record["pixels"]["after"]["curve"]
    assert "objects" not in Calibration(counts, counts).to_dict()
