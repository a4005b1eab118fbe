"""Masks that came from elsewhere are read as what they are, not as the true masks are stored."""

import numpy as np
import pytest
from PIL import Image

import handful
from handful.verbs.train import DataFlags


def write(folder, name, array):
    folder.mkdir(parents=True, exist_ok=True)
    Image.fromarray(array).save(folder / name)


@pytest.fixture
def quarters():
    """Four classes in the corners of 32x32."""
    mask = np.zeros((32, 32), np.uint8)
    mask[:16, 16:], mask[16:, :16], mask[16:, 16:] = 1, 2, 3
    return mask


@pytest.mark.parametrize("stored", [np.array([0, 1]), np.array([0, 255])])
@pytest.mark.parametrize("answered", [np.array([0, 1]), np.array([0, 255])])
def test_two_classes_whichever_way_they_are_stored(tmp_path, stored, answered):
    rng = np.random.default_rng(0)
    for name in ("a.png", "b.png"):
        mask = np.zeros((32, 32), np.uint8)
        mask[4:12, 5:20] = 1
        write(tmp_path / "true" / "images", name, rng.integers(0, 255, (32, 32)).astype(np.uint8))
        write(tmp_path / "true" / "masks", name, stored[mask].astype(np.uint8))
        write(tmp_path / "answers", name, answered[mask].astype(np.uint8))
    scores = handful.evaluate(predicted=tmp_path / "answers", data=tmp_path / "true")
    assert scores["dice_per_image"].value == 1


@pytest.mark.parametrize("answered", [np.array([0, 1, 2, 3]), np.array([0, 10, 20, 30])], ids=["numbers", "as stored"])
def test_class_numbers_beside_true_masks_with_gaps(tmp_path, quarters, answered):
    rng = np.random.default_rng(0)
    for name in ("a.png", "b.png", "c.png"):
        write(tmp_path / "true" / "images", name, rng.integers(0, 255, (32, 32)).astype(np.uint8))
        write(tmp_path / "true" / "masks", name, np.array([0, 10, 20, 30], np.uint8)[quarters])
        write(tmp_path / "answers", name, answered.astype(np.uint8)[quarters])
    flags = DataFlags(values="0=soil,10=leaf,20=stem,30=root")
    scores = handful.evaluate(predicted=tmp_path / "answers", data=tmp_path / "true", flags=flags)
    assert scores["accuracy"].value == 1
    assert set(scores.classes) == {"soil", "leaf", "stem", "root"}


def test_a_few_test_masks_are_read_with_the_polarity_of_the_training_masks(tmp_path):
    """One mask that is mostly white would be taken for inverted if it stood alone."""
    rng = np.random.default_rng(0)
    mask = np.zeros((32, 32), np.uint8)
    mask[:8] = 255
    for name in ("a.png", "b.png", "c.png"):
        write(tmp_path / "train" / "images", name, rng.integers(0, 255, (32, 32)).astype(np.uint8))
        write(tmp_path / "train" / "masks", name, mask)
    write(tmp_path / "test" / "images", "d.png", rng.integers(0, 255, (32, 32)).astype(np.uint8))
    write(tmp_path / "test" / "masks", "d.png", np.where(mask, 0, 255).astype(np.uint8))
    reading = DataFlags().audit(tmp_path / "train").reading
    assert DataFlags().audit(tmp_path / "test").reading.background == 1
    assert DataFlags().audit_like(tmp_path / "test", reading).reading.background == 0
