"""Cells between membranes: a perfect answer is perfect up to the edge of the image, a gap of one pixel is a mistake."""

from __future__ import annotations

import numpy as np
import pytest

from handful.experiments.measures import choose_threshold, grouping_scores, object_scores, trivial_grouping

MASK = np.zeros((60, 60), np.uint8)  # four cells between membranes five pixels thick, one of them slanting
MASK[28:33] = 1
for row in range(60):
    MASK[row, 20 + row // 4 : 25 + row // 4] = 1


def test_the_true_membrane_parts_the_true_cells() -> None:
    assert grouping_scores(MASK, MASK.astype(float), 0.5, 0) == pytest.approx({"rand": 1, "information": 1})


def test_how_thick_a_membrane_is_drawn_does_not_matter_but_a_gap_does() -> None:
    thin, torn = np.zeros(MASK.shape), MASK.astype(float)
    thin[30] = 1
    for row in range(60):
        thin[row, 22 + row // 4] = 1
    torn[:, 5:8] = 0  # a tear of three pixels across a membrane, 15 of 3600
    assert grouping_scores(MASK, thin, 0.5, 0)["rand"] == pytest.approx(1)
    assert grouping_scores(MASK, torn, 0.5, 0)["rand"] < 0.9


def test_constant_answers_get_little() -> None:
    assert all(row["rand"] < 0.5 for row in trivial_grouping(MASK, 0).values())


def test_the_threshold_is_the_one_that_closes_the_gaps() -> None:
    weak = 0.9 * MASK.astype(float)
    weak[:, 5:8] *= 0.4
    weak[10:20, 5:12] = np.maximum(weak[10:20, 5:12], 0.2)  # a shadow that a lower threshold would take for membrane
    chosen = choose_threshold([(MASK, weak)], 0)
    assert 0.2 < chosen < 0.37
    assert grouping_scores(MASK, weak, chosen, 0)["rand"] == pytest.approx(1)


def test_objects_that_are_merged_cost_both() -> None:
    true = np.zeros((20, 20), int)
    true[2:8, 2:8], true[2:8, 8:14], true[12:18, 2:8] = 1, 2, 3
    merged = np.where(true == 2, 1, true)
    nothing = np.zeros(true.shape, bool)
    assert object_scores(true, true, nothing) == {"ap50": 1, "ap": 1}
    # At IoU .5 the merged pair still counts as one of the two: 2 matched, 1 missed.
    assert object_scores(true, merged, nothing)["ap50"] == pytest.approx(2 / 3)
    assert object_scores(true, merged, nothing)["ap"] == pytest.approx((2 / 3 + 9 * 1 / 4) / 10)
