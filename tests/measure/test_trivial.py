"""Answers that cost nothing."""

import numpy as np
import pytest

from handful.measure.overlap import count_confusion
from handful.measure.trivial import choose_polarity, constant_table, otsu_bright

BLOB = np.array([[10, 10, 9], [10, 200, 210], [10, 205, 9]], np.uint8)
MASK = np.array([[0, 0, 0], [0, 1, 1], [0, 1, 0]], np.uint8)


def test_constant_table_is_the_table_of_a_constant_mask():
    rng = np.random.default_rng(0)
    true = rng.choice([0, 1, 2, 255], size=(9, 9)).astype(np.uint8)
    table = count_confusion(true, rng.integers(0, 3, (9, 9)).astype(np.uint8), 3)
    for answer in range(3):
        assert np.array_equal(
            constant_table(table, answer), count_confusion(true, np.full((9, 9), answer, np.uint8), 3)
        )


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32, np.int16])
def test_otsu_finds_a_bright_blob(dtype):
    assert np.array_equal(otsu_bright(BLOB.astype(dtype)), MASK == 1)


@pytest.mark.parametrize("channels", [1, 3, 4])
def test_otsu_averages_channels(channels):
    assert np.array_equal(otsu_bright(np.repeat(BLOB[..., None], channels, axis=2)), MASK == 1)


@pytest.mark.parametrize(
    "image", [np.full((3, 3), 7, np.uint8), np.full((2, 2, 3), np.nan), np.zeros((0, 3)), np.ones((1, 1), bool)]
)
def test_otsu_has_no_answer_on_a_constant_image(image):
    assert not otsu_bright(image).any()


@pytest.mark.parametrize("foreground", [0, 1])
@pytest.mark.parametrize("bright", [False, True])
def test_polarity_is_learnt_from_training_images(foreground, bright):
    image = BLOB if bright else 255 - BLOB
    mask = MASK if foreground == 1 else 1 - MASK
    assert choose_polarity([image], [mask], foreground=foreground) == bright
