"""The reliability curve as inline SVG: what was said to be so sure, and how often it was so."""

from __future__ import annotations

from dataclasses import dataclass

from handful.measure.calibration import CalibrationCounts, brier, expected_calibration_error, reliability_curve
from handful.measure.confidence import Calibration

SIDE, LEFT, TOP, RIGHT, BOTTOM = 220, 44, 12, 12, 34  # units of the view box; the plot itself is a square
SMALLEST, LARGEST = 2.5, 9.0  # radius of a dot: its area is the share of pixels it stands for
FEWEST = 5  # pixels or objects: a share of fewer is an accident


@dataclass(frozen=True)
class Dot:
    """One bin: its place and size in view box units, and what it says."""

    x: float
    y: float
    radius: float
    words: str


@dataclass(frozen=True)
class Line:
    """One state of the confidence ("as the net gives it"): its dots, and its errors as text."""

    name: str
    dots: tuple[Dot, ...]
    error: str
    brier: str


@dataclass(frozen=True)
class Reliability:
    """What the template needs to draw one plot; the last line is the one that users are told."""

    title: str
    alt: str
    lines: tuple[Line, ...]
    width: int = LEFT + SIDE + RIGHT
    height: int = TOP + SIDE + BOTTOM
    left: int = LEFT
    right: int = LEFT + SIDE
    top: int = TOP
    bottom: int = TOP + SIDE
    ticks: tuple[float, ...] = (0.0, 0.25, 0.5, 0.75, 1.0)


def draw_reliability(calibration: Calibration | None) -> list[Reliability]:
    """Plots for pixels and for objects, those that there are counts of."""
    if calibration is None:
        return []
    plots = []
    for thing, before, after in (
        ("pixels", calibration.before, calibration.after),
        ("objects", calibration.objects_before, calibration.objects_after),
    ):
        if before is None or after is None or not after.pixels.sum():
            continue
        same = bool((before.pixels == after.pixels).all() and (before.confidence == after.confidence).all())
        lines = [] if same else [_line("before", before, thing)]
        lines.append(_line("as told" if same else "after", after, thing))
        told = ", ".join(f"{line.name} {line.error}" for line in lines)
        plots.append(Reliability(thing.capitalize(), f"Reliability of {thing}: calibration error {told}", tuple(lines)))
    return plots


def _line(name: str, counts: CalibrationCounts, thing: str) -> Line:
    dots = []
    for confidence, right, share, count in zip(*reliability_curve(counts), counts.pixels, strict=True):
        if count < FEWEST:
            continue
        dots.append(
            Dot(
                round(LEFT + SIDE * float(confidence), 1),
                round(TOP + SIDE * (1 - float(right)), 1),
                round(SMALLEST + (LARGEST - SMALLEST) * float(share) ** 0.5, 1),
                f"{name}: {100 * share:.1f} % of the {thing}, said {confidence:.2f}, so in {right:.2f}",
            )
        )
    return Line(name, tuple(dots), f"{expected_calibration_error(counts):.3f}", f"{brier(counts):.3f}")
