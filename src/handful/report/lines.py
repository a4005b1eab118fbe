"""Several lines in one frame as inline SVG: scores against a number, with their intervals."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import isnan, log2

from handful.report.curve import BOTTOM, HEIGHT, LEFT, RIGHT, TOP, WIDTH, Frame, Tick, nice_ticks
from handful.report.palette import class_colour, css

Point = tuple[float, float, float, float]  # x, y, the ends of its interval (nan: none)


@dataclass(frozen=True)
class Line:
    """One line: its path, its points, and a bar for each interval as (x, y from, y to)."""

    name: str
    colour: str
    path: str
    dots: tuple[tuple[float, float], ...]
    bars: tuple[tuple[float, float, float], ...]


@dataclass(frozen=True, kw_only=True)
class Lines(Frame):
    """What the template needs to draw them."""

    lines: tuple[Line, ...]


def draw_lines(
    series: Mapping[str, Sequence[Point]],
    title: str,
    unit: str,
    *,
    doubling: bool = False,
    marks: Sequence[float] | None = None,
    smooth: bool = False,
) -> Lines:
    """Lines by name. doubling: the distance of 1 and 2 is that of 4 and 8. marks: ticks (the points' own where None).

    smooth: lines without points.
    """

    def across(x: float) -> float:
        return log2(x) if doubling else x

    points = [point for line in series.values() for point in line if not isnan(point[1])]
    heights = [value for _, *values in points for value in values if not isnan(value)]
    y_marks = nice_ticks(min(heights, default=0.0), max(heights, default=1.0), 4)
    bottom, top = y_marks[0], y_marks[-1]
    x_marks = sorted({x for x, *_ in points}) if marks is None else list(marks)
    first, last = across(x_marks[0]), across(x_marks[-1])

    def place(x: float, y: float) -> tuple[float, float]:
        share = (across(x) - first) / ((last - first) or 1.0)
        up = (y - bottom) / ((top - bottom) or 1.0)
        return (
            round(LEFT + (0.03 + 0.94 * share) * (WIDTH - LEFT - RIGHT), 1),
            round(HEIGHT - BOTTOM - up * (HEIGHT - TOP - BOTTOM), 1),
        )

    made = []
    for number, (name, line) in enumerate(series.items()):
        there = [point for point in line if not isnan(point[1])]
        dots = tuple(place(x, y) for x, y, _, _ in there)
        bars = tuple(
            (place(x, low)[0], place(x, low)[1], place(x, high)[1]) for x, _, low, high in there if not isnan(low)
        )
        path = "M" + "L".join(f"{x:.1f} {y:.1f}" for x, y in dots) if dots else ""
        made.append(Line(name, css(class_colour(number)), path, () if smooth else dots, bars))
    ends = "; ".join(f"{name} from {line[0][1]:.3g} to {line[-1][1]:.3g}" for name, line in series.items() if line)
    return Lines(
        title=title,
        unit=unit,
        alt=f"{title} against {unit}: {ends}",
        lines=tuple(made),
        x_ticks=tuple(Tick(place(x, bottom)[0], f"{x:g}") for x in x_marks),
        y_ticks=tuple(Tick(place(x_marks[0], y)[1], f"{y:g}") for y in y_marks),
    )
