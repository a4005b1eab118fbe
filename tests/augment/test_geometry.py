"""Laws of the warp and of the batches: image, mask and weights move together, and exact moves mix no pixel."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from handful.augment import Colour, Geometry, apply_warp, change_colour, draw_warp
from handful.training.pool import Pool, middle_inside
from handful.training.store import Ready

STILL = Geometry(flip=False, upside_down=False, chance=0.0)
EXACT = Geometry(chance=0.0)  # flips and quarter turns only
SAME = Colour(0, 0, 0, 0, 0)
EXACTLY = {"rtol": 0, "atol": 2e-4}  # grid_sample computes places in float32: a pixel takes 1e-5 of its neighbour


def chance(seed=0):
    return torch.Generator().manual_seed(seed)


def warp(planes, offsets, mode):
    """Planes (B, C, h, w), each read round its own middle."""
    middle = ((planes.shape[2] - 1) / 2, (planes.shape[3] - 1) / 2)
    return torch.stack([apply_warp(one, middle, by, mode=mode) for one, by in zip(planes, offsets, strict=True)])


def make_pool(images=None, masks=None, **changed):
    rng = np.random.default_rng(0)
    if images is None:
        images = [rng.normal(size=(1, 40, 50)).astype(np.float32) for _ in range(3)]
        masks = [(image[0] > 0).astype(np.uint8) for image in images]
    values = {"patch": (16, 16), "batch": 8, "geometry": STILL, "colour": SAME, "focus": 0.0, "seed": 1}
    store = Ready(images, masks, changed.pop("weights", None), device=torch.device("cpu"))
    return Pool(store, **{**values, **changed}, device=torch.device("cpu"))


@pytest.mark.parametrize("size", [(16, 16), (17, 17), (16, 24), (15, 22), (1, 1)])
@pytest.mark.parametrize("extra", [0, 8])
def test_the_identity_moves_nothing(size, extra):
    planes = torch.randn(2, 3, size[0] + extra, size[1] + extra)
    offsets = draw_warp(STILL, 2, size, chance())
    inner = planes[:, :, extra // 2 : extra // 2 + size[0], extra // 2 : extra // 2 + size[1]]
    torch.testing.assert_close(warp(planes, offsets, mode="bilinear"), inner, **EXACTLY)
    assert torch.equal(warp(planes, offsets, mode="nearest"), inner)


@pytest.mark.parametrize("size", [16, 17])
def test_flips_and_quarter_turns_are_all_eight_and_mix_nothing(size):
    plane = torch.randn(1, 1, size, size)
    eight = [turned.rot90(k, (2, 3)) for turned in (plane, plane.flip(3)) for k in range(4)]
    warped = warp(plane.expand(64, -1, -1, -1), draw_warp(EXACT, 64, (size, size), chance()), mode="nearest")
    which = [[n for n, one in enumerate(eight) if torch.equal(one[0], moved)] for moved in warped]
    assert all(len(found) == 1 for found in which)
    assert {found[0] for found in which} == set(range(8))


def test_without_upside_down_the_top_stays_up():
    size = (12, 12)
    plane = torch.randn(1, 1, *size)
    offsets = draw_warp(replace(EXACT, upside_down=False), 32, size, chance())
    warped = warp(plane.expand(32, -1, -1, -1), offsets, mode="nearest")
    assert {torch.equal(one, plane[0]) or torch.equal(one, plane[0].flip(2)) for one in warped} == {True}
    assert not all(torch.equal(one, plane[0]) for one in warped)


def test_a_patch_that_is_not_square_keeps_its_shape():
    offsets = draw_warp(EXACT, 32, (8, 20), chance())
    warped = warp(torch.randn(1, 1, 8, 20).expand(32, -1, -1, -1), offsets, mode="nearest")
    assert warped.shape == (32, 1, 8, 20)
    assert float(offsets[..., 0].abs().max()) == 9.5
    assert float(offsets[..., 1].abs().max()) == 3.5


@pytest.mark.parametrize("size", [(24, 24), (17, 31)])
def test_the_coarse_grid_is_exact_for_all_but_the_bending(size):
    geometry = Geometry(elastic=0.0, chance=1.0)
    offsets = draw_warp(geometry, 16, size, chance())
    # An affine map: each second difference along rows and along columns is 0, and the middle stays.
    for axis in (1, 2):
        assert float(offsets.diff(n=2, dim=axis).abs().max()) < 1e-4
    assert float(offsets.mean((1, 2)).abs().max()) < 1e-4
    stretch = offsets.diff(dim=2).norm(dim=-1)
    assert 1 / 1.3 - 1e-3 < float(stretch.min()) < float(stretch.max()) < 1.3 * 1.2


@pytest.mark.parametrize("patch", [(16, 16), (15, 15)])
def test_image_and_mask_move_together(patch):
    for geometry in (STILL, EXACT):
        batch = make_pool(patch=patch, geometry=geometry).draw(3)
        assert torch.equal(batch.target, (batch.image[:, 0] > 0).long())


def test_image_and_mask_bend_together():
    ramp = ((np.mgrid[:64, :64][1] - 32) / 10).astype(np.float32)  # smooth, so that half a pixel matters only near 0
    pool = make_pool([ramp[None]], [(ramp > 0).astype(np.uint8)], geometry=Geometry(chance=1.0), patch=(32, 32))
    batch = pool.draw(0)
    certain = batch.image[:, 0].abs() > 0.11
    assert torch.equal(batch.target[certain], (batch.image[:, 0] > 0).long()[certain])


def test_weights_follow_and_stay_out_of_the_image():
    rng = np.random.default_rng(1)
    image = rng.normal(size=(2, 30, 30)).astype(np.float32)
    weight = 1 + np.abs(image[0])
    pool = make_pool(
        [image], [(image[0] > 0).astype(np.uint8)], weights=[weight], geometry=EXACT, colour=Colour(noise=0, blur=0)
    )
    batch = pool.draw(0)
    assert batch.image.shape == (8, 2, 16, 16)
    plain = make_pool([image], [(image[0] > 0).astype(np.uint8)], geometry=EXACT).draw(0)
    torch.testing.assert_close(batch.weight, 1 + plain.image[:, 0].abs(), **EXACTLY)
    assert not torch.allclose(batch.image, plain.image)  # colour was changed, the weight was not


def test_beyond_the_edge_an_image_is_mirrored():
    plane = torch.arange(12.0).view(1, 3, 4)
    expected = np.pad(plane[0].numpy(), 6, mode="symmetric")
    offsets = draw_warp(STILL, 1, (13, 14), chance())[0]
    warped = apply_warp(plane, (1.0, 1.5), offsets, mode="nearest")  # rows -5 to 7, columns -5 to 8
    assert np.array_equal(warped[0].numpy(), expected[1:14, 1:15])


@pytest.mark.parametrize(
    ("place", "size", "patch", "first"), [(0, 20, 8, 0), (19, 20, 8, 12), (9, 20, 8, 5), (3, 5, 8, -2), (3, 8, 8, 0)]
)
def test_a_patch_begins_on_a_pixel_and_lies_inside_where_it_can(place, size, patch, first):
    assert middle_inside(place, size, patch) == first + (patch - 1) / 2


def test_the_same_seed_and_step_draw_the_same_batch():
    one, other = (make_pool(geometry=Geometry(), colour=Colour(), focus=0.5) for _ in range(2))
    for step in (7, 0):  # in any order
        a, b = one.draw(step), other.draw(step)
        assert torch.equal(a.image, b.image)
        assert torch.equal(a.target, b.target)
    assert not torch.equal(one.draw(1).image, one.draw(2).image)
    assert not torch.equal(make_pool(seed=2).draw(1).image, make_pool(seed=3).draw(1).image)


def test_an_image_smaller_than_the_patch_is_mirrored_to_its_size():
    image = np.random.default_rng(0).normal(size=(1, 5, 3)).astype(np.float32)
    batch = make_pool([image], [(image[0] > 0).astype(np.uint8)], geometry=Geometry()).draw(0)
    assert batch.image.shape == (8, 1, 16, 16)
    assert batch.image.isfinite().all()


# ---- colour


def test_no_colour_changes_nothing():
    image = torch.randn(3, 2, 8, 8)
    assert torch.equal(change_colour(image, SAME, chance()), image)


def test_every_part_of_colour_does_what_it_says():
    image = torch.randn(400, 3, 8, 8)

    def change(**parts):
        return change_colour(image, replace(SAME, **parts), chance())

    moved = change(brightness=0.2) - image
    torch.testing.assert_close(moved, moved[:, :1, :1, :1].expand_as(moved), rtol=0, atol=1e-5)
    assert float(moved[:, 0, 0, 0].std()) == pytest.approx(0.2, rel=0.15)
    factor = change(contrast=0.25) / image
    torch.testing.assert_close(factor, factor[:, :1, :1, :1].expand_as(factor), rtol=1e-3, atol=1e-4)
    assert float(factor[:, 0, 0, 0].log().std()) == pytest.approx(0.25, rel=0.15)
    assert not torch.allclose(change(cast=0.1)[:, 0] - image[:, 0], change(cast=0.1)[:, 1] - image[:, 1])
    noise = (change(noise=0.1) - image).flatten(1).std(1)
    assert float(noise.max()) < 0.13
    assert float(noise.max()) > 0.08
    blurred = change(blur=1.0)
    assert float(blurred.std()) < 0.6 * float(image.std())


def test_colour_does_not_touch_what_it_was_given():
    image = torch.randn(3, 2, 8, 8)
    kept = image.clone()
    change_colour(image, Colour(blur=1.0), chance())
    assert torch.equal(image, kept)


def test_a_blur_keeps_a_plain_area_and_the_edge():
    plain = torch.full((2, 1, 5, 5), 3.0)
    torch.testing.assert_close(change_colour(plain, replace(SAME, blur=1.0), chance()), plain)
