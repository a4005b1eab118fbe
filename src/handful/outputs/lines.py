"""lines/NAME.geojson: thin boundaries as lines whose points lie on the crest between pixels.

How it works:
1. Pixels of the thin boundaries (see `handful.measure.ridges`) are thinned to lines without corners that are filled.
2. From end to end and from fork to fork they are strung into lines; a line without ends is closed.
3. Each point moves to where the strength around it has its crest: along the direction in which the strength bends most,
   to the maximum of its second-order Taylor expansion (Steger 1998, "An unbiased detector of curvilinear structures"),
   but not out of its pixel's surroundings.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from skimage.morphology import skeletonize

from handful.measure.ridges import SMOOTHING, gradient

# Fainter boundaries are a web of noise over the whole image.
WEAKEST = 0.2
LEAST_POINTS = 3
FARTHEST = 0.75  # pixels from the centre of its pixel that a point may move
DECIMALS = 3


@dataclass(frozen=True)
class Line:
    """Points (n, 2) of x, y from the corner of the image, closed where the first comes again; mean strength 0 to 1."""

    points: NDArray[np.float64]
    strength: float


def boundary_lines(thin: NDArray[np.float32], field: NDArray[np.floating]) -> list[Line]:
    """Lines along thin boundaries (H, W), 0 where there are none, on the crests of the field (H, W) they come from."""
    pixels = skeletonize(thin >= WEAKEST)
    rows, columns = np.nonzero(pixels)
    if not len(rows):
        return []
    offsets = _to_crest(field.astype(np.float64), rows, columns)
    places = np.column_stack([columns, rows]) + 0.5 + offsets
    lines = [Line(places[way], float(thin[rows[way], columns[way]].mean())) for way in _ways(pixels)]
    return [line for line in lines if len(line.points) >= LEAST_POINTS]


def boundary_field(probabilities: NDArray[np.float32], boundary: int | None = None) -> NDArray[np.float64]:
    """What thin boundaries are the crests of: the probability of this class, or the steepest slope of any class."""
    if boundary is not None:
        smooth: NDArray[np.float64] = ndimage.gaussian_filter(probabilities[boundary].astype(np.float64), SMOOTHING)
        return smooth
    planes = probabilities[1:] if len(probabilities) == 2 else probabilities
    slopes = (np.hypot(*gradient(ndimage.gaussian_filter(plane.astype(np.float64), SMOOTHING))) for plane in planes)
    steepest: NDArray[np.float64] = np.maximum.reduce(list(slopes))
    return steepest


def lines_geojson(lines: Sequence[Line]) -> bytes:
    """A GeoJSON FeatureCollection, a LineString a line, with its strength as a measurement as QuPath has them."""
    features = [
        {
            "type": "Feature",
            "geometry": {"type": "LineString", "coordinates": np.round(line.points, DECIMALS).tolist()},
            "properties": {
                "objectType": "annotation",
                "name": f"boundary {number}",
                "measurements": {"strength": round(line.strength, 4)},
            },
        }
        for number, line in enumerate(lines, start=1)
    ]
    collection = {"type": "FeatureCollection", "features": features}
    return json.dumps(collection, separators=(",", ":")).encode()


def _to_crest(field: NDArray[np.float64], rows: NDArray[np.intp], columns: NDArray[np.intp]) -> NDArray[np.float64]:
    """How far (x, y) the crest lies from the centres of these pixels; nothing where the strength does not bend down."""
    framed = np.pad(field, 1, mode="edge")

    def at(down: int, across: int) -> NDArray[np.float64]:
        value: NDArray[np.float64] = framed[rows + 1 + down, columns + 1 + across]
        return value

    slope = np.stack([at(0, 1) - at(0, -1), at(1, 0) - at(-1, 0)], axis=1) / 2
    xx, yy = at(0, 1) - 2 * at(0, 0) + at(0, -1), at(1, 0) - 2 * at(0, 0) + at(-1, 0)
    xy = (at(1, 1) - at(1, -1) - at(-1, 1) + at(-1, -1)) / 4
    bend = np.stack([np.stack([xx, xy], axis=1), np.stack([xy, yy], axis=1)], axis=1)
    bends, directions = np.linalg.eigh(bend)  # the first bends down most
    normal = directions[:, :, 0]
    way = -(slope * normal).sum(axis=1) / np.where(bends[:, 0] < 0, bends[:, 0], -np.inf)
    moved: NDArray[np.float64] = np.clip(way, -FARTHEST, FARTHEST)[:, None] * normal
    return moved


def _ways(pixels: NDArray[np.bool_]) -> list[list[int]]:
    """Numbers of the pixels (in the order of np.nonzero) along each line, from an end or a fork to the next."""
    neighbours = _neighbours(pixels)
    ways: list[list[int]] = []
    gone: set[tuple[int, int]] = set()

    def follow(start: int, step: int) -> list[int]:
        way, before, here = [start], start, step
        gone.update(((start, step), (step, start)))
        while True:
            way.append(here)
            onward = [one for one in neighbours[here] if one != before]
            if len(neighbours[here]) != 2 or here == start or (here, onward[0]) in gone:
                return way
            before, here = here, onward[0]
            gone.update(((before, here), (here, before)))

    nodes = [number for number, beside in enumerate(neighbours) if len(beside) != 2]
    for start in (*nodes, *range(len(neighbours))):  # what no node leads to is a ring
        ways += [follow(start, step) for step in neighbours[start] if (start, step) not in gone]
    return ways


def _neighbours(pixels: NDArray[np.bool_]) -> list[list[int]]:
    """The neighbours of each pixel; across a corner only where no pixel joins the two by its edges."""
    numbers = np.full(np.add(pixels.shape, 2), -1)
    numbers[1:-1, 1:-1][pixels] = np.arange(np.count_nonzero(pixels))
    rows, columns = np.nonzero(pixels)
    found: list[list[int]] = [[] for _ in rows]
    for number, (row, column) in enumerate(zip((rows + 1).tolist(), (columns + 1).tolist(), strict=True)):
        for down, across in ((0, 1), (1, 0), (1, 1), (1, -1)):
            other = int(numbers[row + down, column + across])
            joined = down and across and max(numbers[row + down, column], numbers[row, column + across]) >= 0
            if other >= 0 and not joined:
                found[number].append(other)
                found[other].append(number)
    return found
