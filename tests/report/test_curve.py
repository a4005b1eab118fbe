"""Curves: round ticks, lines inside the frame."""

import re

import pytest

from handful.report.curve import HEIGHT, TOP, WIDTH, draw_curve, nice_ticks


@pytest.mark.parametrize(
    ("low", "high", "about", "expected"),
    [
        (0, 60, 6, [0, 10, 20, 30, 40, 50, 60]),
        (0, 1, 4, [0, 0.25, 0.5, 0.75, 1]),
        (0.71, 0.83, 4, [0.7, 0.75, 0.8, 0.85]),
        (-0.2, 0.9, 4, [-0.5, 0, 0.5, 1]),
        (5, 5, 4, [4, 6]),
        (0, 0, 4, [0, 0.25]),
    ],
)
def test_ticks_are_round_and_cover(low, high, about, expected):
    assert nice_ticks(low, high, about) == pytest.approx(expected)


def history(values):
    return [{"seconds": float(second), "loss": value} for second, value in enumerate(values)]


@pytest.mark.parametrize(
    "values",
    [[1, 0.5], [0.3] * 10, [1000, 100, 10, 1, 0.1], [0, 0, 0], [-1, -5, 3], list(range(2000)), [1e-9, 1e9], [1e6] * 3],
)
@pytest.mark.parametrize("loss", [False, True])
def test_lines_stay_inside_the_frame(values, loss):
    curve = draw_curve(history(values), "loss", "Loss", loss=loss)
    for path in (curve.line, curve.faint):
        places = [tuple(map(float, pair.split())) for pair in re.findall(r"[\d.-]+ [\d.-]+", path)]
        assert all(curve.left - 0.1 <= x <= curve.right + 0.1 for x, _ in places)
        assert all(TOP - 0.1 <= y <= curve.bottom + 0.1 for _, y in places)
        assert len(places) <= 302
    assert all(0 <= tick.at <= WIDTH for tick in curve.x_ticks)
    assert all(0 <= tick.at <= HEIGHT for tick in curve.y_ticks)


def test_a_loss_that_falls_far_gets_a_logarithmic_axis():
    curve = draw_curve(history([10 ** (-k / 50) for k in range(200)]), "loss", "Loss", loss=True)
    assert [tick.label for tick in curve.y_ticks] == ["0.0001", "0.001", "0.01", "0.1", "1"]


def test_same_second_throughout():
    rows = [{"seconds": 0.0, "loss": 1.0}, {"seconds": 0.0, "loss": 2.0}]
    assert draw_curve(rows, "loss", "Loss") is not None


def test_one_point_is_no_curve():
    assert draw_curve(history([1.0]), "loss", "Loss") is None
    assert draw_curve([], "loss", "Loss") is None
