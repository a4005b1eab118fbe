"""What people draw in labelling tools, as pixels: a pixel is inside where its centre is.

Coordinates are (x, y) in pixels from the corner of the image, as COCO, CVAT, LabelMe, Label Studio and ImageJ have
them: the first pixel reaches from (0, 0) to (1, 1). Nothing here needs more memory than the image has pixels.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from handful.data.runs import Order, from_runs
from handful.errors import DataError

Ring = NDArray[np.float64]  # (n, 2) of x, y; the first point need not come again
CROSSINGS = 2**20  # of edges and rows at a time: 30 MB, whatever a polygon looks like
ROUND = 0.01  # pixels by which a polygon may miss the ellipse that it stands for


@dataclass(frozen=True)
class Patch:
    """Pixels of a shape: `inside` bool (h, w), its first pixel at row `top` and column `left` of the image."""

    top: int
    left: int
    inside: NDArray[np.bool_]


class Shape(Protocol):
    """A region drawn on an image."""

    def fill(self, height: int, width: int) -> Patch:
        """Its pixels within an image of this size. Raises DataError where it cannot belong to such an image."""


@dataclass(frozen=True)
class Polygon:
    """What lies within an odd number of these rings: an outline and its holes, or several outlines."""

    rings: tuple[Ring, ...]

    def fill(self, height: int, width: int) -> Patch:
        points = np.concatenate(self.rings)
        low = np.clip(np.floor(points.min(axis=0)), 0, (width, height)).astype(int)
        high = np.clip(np.ceil(points.max(axis=0)), low, (width, height)).astype(int)
        rows, columns = int(high[1] - low[1]), int(high[0] - low[0])
        # Every edge turns all pixels of a row to its right from outside to inside or back.
        turns = np.zeros((rows, columns + 1), bool)
        for ring in self.rings:
            _cross(turns, ring - low)
        return Patch(int(low[1]), int(low[0]), np.logical_xor.accumulate(turns, axis=1)[:, :-1])


def _cross(turns: NDArray[np.bool_], ring: Ring) -> None:
    """Mark in each row the first pixel whose centre lies at or to the right of each edge that crosses the row."""
    rows, columns = turns.shape[0], turns.shape[1] - 1
    start, stop = ring, np.roll(ring, -1, axis=0)
    # A row belongs to an edge from its upper end on and up to its lower end, without it: corners count once.
    first = np.clip(np.ceil(np.minimum(start[:, 1], stop[:, 1]) - 0.5), 0, rows).astype(np.int64)
    after = np.clip(np.ceil(np.maximum(start[:, 1], stop[:, 1]) - 0.5), 0, rows).astype(np.int64)
    done = np.concatenate([[0], np.cumsum(after - first)])
    for begin in range(0, int(done[-1]), CROSSINGS):
        places = np.arange(begin, min(begin + CROSSINGS, int(done[-1])))
        edges = np.searchsorted(done, places, side="right") - 1
        row = first[edges] + places - done[edges]
        (x0, y0), (x1, y1) = start[edges].T, stop[edges].T
        x = x0 + (row + 0.5 - y0) * ((x1 - x0) / (y1 - y0))
        column = np.clip(np.ceil(x - 0.5), 0, columns).astype(np.int64)
        found, count = np.unique(row * (columns + 1) + column, return_counts=True)
        turns.reshape(-1)[found[count % 2 == 1]] ^= True


def box(left: float, top: float, right: float, bottom: float, degrees: float = 0.0, about: str = "centre") -> Polygon:
    """A rectangle, turned clockwise as seen about its centre or its "corner" (upper left)."""
    middle = (left, top) if about == "corner" else ((left + right) / 2, (top + bottom) / 2)
    return Polygon((_turned(np.array([[left, top], [right, top], [right, bottom], [left, bottom]]), middle, degrees),))


def ellipse(x: float, y: float, radius_x: float, radius_y: float, degrees: float = 0.0) -> Polygon:
    """An ellipse about (x, y), turned clockwise as seen, as a polygon that misses it by no more than `ROUND`."""
    radius = max(abs(radius_x), abs(radius_y), 1.0)
    steps = max(16, math.ceil(math.pi / math.sqrt(2 * ROUND / radius)))
    angle = np.arange(steps) * (2 * math.pi / steps)
    points = np.column_stack([x + radius_x * np.cos(angle), y + radius_y * np.sin(angle)])
    return Polygon((_turned(points, (x, y), degrees),))


def _turned(points: Ring, about: tuple[float, float], degrees: float) -> Ring:
    if not degrees:
        return points
    cosine, sine = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    turned: Ring = (points - about) @ np.array([[cosine, sine], [-sine, cosine]]) + about
    return turned


@dataclass(frozen=True)
class Runs:
    """Run lengths of a window of this size (height, width), its first pixel at (top, left). where: for messages."""

    runs: NDArray[np.int64]
    size: tuple[int, int]
    where: str
    order: Order = "F"
    top: int = 0
    left: int = 0

    def fill(self, height: int, width: int) -> Patch:
        (rows, columns), top, left = self.size, self.top, self.left
        if not (0 <= top <= top + rows <= height and 0 <= left <= left + columns <= width):
            raise DataError(
                f"{self.where}: its mask covers rows {top} to {top + rows} and columns {left} to {left + columns} of "
                f"an image of {width}x{height}. Export the annotations again for the image as it is."
            )
        try:
            return Patch(top, left, from_runs(self.runs, self.size, self.order))
        except DataError as error:
            raise DataError(f"{self.where}: {error}. Export the annotations again.") from error


@dataclass(frozen=True)
class Joined:
    """All that lies in any of these shapes."""

    shapes: tuple[Shape, ...]

    def fill(self, height: int, width: int) -> Patch:
        patches = [shape.fill(height, width) for shape in self.shapes]
        top, left = min(patch.top for patch in patches), min(patch.left for patch in patches)
        bottom = max(patch.top + patch.inside.shape[0] for patch in patches)
        right = max(patch.left + patch.inside.shape[1] for patch in patches)
        inside = np.zeros((bottom - top, right - left), bool)
        for patch in patches:
            rows, columns = patch.inside.shape
            inside[patch.top - top :, patch.left - left :][:rows, :columns] |= patch.inside
        return Patch(top, left, inside)


def joined(shapes: Sequence[Shape]) -> Shape:
    """One shape of several."""
    return shapes[0] if len(shapes) == 1 else Joined(tuple(shapes))
