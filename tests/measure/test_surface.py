"""Distances between outlines against all pairs of outline pixels."""

from math import hypot, inf

import numpy as np
import pytest

from handful.errors import DataError
from handful.measure.surface import hausdorff, mean_surface_distance, surface_dice, surface_distances


def outline_by_looking(mask):
    """Object pixels with a neighbour by edge, or the border of the image, outside."""
    found = []
    for row, column in zip(*np.nonzero(mask), strict=True):
        for down, across in ((0, 1), (1, 0), (0, -1), (-1, 0)):
            r, c = row + down, column + across
            if not (0 <= r < mask.shape[0] and 0 <= c < mask.shape[1]) or not mask[r, c]:
                found.append((row, column))
                break
    return found


@pytest.mark.parametrize("seed", range(20))
@pytest.mark.parametrize("spacing", [(1.0, 1.0), (0.5, 2.0)])
def test_agrees_with_all_pairs(seed, spacing):
    rng = np.random.default_rng(seed)
    true, predicted = rng.random((2, *rng.integers(2, 12, size=2))) < rng.uniform(0.2, 0.9)
    true[0, 0] = predicted[-1, -1] = True
    lines = outline_by_looking(true), outline_by_looking(predicted)

    def nearest(points, others):
        return [min(hypot((r - y) * spacing[0], (c - x) * spacing[1]) for y, x in others) for r, c in points]

    there, back = nearest(*lines), nearest(*lines[::-1])
    distances = surface_distances(true, predicted, spacing=spacing)
    assert hausdorff(distances) == pytest.approx(max(np.percentile(there, 95), np.percentile(back, 95)))
    assert hausdorff(distances, 100) == pytest.approx(max(there + back))
    assert mean_surface_distance(distances) == pytest.approx(np.mean(there + back))
    assert surface_dice(distances, 1.0) == pytest.approx(np.mean([d <= 1 for d in there + back]))


def test_a_square_moved_by_three_pixels():
    true = np.zeros((30, 30), bool)
    true[5:15, 5:15] = True
    distances = surface_distances(true, np.roll(true, 3, axis=1))
    assert hausdorff(distances, 100) == 3
    assert surface_dice(distances, 3) == 1


@pytest.mark.parametrize(
    ("true", "predicted", "distance", "share"),
    [
        (np.zeros((3, 3)), np.zeros((3, 3)), np.nan, np.nan),
        (np.zeros((3, 3)), np.ones((3, 3)), inf, 0.0),
        (np.ones((3, 3)), np.zeros((3, 3)), inf, 0.0),
        (np.ones((3, 3)), np.ones((3, 3)), 0.0, 1.0),
        (np.ones((1, 1)), np.ones((1, 1)), 0.0, 1.0),
    ],
)
def test_nasty_masks(true, predicted, distance, share):
    distances = surface_distances(true, predicted)
    assert hausdorff(distances) == pytest.approx(distance, nan_ok=True)
    assert mean_surface_distance(distances) == pytest.approx(distance, nan_ok=True)
    assert surface_dice(distances, 1) == pytest.approx(share, nan_ok=True)


def test_void_is_outside_both_masks():
    true = np.array([[0, 1, 1, 0, 0, 0]])
    predicted = np.array([[0, 1, 1, 0, 0, 1]])
    distances = surface_distances(true, predicted, ignore=np.array([[0, 0, 0, 0, 0, 1]], bool))
    assert hausdorff(distances, 100) == 0


def test_sizes_must_agree():
    with pytest.raises(DataError, match="shape"):
        surface_distances(np.ones((2, 2)), np.ones((2, 3)))
