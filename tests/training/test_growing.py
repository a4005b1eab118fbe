"""Growing a forest: it learns what a threshold can tell, counts what it was not shown, and keeps to its time."""

import time

import numpy as np
import pytest
import torch

from conftest import draw_discs
from handful.models.forest import PixelForest, pixel_features
from handful.training import forest as growing
from handful.training.forest import Pixels, draw_pixels, grow_forest, grow_tree, out_of_bag_score, window_features


def reader(images, masks):
    return lambda number: (images[number], masks[number])


@pytest.fixture
def small():
    return PixelForest(1, 2, trees=6, nodes=255, depth=6, scales=2)


@pytest.fixture
def discs():
    return draw_discs(6)


def test_it_finds_discs_it_has_not_seen(small, discs):
    images, masks = discs
    grown = grow_forest(small, reader(images[:4], masks[:4]), 4, scored=(1,), out_of_bag=True)
    assert grown is not None
    for image, mask in zip(images[4:], masks[4:], strict=True):
        answer = grown.net(torch.from_numpy(image)[None])[0].argmax(0).numpy()
        assert 2 * (answer * mask).sum() / (answer.sum() + mask.sum()) > 0.93
    assert 0.9 < grown.out_of_bag <= 1
    assert grown.settings["trees"] == 6
    assert grown.settings["nodes"] <= 255
    assert not any(p.requires_grad for p in grown.net.parameters())


def test_the_same_seed_gives_the_same_forest(small, discs):
    first, again, other = (grow_forest(small, reader(*discs), 6, scored=(1,), seed=seed) for seed in (5, 5, 6))
    assert all(
        torch.equal(one, two)
        for one, two in zip(first.net.state_dict().values(), again.net.state_dict().values(), strict=True)
    )
    assert first.net.threshold.shape != other.net.threshold.shape or not torch.equal(
        first.net.threshold, other.net.threshold
    )


def test_a_tree_parts_what_one_feature_tells(monkeypatch):
    """Class by the third of three features, with a gap: one split is enough, for what is not shown too."""
    monkeypatch.setattr(growing, "TRIES", 64)
    rng = np.random.default_rng(0)
    features = rng.normal(size=(400, 3)).astype(np.float32)
    classes = (features[:, 2] > 0).astype(np.int64)
    features[:, 2] += np.where(classes, 1, -1)
    seen = np.arange(400) < 300
    asked = PixelForest(1, 2, trees=1, nodes=31, depth=1, scales=1)
    tree, leaves = grow_tree(Pixels(features, classes, np.zeros(400, np.int64)), seen, asked, np.random.default_rng(1))
    assert tree.feature[0] == 2
    assert -1 < tree.threshold[0] < 1
    assert tree.child.tolist() == [1, 1, 2]
    assert np.array_equal(tree.shares[leaves].argmax(1), classes)


def test_the_tree_and_the_net_send_a_pixel_to_the_same_leaf(small, discs):
    images, masks = discs
    pixels = draw_pixels(reader(images, masks), 6, 2, np.random.default_rng(0))
    every = np.ones(len(pixels.classes), bool)
    tree, leaves = grow_tree(pixels, every, small, np.random.default_rng(0))
    net = PixelForest(1, 2, trees=1, nodes=len(tree.child), depth=6, scales=2)
    for name in ("feature", "threshold", "child", "shares"):
        getattr(net, name).data[0] = torch.from_numpy(getattr(tree, name))
    voted = net.vote(torch.from_numpy(pixels.features.T.copy())).T
    assert np.array_equal(voted.numpy(), tree.shares[leaves])


def test_every_leaf_rests_on_enough_pixels(small, discs):
    pixels = draw_pixels(reader(*discs), 6, 2, np.random.default_rng(0))
    seen = pixels.quarters != pixels.quarters[0]
    tree, leaves = grow_tree(pixels, seen, small, np.random.default_rng(0))
    held = np.bincount(leaves[seen], minlength=len(tree.child))
    is_leaf = tree.child == np.arange(len(tree.child))
    assert held[is_leaf].min() >= growing.LEAST
    assert held[~is_leaf].max() == 0


def test_a_window_has_the_features_of_the_whole_image():
    image = np.random.default_rng(0).normal(size=(2, 90, 80)).astype(np.float32)
    whole = pixel_features(torch.from_numpy(image)[None], 3)[0, :, 30:50, 60:80].flatten(1).numpy()
    assert np.array_equal(window_features(image, (30, 50), (60, 80), 3), whole)


def test_void_is_no_lesson_and_images_of_void_alone_are_passed_over(small, discs):
    images, masks = discs
    masks = [mask.copy() for mask in masks]
    masks[0][:], masks[1][:, :24] = 255, 255
    pixels = draw_pixels(reader(images, masks), 6, 2, np.random.default_rng(0))
    assert set(pixels.classes) == {0, 1}
    assert 0 not in pixels.quarters // 4
    assert (pixels.quarters // 4 == 1).sum() <= masks[1].size // 2


def test_one_class_grows_nothing(small, discs):
    images, masks = discs
    assert grow_forest(small, reader(images, [np.zeros_like(mask) for mask in masks]), 6, scored=(1,)) is None
    assert grow_forest(small, reader(images, [np.full_like(mask, 255) for mask in masks]), 6, scored=(1,)) is None


def test_quarters_of_images_are_left_out(small):
    images, masks = draw_discs(1, size=96, radius=30)
    pixels = draw_pixels(reader(images, masks), 1, 2, np.random.default_rng(0))
    assert sorted(set(pixels.quarters.tolist())) == [0, 1, 2, 3]
    assert out_of_bag_score(pixels, small, (1,), np.random.default_rng(0), None) > 0.8


def test_noise_scores_nothing_out_of_the_bag(small):
    """In the bag it would: the trees know their own pixels."""
    rng = np.random.default_rng(0)
    images = [rng.normal(size=(1, 40, 40)).astype(np.float32) for _ in range(6)]
    masks = [(rng.random((40, 40)) < 0.2).astype(np.uint8) for _ in range(6)]
    pixels = draw_pixels(reader(images, masks), 6, 2, rng)
    assert out_of_bag_score(pixels, small, (1,), rng, None) < 0.3


def test_it_keeps_to_its_time(discs):
    asked = PixelForest(1, 2, trees=256, depth=12)
    began = time.monotonic()
    grown = grow_forest(asked, reader(*discs), 6, scored=(1,), until=began + 0.5)
    assert 1 <= grown.settings["trees"] < 256
    assert time.monotonic() - began < 3  # of a busy machine


def test_its_trees_are_as_good_as_those_of_scikit_learn():
    """The same pixels, features and number of trees; an independent implementation of the same paper."""
    ensemble = pytest.importorskip("sklearn.ensemble")
    rng = np.random.default_rng(0)
    features = rng.normal(size=(4000, 8)).astype(np.float32)
    classes = (features[:, 0] * features[:, 1] + 0.5 * features[:, 2] > 0.3).astype(np.int64)
    seen = np.arange(4000) < 3000
    asked = PixelForest(1, 2, trees=20, depth=12)
    pixels = Pixels(features, classes, np.zeros(4000, np.int64))
    votes = np.zeros((4000, 2))
    for _ in range(20):
        tree, leaves = grow_tree(pixels, seen, asked, rng)
        votes += tree.shares[leaves]
    ours = (votes.argmax(1) == classes)[~seen].mean()
    twin = ensemble.ExtraTreesClassifier(20, max_depth=12, min_samples_leaf=4, random_state=0)
    theirs = twin.fit(features[seen], classes[seen]).score(features[~seen], classes[~seen])
    assert ours > theirs - 0.02
