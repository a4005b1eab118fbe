"""Masks beside their objects are found where the same offset mends nearly all of them, and never else."""

import numpy as np
import pytest
import tifffile
from PIL import Image

from discs import draw_discs
from handful.data.check import check_data
from handful.data.findings import channel_problems
from handful.data.shifted import best_offset, shift_problems


def scenes(count=5, offset=(0, 0)):
    for number in range(count):
        image, mask = draw_discs(number, side=96)
        yield image[:, :, None], np.roll(mask, offset, (0, 1))


@pytest.mark.parametrize("offset", [(0, 0), (3, -2), (-5, 0), (0, 4)])
def test_the_offset_is_that_by_which_the_mask_was_moved(offset):
    for image, mask in scenes(offset=offset):
        found = best_offset(image, mask)
        assert found is not None
        assert np.abs(np.add(found, offset)).max() <= 1


def test_without_edges_or_outlines_nothing_is_said():
    image, mask = next(scenes(offset=(3, 3)))
    noise = np.random.default_rng(0).integers(0, 255, image.shape).astype(np.uint8)
    assert best_offset(noise, mask) == (0, 0)
    assert best_offset(image, np.zeros_like(mask)) is None
    assert best_offset(image[:20, :20], mask[:20, :20]) is None
    assert best_offset(image[:-1], mask) is None


def test_a_warning_takes_several_images_that_agree():
    (problem,) = shift_problems({"a": (-3, 0), "b": (-3, 1), "c": (-3, 0)})
    assert "moved 3 pixels up their outlines" in problem.message
    assert shift_problems({"a": (-3, 0), "b": (-3, 0)}) == []
    assert shift_problems({"a": (-3, 0), "b": (3, 0), "c": (-3, 0)}) == []
    assert shift_problems({"a": (1, 1), "b": (1, 0), "c": (1, 1)}) == []


def test_the_audit_tells_it(discs):
    assert not any("beside" in problem.message for problem in check_data(discs).problems)
    for file in (discs / "masks").iterdir():
        Image.fromarray(np.roll(np.asarray(Image.open(file)), 4, 1)).save(file)
    assert any("moved 4 pixels left" in problem.message for problem in check_data(discs).problems)


def test_a_channel_that_is_always_constant_is_told():
    (problem,) = channel_problems([(1,), (1, 2)], 3)
    assert problem.message.startswith("channel 2 of 3 holds one value only")
    assert channel_problems([(1,), ()], 3) == []
    assert channel_problems([(0, 1, 2)], 3) == []  # images without anything are told one by one
    assert "channels 1, 3 of 4 hold" in channel_problems([(0, 2)], 4)[0].message


def test_sixteen_bits_of_which_few_values_are_used_are_no_constant_image(tmp_path):
    for part in ("images", "masks"):
        (tmp_path / part).mkdir()
    for number in range(3):
        image, mask = draw_discs(number)
        tifffile.imwrite(tmp_path / "images" / f"{number}.tif", (1000 + image.astype(np.uint16) // 4))
        tifffile.imwrite(tmp_path / "masks" / f"{number}.tif", mask)
    assert not any("constant" in problem.message for problem in check_data(tmp_path).problems)
