"""A curve as inline SVG: no plotting library to wait for, sharp at any size, and it follows the page's colours."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate
from math import ceil, floor, isfinite, log10
from typing import Any

WIDTH, HEIGHT = 440, 220  # units of the view box; text of 12 units stays readable on a phone
LEFT, RIGHT, TOP, BOTTOM = 44, 12, 12, 34
MOST_POINTS = 300  # more than a curve this wide can show


@dataclass(frozen=True)
class Tick:
    """A labelled place on an axis, in view box units."""

    at: float
    label: str


@dataclass(frozen=True, kw_only=True)
class Frame:
    """A figure's words, and its axes in view box units."""

    title: str
    unit: str
    alt: str
    x_ticks: tuple[Tick, ...]
    y_ticks: tuple[Tick, ...]
    width: int = WIDTH
    height: int = HEIGHT
    left: int = LEFT
    right: int = WIDTH - RIGHT
    bottom: int = HEIGHT - BOTTOM


@dataclass(frozen=True, kw_only=True)
class Curve(Frame):
    """What the template needs to draw one line against time.

    `line` is the path of the line, `faint` that of the raw values where `line` is smoothed ("" otherwise).
    """

    line: str
    faint: str
    dots: tuple[tuple[float, float], ...]


def draw_curve(history: Sequence[Mapping[str, Any]], key: str, title: str, *, loss: bool = False) -> Curve | None:
    """The values `key` of a history against its seconds; None with fewer than two of them.

    A loss is noisy and may fall by powers of ten: it gets an average drawn over the raw values, and a logarithmic axis
    where the average falls to less than a thirtieth. Scores are drawn as they are.
    """
    points = [
        (float(row["seconds"]), float(row[key])) for row in history if _known(row, "seconds") and _known(row, key)
    ]
    if len(points) < 2:
        return None
    line = _averaged(points) if loss else points
    alt = f"{title} over {_number(points[-1][0])} seconds: from {_number(line[0][1])} to {_number(line[-1][1])}"
    lowest, highest = min(y for _, y in line), max(y for _, y in line)
    if loss and min(y for _, y in points) > 0 and highest > 30 * lowest:
        points, line = ([(x, log10(y)) for x, y in curve] for curve in (points, line))
        y_values = [float(power) for power in range(floor(log10(lowest)), ceil(log10(highest)) + 1)]
        y_labels = [f"{10**value:g}" for value in y_values]
    else:
        y_values = nice_ticks(min(0.0, lowest) if loss else lowest, highest, 4)
        y_labels = [_number(value) for value in y_values]
    # The whole history's seconds, so that curves side by side have one time axis.
    end = max(float(row["seconds"]) for row in history if _known(row, "seconds"))
    spans = ((0.0, max(end, 1e-9)), (y_values[0], y_values[-1]))
    # Raw values far off the average would squeeze the curve flat: they are drawn at the edge.
    raw = [(x, min(max(y, y_values[0]), y_values[-1])) for x, y in points]
    return Curve(
        title=title,
        unit="seconds",
        alt=alt,
        line=_path(line, *spans),
        faint=_path(raw, *spans) if loss else "",
        dots=tuple(_place(point, *spans) for point in line) if not loss and len(line) <= 40 else (),
        x_ticks=tuple(
            Tick(_place((x, y_values[0]), *spans)[0], _number(x))
            for x in nice_ticks(0, spans[0][1], 6)
            if x <= spans[0][1]
        ),
        y_ticks=tuple(Tick(_place((0, y), *spans)[1], label) for y, label in zip(y_values, y_labels, strict=True)),
    )


def nice_ticks(low: float, high: float, about: int) -> list[float]:
    """Round numbers, about so many, from at or below `low` to at or above `high`."""
    span = high - low or abs(high) or 1.0
    power = 10.0 ** floor(log10(span / about))
    step = next((power * factor for factor in (1, 2, 2.5, 5) if span / (power * factor) <= about), power * 10)
    first, last = floor(low / step + 1e-9), ceil(high / step - 1e-9)
    return [round(number * step, 10) for number in range(first, max(last, first + 1) + 1)]


def _known(row: Mapping[str, Any], key: str) -> bool:
    value = row.get(key)
    return value is not None and value != "" and isfinite(float(value))


def _averaged(points: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
    """Each value replaced by the mean of about a twentieth of the curve around it.

    At the start, where a loss is steep, the window narrows on both sides, or the curve would begin too low.
    """
    sums = [0.0, *accumulate(y for _, y in points)]
    reach, last = len(points) // 40, len(points) - 1
    out = []
    for place, (x, _) in enumerate(points):
        half = min(reach, place)
        low, high = place - half, min(place + half, last) + 1
        out.append((x, (sums[high] - sums[low]) / (high - low)))
    return out


def _path(points: Sequence[tuple[float, float]], x_span: tuple[float, float], y_span: tuple[float, float]) -> str:
    every = max(1, ceil(len(points) / MOST_POINTS))
    thinned = [*points[:-1:every], points[-1]]
    places = (_place(point, x_span, y_span) for point in thinned)
    return "M" + "L".join(f"{x:.1f} {y:.1f}" for x, y in places)


def _place(point: tuple[float, float], x_span: tuple[float, float], y_span: tuple[float, float]) -> tuple[float, float]:
    across = (point[0] - x_span[0]) / (x_span[1] - x_span[0])
    up = (point[1] - y_span[0]) / (y_span[1] - y_span[0] or 1.0)
    x = LEFT + across * (WIDTH - LEFT - RIGHT)
    y = HEIGHT - BOTTOM - up * (HEIGHT - TOP - BOTTOM)
    return round(x, 1), round(y, 1)


def _number(value: float) -> str:
    return f"{value:.3g}" if abs(value) < 1000 else f"{value:.0f}"
