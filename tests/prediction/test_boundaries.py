"""Boundaries on drawn lines and steps."""

import numpy as np
import pytest

from handful.measure.ridges import thin_ridges
from handful.prediction.boundaries import region_boundaries


def test_a_thick_line_becomes_one_pixel_wide_and_keeps_its_strength():
    probability = np.zeros((40, 40), np.float32)
    probability[:, 18:23] = [0.2, 0.6, 0.9, 0.6, 0.2]
    thin = thin_ridges(probability)
    assert (np.count_nonzero(thin, axis=1) == 1).all()
    assert np.allclose(thin[:, 20], 0.9)


@pytest.mark.parametrize("width", [2, 4])
def test_a_line_of_even_width_leaves_one_line(width):
    probability = np.zeros((30, 30), np.float32)
    probability[10 : 10 + width] = 0.8
    assert (np.count_nonzero(thin_ridges(probability)[:, 5:-5], axis=0) == 1).all()


def test_a_slanting_ring_is_thin_all_round():
    rows, columns = np.indices((80, 80)) - 39.5
    radius = np.hypot(rows, columns)
    thin = thin_ridges(np.exp(-(((radius - 25) / 2) ** 2)).astype(np.float32))
    assert np.abs(radius[thin > 0] - 25).max() < 1
    assert 0.8 * 2 * np.pi * 25 < np.count_nonzero(thin) < 1.4 * 2 * np.pi * 25


@pytest.mark.parametrize("step", [1.0, 0.4])
def test_a_step_is_marked_once_and_as_strong_as_it_is_high(step):
    foreground = np.zeros((30, 30), np.float32)
    foreground[:, 15:] = step
    lines = region_boundaries(np.stack([1 - foreground, foreground]))
    assert (np.count_nonzero(lines, axis=1) == 1).all()
    assert set(np.flatnonzero(lines.any(axis=0))) <= {14, 15}
    assert np.allclose(lines[lines > 0], step, atol=0.01)


def test_every_pair_of_classes_has_its_line():
    mask = np.zeros((30, 30), int)
    mask[:, 10:20], mask[:, 20:] = 1, 2
    lines = region_boundaries(np.eye(3, dtype=np.float32)[mask].transpose(2, 0, 1))
    assert (np.count_nonzero(lines, axis=1) == 2).all()


@pytest.mark.parametrize("shape", [(1, 1), (1, 9), (9, 1), (12, 12)])
def test_nothing_to_mark(shape):
    flat = np.full(shape, 0.5, np.float32)
    assert not region_boundaries(np.stack([flat, flat])).any()
    assert not thin_ridges(np.zeros(shape, np.float32)).any()
