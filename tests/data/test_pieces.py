"""Pieces counted a band at a time are those of the whole mask."""

import numpy as np
import pytest
from skimage.measure import label

from handful.data.pieces import count_pieces


@pytest.mark.parametrize("kind", [np.uint8, np.uint16, np.int64])
@pytest.mark.parametrize("shape", [(1, 1), (1, 17), (17, 1), (23, 19)])
@pytest.mark.parametrize("values", [2, 3, 9])
def test_bands_change_nothing(kind, shape, values, monkeypatch):
    codes = np.random.default_rng(values).integers(0, values, shape).astype(kind)
    whole = label(codes.astype(np.int32), background=0, return_num=True, connectivity=2)[1]
    assert count_pieces(codes) == whole
    for rows in (1, 2, 5):
        monkeypatch.setattr("handful.data.pieces.BAND", rows * shape[1])
        assert count_pieces(codes) == whole


def test_a_piece_that_winds_through_many_bands_is_one(monkeypatch):
    monkeypatch.setattr("handful.data.pieces.BAND", 1)
    snake = np.zeros((9, 9), np.uint8)
    snake[::2] = 7
    snake[1::4, -1] = snake[3::4, 0] = 7
    assert count_pieces(snake) == 1
    assert count_pieces(np.zeros((9, 9), np.uint8)) == 0
