"""Lines that part an image into regions are told from everything else."""

import numpy as np
import pytest
from scipy import ndimage

from handful.measure import lines
from handful.measure.lines import LOOKED_AT, are_lines, count_regions
from walls import walls


@pytest.fixture
def rng():
    return np.random.default_rng(3)


def test_regions_are_counted_by_how_often_they_part_two_pixels(rng):
    mask = np.zeros((20, 30), np.uint8)
    assert count_regions(mask, 1) == 1
    mask[:, 10] = mask[:, 20] = 1
    assert 2.9 < count_regions(mask, 1) < 3
    mask[:, 21:] = 255
    assert 1.9 < count_regions(mask, 1) <= 2
    assert count_regions(np.ones((5, 5), np.uint8), 1) == 0


def test_lines_are_thin_and_part_regions(rng):
    truth, _ = walls(rng)
    cells = (truth == 0).astype(np.uint8)
    assert are_lines([truth], 1)
    assert are_lines([cells], 0)  # whatever their number is
    assert not are_lines([truth, cells, cells], 1)
    apart = ndimage.binary_opening(cells, iterations=4).astype(np.uint8)
    assert not are_lines([apart], 1)  # cells that part nothing
    pierced = np.ones((96, 96), np.uint8)
    pierced[8:16, 8:88:16] = pierced[40:48, 8:88:16] = 0
    assert count_regions(pierced, 1) > 3
    assert not are_lines([pierced], 1)  # thick all around its holes
    assert not are_lines([np.zeros((9, 9), np.uint8)], 1)
    assert not are_lines([], 1)


def test_of_many_masks_some_are_looked_at(monkeypatch):
    """A training with thousands of images has no time to look at all before its first step."""
    looked_at = []
    monkeypatch.setattr(lines, "share_thin", lambda mask, kind: looked_at.append(int(mask[0, 0])) or 0.0)
    assert not are_lines([np.full((4, 4), number, np.uint8) for number in range(200)], 1)
    assert len(looked_at) == LOOKED_AT
    assert max(looked_at) - min(looked_at) > 150
