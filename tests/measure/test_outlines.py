"""Outline scores of one image, and in the scores of many."""

from math import hypot

import numpy as np
import pytest

from handful.measure.outlines import outline_scores
from handful.measure.scorer import Scorer
from handful.measure.scores import Scores

VOID = 255


def halves(side=20):
    """Two cells parted by a line one pixel wide; and the same with a gap in the line."""
    true = np.ones((side, side), np.uint8)
    true[:, side // 2] = 0
    leaky = true.copy()
    leaky[3, side // 2] = 1
    return true, leaky


def scores_of(true, predicted):
    return outline_scores(true, predicted, true == VOID, [1], 1)


def test_a_gap_in_a_line_costs_no_dice_but_the_regions():
    true, leaky = halves()
    assert scores_of(true, true) == {
        "surface_dice_per_image": 1, "hausdorff95_per_image": 0, "rand_per_image": 1, "information_per_image": 1
    }  # fmt: skip
    found = scores_of(true, leaky)
    assert found["surface_dice_per_image"] == 1
    assert found["rand_per_image"] == pytest.approx(2 / 3, abs=0.01)  # two halves joined
    assert found["information_per_image"] == pytest.approx(0, abs=1e-9)


def test_a_missed_object_is_as_far_as_the_image_is_large():
    true = np.zeros((30, 40), np.uint8)
    true[5:10, 5:10] = 1
    found = scores_of(true, np.zeros_like(true))
    assert found["hausdorff95_per_image"] == hypot(30, 40)
    assert found["surface_dice_per_image"] == 0


def test_nothing_to_score_is_nan_and_left_out_of_the_mean():
    true, leaky = halves()
    empty = np.zeros_like(true)
    assert np.isnan(list(scores_of(empty, empty).values())).all()
    scorer = Scorer(["background", "cell"], with_outlines=True)
    for name, pair in (("a", (true, leaky)), ("b", (true, true)), ("c", (empty, empty))):
        scorer.add(name, *pair)
    scores = scorer.finish()
    assert scores["surface_dice_per_image"].n == 2
    assert scores["surface_dice_per_image"].left_out == 1
    assert scores["rand_per_image"].value == pytest.approx(5 / 6, abs=0.01)
    assert Scores.from_dict(scores.to_dict()).outlines == scores.outlines
    assert any(line.startswith("V^Rand per image") for line in scores.lines())


def test_void_pixels_do_not_count():
    true, leaky = halves()
    true[3, 10] = VOID
    assert scores_of(true, leaky)["surface_dice_per_image"] == 1
    assert np.isnan(list(scores_of(np.full_like(true, VOID), leaky).values())).all()


def test_they_are_measured_only_where_asked_for():
    true, leaky = halves()
    scorer = Scorer(["background", "cell"])
    scorer.add("a", true, leaky)
    assert scorer.finish().outlines == {}
