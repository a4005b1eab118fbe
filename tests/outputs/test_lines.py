"""Boundaries as lines: drawn crests come back where they were drawn, to a fraction of a pixel."""

from __future__ import annotations

import json

import numpy as np
import pytest
from shapely.geometry import shape

from handful.measure.ridges import thin_ridges
from handful.outputs.lines import boundary_field, boundary_lines, lines_geojson
from handful.prediction.boundaries import region_boundaries

SHAPE = (64, 80)
X, Y = np.meshgrid(np.arange(SHAPE[1]) + 0.5, np.arange(SHAPE[0]) + 0.5)


def ridge(distance: np.ndarray) -> np.ndarray:
    """Probabilities of no boundary and boundary, which is surest where the distance is 0."""
    sure = np.exp(-((distance / 1.5) ** 2) / 2).astype(np.float32)
    return np.stack([1 - sure, sure])


def lines_of(probabilities: np.ndarray) -> list:
    return boundary_lines(thin_ridges(probabilities[1]), boundary_field(probabilities, 1))


@pytest.mark.parametrize("place", [20.0, 20.3, 20.5, 20.9])
def test_a_straight_line_lies_between_pixels(place: float) -> None:
    (line,) = lines_of(ridge(X - place))
    inner = line.points[(line.points[:, 1] > 4) & (line.points[:, 1] < 60)]
    assert np.abs(inner[:, 0] - place).max() < 0.05
    assert len(inner) == 56
    assert line.strength > 0.9


def test_a_circle_is_one_closed_line() -> None:
    (line,) = lines_of(ridge(np.hypot(X - 40.2, Y - 31.7) - 20.4))
    radius = np.hypot(line.points[:, 0] - 40.2, line.points[:, 1] - 31.7)
    assert np.abs(radius - 20.4).max() < 0.15
    assert np.array_equal(line.points[0], line.points[-1])
    assert np.hypot(*np.diff(line.points, axis=0).T).max() < 2.5  # one goes from neighbour to neighbour


def test_lines_that_cross_are_cut_where_they_do() -> None:
    thin = np.zeros(SHAPE, np.float32)
    thin[30, 10:70], thin[5:60, 40] = 0.5, 1
    lines = boundary_lines(thin, np.zeros(SHAPE))
    assert sorted(len(line.points) for line in lines) == [26, 30, 30, 31]
    assert all((line.points[[0, -1]] == (40.5, 30.5)).all(axis=1).any() for line in lines)
    assert sorted(round(line.strength, 1) for line in lines) == [0.5, 0.5, 1, 1]


def test_the_line_between_two_regions_lies_where_they_are_equally_probable() -> None:
    right = (1 / (1 + np.exp(-(X - 33.3)))).astype(np.float32)
    probabilities = np.stack([1 - right, right])
    lines = boundary_lines(region_boundaries(probabilities), boundary_field(probabilities))
    (line,) = [one for one in lines if len(one.points) > 20]
    assert np.abs(line.points[5:-5, 0] - 33.3).max() < 0.1


def test_nothing_gives_no_line_and_faint_lines_are_none() -> None:
    assert lines_of(ridge(np.full(SHAPE, 99.0))) == []
    faint = 0.1 * ridge(X - 20)
    assert lines_of(faint) == []
    assert json.loads(lines_geojson([])) == {"type": "FeatureCollection", "features": []}


def test_geojson_holds_valid_lines_with_their_strength() -> None:
    lines = lines_of(ridge(np.minimum(np.abs(X - 20), np.abs(X - 60))))
    features = json.loads(lines_geojson(lines))["features"]
    assert len(features) == 2
    for feature, line in zip(features, lines, strict=True):
        assert shape(feature["geometry"]).is_valid
        assert np.allclose(feature["geometry"]["coordinates"], line.points, atol=1e-3)
        assert feature["properties"]["measurements"]["strength"] == pytest.approx(line.strength, abs=1e-4)


def test_every_pair_of_neighbours_is_walked_once() -> None:
    rng = np.random.default_rng(0)
    for _ in range(20):
        drawn = rng.random((12, 12)) < 0.4
        lines = boundary_lines(drawn.astype(np.float32), np.zeros(drawn.shape))
        steps = [
            frozenset(map(tuple, pair)) for line in lines for pair in zip(line.points, line.points[1:], strict=False)
        ]
        assert len(steps) == len(set(steps))
