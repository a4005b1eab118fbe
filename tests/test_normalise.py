"""Normalisation: the same in tiles as in the whole, and never a value a net could choke on."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from handful.errors import SettingsError
from handful.normalise import LIMIT, apply_normalisation, image_statistics, measure_normalisation, standardise

IMAGE = {"kind": "image", "per_channel": True}


@dataclass
class Sample:
    image: NDArray[Any]


def noise(shape, dtype=np.uint8, seed=0):
    rng = np.random.default_rng(seed)
    top = np.iinfo(dtype).max if np.issubdtype(dtype, np.integer) else 1.0
    return (rng.random(shape) * top).astype(dtype)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
def test_image_kind_gives_mean_0_and_deviation_1_in_each_channel(dtype):
    values = apply_normalisation(noise((64, 50, 3), dtype), IMAGE)
    assert values.dtype == np.float32
    assert np.abs(values.mean(axis=(0, 1))).max() < 0.01
    assert np.abs(values.std(axis=(0, 1)) - 1).max() < 0.02


def test_brightness_and_contrast_of_an_image_do_not_matter():
    bright = noise((40, 40, 1), np.float32)
    assert np.allclose(apply_normalisation(bright, IMAGE), apply_normalisation(bright * 0.1 + 0.3, IMAGE), atol=1e-3)


def test_joint_statistics_keep_the_colour():
    image = np.stack([noise((30, 30)) // 2, noise((30, 30), seed=1)], axis=-1)
    values = apply_normalisation(image, {"kind": "image", "per_channel": False})
    assert values[..., 0].mean() < -0.2 < 0.2 < values[..., 1].mean()


def test_a_window_is_given_what_the_whole_image_gives_it():
    image = noise((1500, 900, 2), np.uint16)
    whole = apply_normalisation(image, IMAGE)
    window = standardise(image[100:200, 300:450], image_statistics(image, IMAGE))
    assert np.array_equal(window, whole[100:200, 300:450])


@pytest.mark.parametrize(
    "image",
    [
        np.full((5, 7, 3), 0, np.uint8),
        np.full((5, 7, 3), 255, np.uint8),
        np.full((1, 1, 1), 65535, np.uint16),
        np.full((9, 9, 1), 0.1, np.float32),
        np.full((9, 9, 1), 1e30, np.float32),
        np.full((9, 9, 1), np.nan, np.float32),
        np.full((9, 9, 1), np.inf, np.float32),
        np.ones((4, 4, 1), bool),
    ],
)
def test_a_constant_image_gives_zeros(image):
    assert not apply_normalisation(image, IMAGE).any()


def test_pixels_that_are_no_number_become_the_middle_and_change_nothing_else():
    image = noise((20, 20, 1), np.float32)
    holed = image.copy()
    holed[3, 4], holed[5, 6] = np.nan, -np.inf
    values = apply_normalisation(holed, IMAGE)
    assert values[3, 4] == 0
    assert values[5, 6] == 0
    assert np.allclose(
        np.delete(values.ravel(), [64, 106]), np.delete(apply_normalisation(image, IMAGE), [64, 106]), atol=0.02
    )


def test_one_hot_pixel_stays_within_the_limit():
    image = np.full((30, 30, 1), 7, np.uint16)
    image[4, 4] = 65535
    values = apply_normalisation(image, IMAGE)
    assert values[4, 4] == LIMIT
    assert np.count_nonzero(values) == 1


def test_flat_noise_of_one_grey_level_is_not_amplified():
    values = apply_normalisation(noise((30, 30, 1)) % 2, IMAGE)
    assert np.abs(values).max() <= 1.01


def test_dataset_kind_keeps_differences_between_images():
    samples = [Sample(np.full((1, 8, 8), value, np.uint8)) for value in (51, 153)]
    settings = measure_normalisation("dataset", samples)
    assert np.allclose(settings["mean"], [0.4])
    assert np.allclose(settings["std"], [0.2], atol=1e-4)
    assert np.allclose(apply_normalisation(np.full((2, 2, 1), 51, np.uint8), settings), -1, atol=1e-3)


def test_an_unknown_kind_is_refused():
    with pytest.raises(SettingsError, match="choose one of image, dataset"):
        measure_normalisation("batch", [])
    with pytest.raises(SettingsError, match="at least one image"):
        measure_normalisation("dataset", [])
