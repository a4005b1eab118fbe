"""The pixel forest: what its features are, that places do not matter, and that forged trees are refused."""

import copy
import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy import ndimage

from handful.errors import ModelFileError, SettingsError
from handful.modelfile import ModelCard, load_model, save_model
from handful.models import build_net
from handful.models import forest as module
from handful.models.forest import PLANES_A_SCALE, blur, derivatives, pixel_features, reach
from handful.prediction.tiles import Tiling, predict_tiles


@pytest.fixture
def forest():
    """Complete random trees on three channels."""
    torch.manual_seed(3)
    net = build_net("forest", in_channels=3, classes=3, trees=7, nodes=255, depth=7, scales=3)
    net.child[:, :127] = 2 * torch.arange(127, dtype=torch.int32) + 1
    net.feature.random_(0, net.features)
    net.threshold.data[:, :127] = 0.5 * torch.randn(7, 127)
    net.shares.data = torch.rand_like(net.shares).softmax(-1)
    return net.eval()


def image(shape, channels=3):
    return np.random.default_rng(1).normal(size=(channels, *shape)).astype(np.float32)


def test_blurring_is_the_spline_by_scipy():
    x = image((20, 31), 1)
    kernel = np.zeros(9)
    kernel[::2] = np.array([1, 4, 6, 4, 1]) / 16
    twin = ndimage.convolve1d(ndimage.convolve1d(x[0], kernel, axis=1, mode="nearest"), kernel, axis=0, mode="nearest")
    assert np.allclose(blur(torch.from_numpy(x)[None], 2)[0, 0], twin, atol=1e-6)


def test_eigenvalues_are_those_of_the_second_differences():
    x = image((12, 12), 1)[0]
    wide = np.pad(x, 1, mode="edge").astype(np.float64)
    second = [np.array([1.0, -2.0, 1.0]), np.array([-1.0, 0.0, 1.0])]
    across = ndimage.correlate1d(wide, second[0], axis=1)[1:-1, 1:-1]
    down = ndimage.correlate1d(wide, second[0], axis=0)[1:-1, 1:-1]
    mixed = ndimage.correlate1d(ndimage.correlate1d(wide, second[1], axis=1), second[1], axis=0)[1:-1, 1:-1] / 4
    hessian = np.stack([np.stack([across, mixed], -1), np.stack([mixed, down], -1)], -1)
    values = np.linalg.eigvalsh(hessian)[2:-2, 2:-2]
    _, larger, smaller = (plane[0, 0, 2:-2, 2:-2].numpy() for plane in derivatives(torch.from_numpy(x)[None, None], 1))
    assert np.allclose(np.stack([smaller, larger], -1), values, atol=1e-5)


@pytest.mark.parametrize("scales", [1, 3, 5])
def test_features_reach_as_far_as_they_say(scales):
    far = reach(scales)
    strip = torch.zeros(1, 1, 1, 2 * far + 3)
    changed = strip.clone()
    changed[..., 0] = 1000.0
    differs = (pixel_features(changed, scales) != pixel_features(strip, scales)).any(1)[0, 0]
    assert int(differs.nonzero().max()) == far
    assert pixel_features(strip, scales).shape[1] == 1 + PLANES_A_SCALE * scales


@pytest.mark.parametrize("shape", [(1, 1), (3, 90), (100, 131), (170, 64)])
def test_tiled_is_whole_to_the_last_vote(forest, shape):
    """A rounding error next to a threshold would move a whole vote of seven."""
    x = image(shape)
    tiling = Tiling(tile=4 * forest.halo, halo=forest.halo, whole_pixels=0, ramp=0)
    tiled, whole = (predict_tiles(forest, x, one) for one in (tiling, Tiling()))
    assert np.abs(tiled - whole).max() < 1e-5


@pytest.mark.parametrize("axis", [1, 2])
def test_mirror_images_are_answered_alike(forest, axis):
    """So nothing would be gained by averaging over them."""
    x = image((64, 96))
    mirrored = predict_tiles(forest, np.ascontiguousarray(np.flip(x, axis)), Tiling())
    assert np.abs(np.flip(mirrored, axis) - predict_tiles(forest, x, Tiling())).max() < 1e-5


def test_bands_of_rows_are_the_whole(forest, monkeypatch):
    x = torch.from_numpy(image((90, 40)))[None]
    whole = forest(x)
    monkeypatch.setattr(module, "BAND", 7 * 40)
    assert torch.equal(forest(x), whole)


def test_a_mirrored_image_has_the_mirrored_answer(forest):
    x = torch.from_numpy(image((40, 51)))[None]
    assert torch.equal(forest(x.flip(-1)), forest(x).flip(-1))


def test_the_vote_is_the_mean_of_the_leaves_one_by_one(forest):
    planes = pixel_features(torch.from_numpy(image((5, 6)))[None], forest.scales)[0].flatten(1)
    expected = np.zeros((3, planes.shape[1]))
    for pixel in range(planes.shape[1]):
        for tree in range(7):
            node = 0
            while forest.child[tree, node] != node:
                passed = planes[forest.feature[tree, node], pixel] > forest.threshold[tree, node]
                node = int(forest.child[tree, node]) + int(passed)
            expected[:, pixel] += forest.shares[tree, node].numpy() / 7
    assert np.allclose(forest.vote(planes), expected, atol=1e-6)


def test_half_precision_around_it_changes_nothing(forest):
    x = torch.from_numpy(image((30, 30)))[None]
    with torch.autocast("cpu", torch.bfloat16):
        half = forest(x)
    assert torch.equal(half, forest(x))


@pytest.mark.parametrize(("name", "value"), [("scales", 7), ("depth", 65), ("nodes", 20_000), ("trees", 300)])
def test_what_no_forest_can_be_is_refused(name, value):
    with pytest.raises(SettingsError, match=f"{name} = {value}"):
        build_net("forest", in_channels=1, classes=2, **{name: value})


def card_of(net):
    return ModelCard(
        net="forest",
        net_settings={"trees": 7, "nodes": 255, "depth": 7, "scales": 3},
        channels=3,
        classes=("background", "leaf", "stem"),
        outputs=3,
        normalisation={"kind": "image", "per_channel": False},
        tile=1024,
        halo=net.halo,
    )


def test_a_model_file_gives_it_back(forest, tmp_path):
    save_model(tmp_path / "model.safetensors", forest, card_of(forest))
    loaded, card = load_model(tmp_path / "model.safetensors")
    x = torch.from_numpy(image((30, 30)))[None]
    assert torch.equal(loaded(x), forest(x))
    assert card == replace(card_of(forest), net_settings=json.loads(json.dumps(card.net_settings)))


@pytest.mark.parametrize(
    ("name", "node", "value"),
    [
        ("feature", 5, 10_000),
        ("feature", 5, -1),
        ("child", 5, 255),
        ("child", 5, 254),
        ("child", 5, -1),
        ("threshold", 254, 0.0),
    ],
)
def test_a_forged_tree_is_refused(forest, tmp_path, name, node, value):
    forged = copy.deepcopy(forest)
    getattr(forged, name).data[2, node] = value
    save_model(tmp_path / "model.safetensors", forged, card_of(forest))
    with pytest.raises(ModelFileError, match="a tree of its forest"):
        load_model(tmp_path / "model.safetensors")
