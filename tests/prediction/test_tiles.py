"""Tiling by its law: whatever the size, tiles give what the whole image gives."""

import numpy as np
import pytest
import torch
from torch import nn

from handful.prediction.tiles import Tiling, cut_image, predict_cells, predict_tiles

SIZES = [(1, 1), (1, 90), (2, 3), (17, 5), (64, 64), (65, 64), (100, 131), (33, 257)]


class Pointwise(nn.Module):
    """Logits 0 and x: the probability of class 1 is the logistic function of the pixel, exactly and nothing else."""

    def forward(self, x):
        return torch.cat([torch.zeros_like(x), x], dim=1)


class Pooled(nn.Module):
    """Two convolutions, one of them at half size: sees 6 pixels far and wants even sizes."""

    def __init__(self):
        super().__init__()
        self.fine = nn.Conv2d(2, 6, 3, padding=1)
        self.coarse = nn.Conv2d(6, 6, 3, padding=1)
        self.head = nn.Conv2d(6, 3, 1)

    def forward(self, x):
        fine = self.fine(x).relu()
        coarse = self.coarse(nn.functional.avg_pool2d(fine, 2)).relu()
        return 10 * self.head(fine + nn.functional.interpolate(coarse, scale_factor=2.0, mode="nearest"))


class FarSighted(nn.Module):
    """Its answer depends on where in the tile a pixel lies, as with any net that sees further than the halo."""

    def forward(self, x):
        ramp = torch.linspace(-1, 1, x.shape[-1]).expand_as(x)
        return torch.cat([torch.zeros_like(x), ramp], dim=1)


def random_image(channels, shape):
    return np.random.default_rng(0).normal(size=(channels, *shape)).astype(np.float32)


def logistic(x):
    return 1 / (1 + np.exp(-x))


@pytest.mark.parametrize("shape", SIZES)
@pytest.mark.parametrize(("tile", "halo", "multiple"), [(32, 4, 1), (32, 0, 1), (40, 6, 8), (8, 16, 4), (16, 3, 16)])
def test_a_pointwise_net_is_exact_at_every_size(shape, tile, halo, multiple):
    image = random_image(1, shape)
    probabilities = predict_tiles(Pointwise(), image, Tiling(tile, halo, multiple, whole_pixels=0))
    assert probabilities.shape == (2, *shape)
    assert probabilities.dtype == np.float32
    assert np.allclose(probabilities[1], logistic(image[0]), atol=1e-6)


@pytest.mark.parametrize("shape", [*SIZES, (96, 200)])
@pytest.mark.parametrize("mirrors", [(), ((-1,), (-2,), (-1, -2))])
@pytest.mark.parametrize("ramp", [0, None])
def test_tiled_equals_whole_where_the_net_sees_no_further_than_the_halo(shape, mirrors, ramp):
    torch.manual_seed(0)
    net, image = Pooled().eval(), random_image(2, shape)
    tiled = predict_tiles(net, image, Tiling(tile=40, halo=6, multiple=2, whole_pixels=0, ramp=ramp), mirrors=mirrors)
    whole = predict_tiles(net, image, Tiling(tile=40, halo=6, multiple=2), mirrors=mirrors)
    assert np.abs(tiled - whole).max() < 1e-4
    assert np.allclose(tiled.sum(axis=0), 1, atol=1e-5)


def test_no_seam_where_the_net_sees_further():
    image = np.zeros((1, 64, 300), np.float32)
    probabilities = predict_tiles(FarSighted(), image, Tiling(tile=128, halo=8, whole_pixels=0))
    steps = np.abs(np.diff(probabilities[1], axis=1))
    # Cut hard, tiles would meet in a step of about 0.4; the ramp takes 8 pixels for it.
    assert 0.02 < steps.max() < 0.1


@pytest.mark.parametrize("size", [1, 31, 32, 33, 64, 100, 1000])
def test_weights_sum_to_one_at_every_pixel(size):
    down, across = cut_image((size, 3 * size), Tiling(tile=48, halo=6, multiple=4, whole_pixels=0))
    for cut in (down, across):
        total = np.zeros(cut.starts[-1] + cut.length)
        for start, weights in zip(cut.starts, cut.weights, strict=True):
            assert start % 4 == 0
            total[start : start + cut.length] += weights
        assert np.allclose(total, 1)


def cells_of(image, tiling, **options):
    windows = []

    def read(rows, columns):
        windows.append((rows, columns))
        return image[:, slice(*rows), slice(*columns)]

    net = Pooled().eval() if image.shape[0] == 2 else Pointwise()
    return list(predict_cells(net, read, image.shape[1:], tiling, **options)), windows


@pytest.mark.parametrize("ramp", [0, 3, None])
@pytest.mark.parametrize("shape", [(150, 70), (33, 257), (1, 90), (64, 64)])
def test_cells_make_up_the_image_and_only_the_image_is_read(shape, ramp):
    cells, windows = cells_of(random_image(1, shape), Tiling(32, 4, 2, whole_pixels=0, ramp=ramp))
    covered = np.zeros(shape, int)
    for cell in cells:
        assert cell.probabilities.shape == (2, cell.rows[1] - cell.rows[0], cell.columns[1] - cell.columns[0])
        covered[slice(*cell.rows), slice(*cell.columns)] += 1
    assert (covered == 1).all()
    assert max(cell.probabilities.size for cell in cells) <= 2 * 32 * 32
    for window in windows:
        assert all(0 <= start < stop <= size for (start, stop), size in zip(window, shape, strict=True))


@pytest.mark.parametrize("ramp", [0, None])
def test_work_that_goes_on_gives_the_bytes_of_uninterrupted_work(ramp):
    torch.manual_seed(0)
    image, tiling = random_image(2, (150, 70)), Tiling(40, 6, 2, whole_pixels=0, ramp=ramp)
    torch.manual_seed(1)
    whole, _ = cells_of(image, tiling)
    torch.manual_seed(1)
    rest, _ = cells_of(image, tiling, first_row=2)
    assert 0 < len(rest) < len(whole)
    for one, two in zip(whole[-len(rest) :], rest, strict=True):
        assert (one.rows, one.columns) == (two.rows, two.columns)
        assert np.array_equal(one.probabilities, two.probabilities)


def test_little_is_computed_twice_without_a_ramp():
    down, _ = cut_image((4000, 10), Tiling(1024, 100, 16, whole_pixels=0, ramp=0))
    assert len(down.starts) * down.length < 1.3 * 4000 + 200
    assert all(np.isin(down.weights, (0, 1)).ravel())


def test_trouble_in_the_reading_thread_comes_out():
    def read(rows, columns):
        raise OSError("gone")

    with pytest.raises(OSError, match="gone"):
        list(predict_cells(Pointwise(), read, (10, 10), Tiling()))
