"""Interiors of objects: drawn where they belong, learnt, merged away again, and what they part."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image
from scipy.spatial.distance import cdist
from skimage.measure import label

from handful import load, train
from handful.data.mask import MaskReading
from handful.interior import NUMBER, SHARE, draw_interior, has_interior, merge_mask, merge_planes
from handful.prediction.instances import ObjectSettings, find_objects
from handful.prediction.parting import GENERAL, LIFTED

CELLS = MaskReading("labels", ("background", "cell"), 0, "grey", instances=True)


def scattered(seed, side=40, number=14):
    """Labels of discs that touch and are cut by the edge of the image."""
    rng = np.random.default_rng(seed)
    rows, columns = np.indices((side, side))
    labels = np.zeros((side, side), np.int32)
    for one in range(1, number + 1):
        row, column, radius = *rng.uniform(0, side, 2), rng.uniform(2, 8)
        labels[np.hypot(rows - row, columns - column) < radius] = one
    return labels


def slow_interior(labels):
    """For every pixel the distance to every pixel that is not of its object, those beyond the image's edge left out."""
    places = np.stack(np.nonzero(np.ones(labels.shape)), axis=1)
    flat = labels.ravel()
    apart = np.where(flat[:, None] != flat[None], cdist(places, places), np.inf).min(axis=1)
    inner = np.zeros(flat.shape, bool)
    for one in np.unique(flat[flat > 0]):
        own = flat == one
        inner[own] = apart[own] > SHARE * apart[own].max()
    return inner.reshape(labels.shape)


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("object_class", [0, 1])
def test_the_middle_of_each_object_is_drawn(seed, object_class):
    labels = scattered(seed)
    target = np.where(labels > 0, object_class, 1 - object_class).astype(np.uint8)
    target[:5] = 255
    drawn = draw_interior(target, labels, object_class)
    assert np.array_equal(drawn == NUMBER, slow_interior(labels) & (target == object_class))
    assert np.array_equal(merge_mask(drawn, object_class), target)
    assert merge_mask(target, None) is target
    assert not (target == NUMBER).any()  # what was given is left alone


def test_cells_that_touch_have_interiors_that_do_not():
    labels = np.zeros((40, 60), np.int32)
    labels[5:35, 5:30], labels[5:35, 30:55] = 1, 2
    drawn = draw_interior((labels > 0).astype(np.uint8), labels, 1)
    assert label(drawn == NUMBER).max() == 2
    assert (drawn[20, 25:35] == 1).all()


def test_an_object_that_fills_the_image_has_no_interior():
    labels = np.ones((12, 9), np.int32)
    assert not slow_interior(labels).any()
    assert (draw_interior(labels.astype(np.uint8), labels, 1) == 1).all()


@pytest.mark.parametrize("interior_of", [0, 1])
def test_merged_probabilities_still_sum_to_one(interior_of):
    planes = torch.softmax(torch.randn(3, 4, 5, generator=torch.Generator().manual_seed(0)), 0)
    expected = [planes[kind] + (planes[2] if kind == interior_of else 0) for kind in range(2)]
    for given in (planes.clone(), planes.numpy().copy()):
        merged, interior = merge_planes(given, interior_of)
        assert merged.shape == (2, 4, 5)
        np.testing.assert_allclose(merged, torch.stack(expected), atol=1e-7)
        np.testing.assert_array_equal(interior, planes[2])
    assert merge_planes(planes, None) == (planes, None)


def test_only_single_objects_of_one_class_have_one():
    assert has_interior("instances", CELLS)
    assert not has_interior("semantic", CELLS)
    assert not has_interior("instances", replace(CELLS, classes=("background", "cell", "yeast")))
    assert not has_interior("instances", replace(CELLS, background=None))


def test_a_sure_interior_parts_what_the_outline_does_not():
    mask = np.zeros((30, 60), np.uint8)
    mask[5:25, 5:55] = 1  # a plain bar
    probabilities = np.stack([1.0 - mask, mask]).astype(np.float32)
    interior = np.zeros(mask.shape, np.float32)
    interior[10:20, 10:25] = interior[10:20, 35:50] = 1
    assert len(find_objects(mask, probabilities, 0, LIFTED)) == 1
    assert len(find_objects(mask, probabilities, 0, GENERAL, interior=interior)) == 1
    found = find_objects(mask, probabilities, 0, LIFTED, interior=interior)
    assert len(found) == 2
    assert (np.bincount(found.labels.ravel())[1:] > 400).all()
    assert len(find_objects(mask, probabilities, 0, replace(LIFTED, h=5.0), interior=interior)) == 1
    outside = np.where(mask == 0, np.float32(1), np.float32(0))  # what is no foreground stays none
    same = find_objects(mask, probabilities, 0, LIFTED, interior=outside)
    assert np.array_equal(same.labels > 0, mask == 1)


@pytest.fixture(scope="module")
def cells(tmp_path_factory):
    """Images of cells that touch, with numbered masks."""
    folder = tmp_path_factory.mktemp("cells")
    for part in ("images", "masks"):
        (folder / part).mkdir()
    rng = np.random.default_rng(0)
    for seed in range(5):
        labels = scattered(seed, side=96, number=25)
        image = (rng.normal(60, 8, labels.shape) + 100 * (labels > 0)).clip(0, 255).astype(np.uint8)
        Image.fromarray(image).save(folder / "images" / f"{seed}.png")
        numbered = np.where(labels > 0, labels + 300 * seed, 0)  # numbers that no two images share are no classes
        Image.fromarray(numbered.astype(np.uint16)).save(folder / "masks" / f"{seed}.png")
    return folder


def test_it_is_learnt_and_kept_with_the_model_but_is_no_class(cells, tmp_path):
    few = {"batch": 4, "patch": 64, "net_settings": {"width": 8, "depth": 2}}
    model = train(cells, out=tmp_path / "run", steps=40, settings=few)
    assert (model.card.outputs, model.card.classes, model.card.interior_of) == (3, ("background", "foreground"), 1)
    assert model.card.answers == ("background", "foreground", "interior of foreground")
    assert model.card.postprocessing["lift"] == LIFTED.lift
    found = load(tmp_path / "run").predict(cells / "images" / "0.png")
    assert found.probabilities.shape == (2, 96, 96)
    np.testing.assert_allclose(found.probabilities.sum(axis=0), 1, atol=1e-5)
    inner = found.interior
    labels = scattered(0, side=96, number=25)
    middle = draw_interior((labels > 0).astype(np.uint8), labels, 1) == NUMBER
    assert inner[middle].mean() > inner[(labels > 0) & ~middle].mean() + 0.1
    assert (inner <= found.probabilities[1] + 1e-6).all()
    assert found.objects.labels.max() > 3
    # The same net for the same answers takes over all of a start, the head too.
    again = train(cells, out=tmp_path / "again", steps=2, init=tmp_path / "run", settings={"batch": 4, "patch": 64})
    assert not again.card.training["start"]["fresh"]
    plain = train(cells, out=tmp_path / "plain", steps=2, settings={**few, "interior": False})
    assert (plain.card.outputs, plain.card.interior_of, plain.card.postprocessing["lift"]) == (2, None, 0)
    assert plain.predict(cells / "images" / "0.png").interior is None


def test_settings_for_objects_know_the_lift():
    assert ObjectSettings.from_dict({"h": 0.5}).lift == 0  # a model file from before there was one
    assert ObjectSettings.from_dict({"lift": 3}).lift == 3
