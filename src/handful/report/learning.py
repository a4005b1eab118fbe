"""The page of a learning curve: the sentence, the picture, the table."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import nan
from pathlib import Path

import numpy as np

from handful.files import write_whole
from handful.measure.bootstrap import Interval
from handful.measure.saturation import Saturation
from handful.report.lines import Lines, Point, draw_lines
from handful.report.template import render

MEASURED, FITTED = "measured, with 95 % intervals", "fitted curve"


@dataclass(frozen=True)
class LearningPage:
    """What is on the page; `points` and `trainings` go with `sizes`, `fitted` is drawn up to `labelled + more`."""

    title: str
    sentence: str
    how: str
    sizes: Sequence[int]
    points: Sequence[Interval]
    trainings: Sequence[int]
    fitted: Saturation | None
    labelled: int
    more: int
    command: str = ""
    date: str = ""


def write_learning(path: Path, page: LearningPage) -> None:
    """One self-contained HTML file. Raises OutputError where it cannot be written."""
    text = render(
        "learning.html",
        page=page,
        chart=draw_learning(page),
        title=page.title,
        date=page.date,
        rows=list(zip(page.sizes, page.points, page.trainings, strict=True)),
    )
    write_whole(path, text.encode("utf-8", errors="replace"))


def draw_learning(page: LearningPage) -> Lines:
    """Measured points with intervals, and the fitted curve to where it is asked."""
    series: dict[str, list[Point]] = {
        MEASURED: [
            (float(size), one.value, one.low, one.high) for size, one in zip(page.sizes, page.points, strict=True)
        ]
    }
    marks = [float(size) for size in page.sizes]
    if page.fitted is not None:
        end = float(page.labelled + page.more)
        along = np.geomspace(page.sizes[0], end, 60)
        series[FITTED] = [(float(n), float(page.fitted.at(n)), nan, nan) for n in along]
        # A mark too near to the number of images there are would be written over it.
        marks = [*(mark for mark in marks if mark <= 0.8 * page.labelled), float(page.labelled), end]
    drawn = draw_lines(series, "Dice on images not trained on", "labelled images", doubling=True, marks=marks)
    points, *curve = drawn.lines
    # What was measured is dots, what was fitted is a line.
    return replace(drawn, lines=(replace(points, path=""), *(replace(line, dots=()) for line in curve)))
