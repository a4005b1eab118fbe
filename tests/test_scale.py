"""Sizes a net works at, and images and masks brought there."""

import numpy as np
import pytest

from handful.scale import resize_mask, resize_planes, working_size


@pytest.mark.parametrize(
    ("scale", "shape", "size"),
    [
        ({"kind": "none"}, (33, 47), (33, 47)),
        ({"kind": "factor", "value": 0.5}, (100, 61), (50, 30)),
        ({"kind": "factor", "value": 0.01}, (100, 5), (8, 5)),
        ({"kind": "side", "value": 160}, (320, 640), (80, 160)),
        ({"kind": "side", "value": 160}, (20000, 3), (160, 3)),
        ({"kind": "side", "value": 160}, (80, 40), (160, 80)),
    ],
)
def test_working_sizes(scale, shape, size):
    assert working_size(shape, scale) == size


def test_its_own_size_is_the_same_array():
    planes, mask = np.zeros((2, 5, 7), np.float32), np.zeros((5, 7), np.uint8)
    assert resize_planes(planes, (5, 7)) is planes
    assert resize_mask(mask, (5, 7)) is mask


@pytest.mark.parametrize("factor", [2, 3])
def test_a_mask_made_larger_and_smaller_again_is_the_same(factor):
    mask = np.random.default_rng(0).choice(np.array([0, 1, 4, 255], np.uint8), (12, 9))
    larger = resize_mask(mask, (12 * factor, 9 * factor))
    assert larger.dtype == np.uint8
    assert np.array_equal(resize_mask(larger, (12, 9)), mask)


def test_a_mask_made_smaller_holds_what_covers_most():
    mask = np.zeros((8, 8), np.uint8)
    mask[:4, :4], mask[4:, 4:] = 1, 255
    mask[0, 0] = 7
    assert resize_mask(mask, (2, 2)).tolist() == [[1, 0], [0, 255]]


def test_planes_keep_a_plain_area_a_mean_and_their_kind():
    plain = np.full((3, 10, 14), 2.5, np.float32)
    assert np.allclose(resize_planes(plain, (5, 9)), 2.5)
    noise = np.random.default_rng(0).normal(size=(1, 40, 40)).astype(np.float32)
    smaller = resize_planes(noise, (20, 20))
    assert smaller.dtype == np.float32
    assert smaller.shape == (1, 20, 20)
    assert smaller.mean() == pytest.approx(noise.mean(), abs=0.02)
    assert smaller.std() < 0.7  # smoothed, not picked
