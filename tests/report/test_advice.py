"""What to label next, and the reliability plot: the right sentence for the right trouble, silence for none."""

import numpy as np
import pytest

from handful.measure import Scorer
from handful.measure.by_size import SizeRow
from handful.measure.calibration import count_calibration
from handful.measure.confidence import Calibration
from handful.report.advice import advice
from handful.report.reliability import draw_reliability


def scores(dice_like, classes=("soil", "leaf")):
    """Images of which a share of the leaf is found."""
    scorer = Scorer(classes)
    for number, share in enumerate(dice_like):
        true = np.zeros((20, 50), np.uint8)
        true[:10] = 1
        predicted = true.copy()
        predicted[: round(10 * (1 - share))] = 0
        scorer.add(f"image {number}", true, predicted)
    return scorer.finish()


def test_images_unlike_those_trained_on_come_first():
    told = advice(scores([0.9, 0.9, 0.2]), {"image 0": 0.3, "image 1": 0.4, "image 2": 1.8})
    assert told[0].startswith("Label more images like image 2: unlike")
    assert "0.33 against 0.95" in told[0]


def test_a_connection_between_unlike_and_worse_is_said():
    shares = np.linspace(0.95, 0.3, 10)
    told = advice(scores(shares), {f"image {n}": 0.05 * n for n in range(10)})
    assert "The less an image is like those trained on" in told[0]
    assert "image 9, image 8 and image 7" in told[0]


def test_otherwise_the_worst_are_named_and_nothing_where_all_is_well():
    assert "image 1, " in advice(scores([0.9, 0.2, 0.9]), {})[0]
    assert advice(scores([0.9, 0.9, 0.9]), {}) == []
    assert advice(scores([]), {}) == []


def test_a_class_learnt_least_and_sizes_found_least():
    scorer = Scorer(["soil", "leaf", "stem", "root"])
    true = np.repeat(np.arange(4, dtype=np.uint8), 25)[None].repeat(8, axis=0)
    predicted = np.where(true == 2, 0, true).astype(np.uint8)
    scorer.add("a", true, predicted)
    told = " ".join(advice(scorer.finish(), {}))
    assert "much of stem (Dice 0.00, 25.0 % of the pixels)" in told
    sizes = [SizeRow("1 to 9 pixels", 10, 0.1, 0.2), SizeRow("10 to 99 pixels", 10, 0.8, 0.9)]
    assert "Objects of 1 to 9 pixels are found least (20 % of 10" in advice(scores([0.9]), {}, sizes)[0]
    assert advice(scores([0.9]), {}, [sizes[0], SizeRow("more", 9, 0.2, 0.25)]) == []


@pytest.mark.parametrize(("odd", "verb"), [(["x"], "x has not its like"), (["x", "y"], "x and y have not their like")])
def test_odd_training_images_are_named(odd, verb):
    assert verb in advice(scores([0.9]), {}, (), odd)[0]


def test_dots_lie_where_the_bins_are():
    rng = np.random.default_rng(0)
    chances = np.where(rng.random(4000) < 0.5, 0.93, 0.11)
    true = (rng.random(4000) < np.where(chances > 0.5, 0.7, 0.11)).astype(np.uint8)
    counts = count_calibration(chances[None], true[None])
    (plot,) = draw_reliability(Calibration(counts, counts))
    (line,) = plot.lines
    assert line.name == "as told"
    low, high = line.dots
    side = plot.right - plot.left
    assert (low.x - plot.left) / side == pytest.approx(0.11, abs=0.01)
    assert (plot.bottom - low.y) / side == pytest.approx(0.11, abs=0.03)
    assert (plot.bottom - high.y) / side == pytest.approx(0.7, abs=0.03)
    assert "calibration error" in plot.alt


def test_before_and_after_are_two_lines_and_nothing_gives_no_plot():
    chances, true = np.full((1, 50), 0.9), np.ones((1, 50), np.uint8)
    before, after = count_calibration(chances, true), count_calibration(chances - 0.2, true)
    (plot,) = draw_reliability(Calibration(before, after, temperature=2.0))
    assert [line.name for line in plot.lines] == ["before", "after"]
    assert draw_reliability(None) == []
    nothing = count_calibration(chances, np.full((1, 50), 255))
    assert draw_reliability(Calibration(nothing, nothing)) == []
