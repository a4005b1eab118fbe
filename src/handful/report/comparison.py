"""The page of a comparison: verdict, scores, differences, curves, and the pictures side by side."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from math import isnan, nan
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from handful.files import write_whole
from handful.measure.bootstrap import Interval
from handful.measure.scores import trivial_label
from handful.report.content import Picture
from handful.report.lines import Lines
from handful.report.palette import PREDICTION, TRUTH, VOID_GREY, class_colour, css
from handful.report.pictures import Panel, Panels, draw_panels, picture_uri
from handful.report.template import render

SIDE = 300  # pixels of a picture; several stand side by side
FEW_SIDE, FEW = 420, 30  # up to so many images they are larger
MOST_BYTES = 12_000_000  # of pictures, the worst images first


@dataclass(frozen=True)
class TableRow:
    """A combination: its labels, the score with interval, the median over the seeds, the seeds' means, other scores."""

    labels: tuple[str, ...]
    score: Interval
    median: float
    seeds: tuple[float, ...]
    others: tuple[float, ...]


@dataclass(frozen=True)
class Difference:
    """A verdict in words with its interval."""

    sentence: str
    difference: Interval


@dataclass(frozen=True)
class PlainTable:
    """A small table with a heading and a note: text and numbers."""

    title: str
    note: str
    head: tuple[str, ...]
    rows: tuple[tuple[str | float, ...], ...]


@dataclass(frozen=True)
class Compared:
    """One image with what each of several models says: (label, predicted mask, score)."""

    name: str
    image: NDArray[np.uint8]
    true: NDArray[np.uint8] | None
    predicted: Sequence[tuple[str, NDArray[np.uint8], float]]
    score: float = nan


@dataclass(frozen=True)
class Group:
    """Images under a heading. kind "mask": contours on the photograph; "boundary": boundaries white on black."""

    title: str
    note: str
    images: Iterable[Compared]
    kind: str = "mask"


@dataclass(frozen=True)
class ComparisonContent:
    """Everything on the page; what is empty gets no section."""

    title: str
    score: str
    about: Sequence[str]
    verdict: Sequence[str]
    best: tuple[str, Interval] | None
    axes: tuple[str, ...]
    others: tuple[str, ...]
    rows: Sequence[TableRow]
    seeds: tuple[int, ...]
    differences: Sequence[Difference] = ()
    apart: Sequence[Difference] = ()
    trivial: Mapping[str, float] = field(default_factory=dict)
    charts: Sequence[Lines] = ()
    tables: Sequence[PlainTable] = ()
    groups: Sequence[Group] = ()
    classes: tuple[str, ...] = ()
    background: int | None = 0
    facts: Sequence[tuple[str, str]] = ()
    messages: Sequence[str] = ()
    command: str = ""
    date: str = ""
    source: str = ""
    environment: Mapping[str, Any] = field(default_factory=dict)


def write_comparison(path: Path, content: ComparisonContent) -> None:
    """Write the page as one HTML file, whole or not at all. Raises OutputError."""
    write_whole(path, render_comparison(content).encode("utf-8", errors="replace"))


def render_comparison(content: ComparisonContent) -> str:
    """The page as text."""
    left = MOST_BYTES
    groups = []
    for group in content.groups:
        drawn = []
        for row in draw_group(group, content):
            left -= row.bytes
            if left >= 0:
                drawn.append(row)
        groups.append((group, drawn))
    span = max((abs(end) for one in (*content.differences, *content.apart) for end in ends(one.difference)), default=1)
    return render(
        "comparison.html",
        {"trivial_label": trivial_label},
        title=content.title,
        date=content.date,
        content=content,
        groups=[(group, rows) for group, rows in groups if rows],
        legend=legend(content, void=any(row.void for _, rows in groups for row in rows)),
        most=max((row.score.value for row in content.rows if not isnan(row.score.value)), default=nan),
        reach=span or 1.0,
    )


def legend(content: ComparisonContent, *, void: bool) -> list[tuple[str, str]]:
    """(colour, meaning) of what is drawn over the images."""
    if len(content.classes) == 2 and content.background is not None:
        return [(css(TRUTH), "truth"), (css(PREDICTION), "prediction")]  # contours, which leave void out
    drawn = [(css(class_colour(k)), name) for k, name in enumerate(content.classes) if k != content.background]
    return [*drawn, (css(VOID_GREY), "void, not scored")] if void else drawn


def ends(found: Interval) -> list[float]:
    """What is known of a value and the ends of its interval."""
    return [value for value in (found.value, found.low, found.high) if not isnan(value)]


def draw_group(group: Group, content: ComparisonContent) -> Iterable[Panels]:
    """The pictures of each image: the photograph, the truth where known, and what each model says."""
    images = list(group.images)
    side = FEW_SIDE if len(images) <= FEW else SIDE
    for one in images:
        yield draw_boundaries(one, side) if group.kind == "boundary" else draw_compared(one, content, side)


def draw_compared(one: Compared, content: ComparisonContent, side: int) -> Panels:
    """Contours on the photograph, a panel for each model."""
    made: Panels | None = None
    panels: list[Panel] = []
    for label, predicted, score in one.predicted:
        picture = Picture(one.name, one.image, one.true, predicted, score)
        drawn = draw_panels(picture, classes=len(content.classes), background=content.background, side=side)
        made = made or drawn
        panels += [
            Panel(f"{label}{'' if isnan(score) else f' · {score:.3f}'}", f"{label}: {panel.alt}", panel.overlay)
            for panel in drawn.panels
            if panel.title == "Prediction"
        ]
    assert made is not None  # there is no picture without a prediction
    known = [panel for panel in made.panels if panel.title in ("Image", "Truth")]
    return Panels(one.name, one.score, made.photo, made.width, made.height, (*known, *panels), made.void)


def draw_boundaries(one: Compared, side: int) -> Panels:
    """Boundaries in white on black, as strong as they are sure (0 to 255), beside the photograph."""
    height, width = one.image.shape[:2]
    scale = side / max(height, width)
    size = max(1, round(width * scale)), max(1, round(height * scale))
    panels = [Panel("Image", f"{one.name}: the image", "")]
    if one.true is not None:
        panels.append(Panel("Truth", f"{one.name}: where people drew", picture_uri(one.true, size)))
    panels += [
        Panel(f"{label}{'' if isnan(score) else f' · {score:.3f}'}", f"{one.name}: boundaries found by {label}",
              picture_uri(strength, size))
        for label, strength, score in one.predicted
    ]  # fmt: skip
    return Panels(one.name, one.score, picture_uri(one.image, size, "JPEG"), *size, tuple(panels))
