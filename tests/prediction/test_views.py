"""Averaging over mirror images, those that the net was trained on, and sizes, where the image is not large."""

import numpy as np
import pytest

from handful.augment import Geometry
from handful.errors import SettingsError
from handful.prediction import views
from handful.prediction.tiles import predict_tiles
from handful.prediction.views import (
    at_one_size,
    choose_mirrors,
    choose_sizes,
    mirrored_axes,
    predict_views,
    work_of,
)
from handful.scale import resize_planes
from random_net import make_model

ALL = ((-1,), (-2,), (-1, -2))


@pytest.mark.parametrize(
    ("geometry", "axes"),
    [
        (Geometry(), ("x", "y")),
        (Geometry(upside_down=False, rotation=15), ("x",)),
        (Geometry(flip=False), ("y",)),
        (Geometry(flip=False, upside_down=False), ()),
    ],
)
def test_mirror_images_are_those_of_the_training(geometry, axes):
    assert mirrored_axes(geometry) == axes


@pytest.mark.parametrize(
    ("mirrored", "expected"), [((), ()), (("x",), ((-1,),)), (("y",), ((-2,),)), (("x", "y"), ALL)]
)
def test_all_that_the_model_knows_where_the_image_is_not_large(mirrored, expected):
    card = make_model(mirrored=mirrored).card
    assert choose_mirrors(card, (1024, 1024)) == expected
    assert choose_mirrors(card, (1024, 1025)) == ()
    assert choose_mirrors(card, (10, 10), asked=False) == ()
    if mirrored:
        assert choose_mirrors(card, (9000, 9000), asked=True) == expected
    else:
        with pytest.raises(SettingsError, match="not trained on mirror images"):
            choose_mirrors(card, (10, 10), asked=True)


@pytest.mark.parametrize(("mirrored", "axes"), [(("x",), [1]), (("x", "y"), [1, 0, (0, 1)])])
def test_the_answer_is_the_mean_of_those_to_the_mirror_images(mirrored, axes):
    image = np.random.default_rng(0).integers(0, 255, (48, 64), dtype=np.uint8)
    model = make_model(mirrored=mirrored)
    one = model.predict(image, flips=False).probabilities
    others = [
        np.flip(model.predict(np.flip(image, some).copy(), flips=False).probabilities, np.atleast_1d(some) + 1)
        for some in axes
    ]
    assert np.abs(one - others[0]).max() > 0.01
    assert np.allclose(model.predict(image).probabilities, np.mean([one, *others], axis=0), atol=1e-5)


def test_averaged_answers_turn_with_the_image():
    image = np.random.default_rng(1).integers(0, 255, (32, 32), dtype=np.uint8)
    model = make_model()
    turned = model.predict(image[::-1].copy()).probabilities
    assert np.allclose(turned[:, ::-1], model.predict(image).probabilities, atol=1e-5)


@pytest.mark.parametrize("mirrored", [(), ("x",)])
def test_the_answer_is_the_mean_of_those_to_other_sizes(mirrored):
    planes = np.random.default_rng(3).normal(size=(1, 40, 60)).astype(np.float32)
    model = make_model(mirrored=mirrored, sizes=(0.8, 1.25))
    axes = choose_mirrors(model.card, (40, 60))
    each = [
        resize_planes(predict_tiles(model.net, resize_planes(planes, size), model.tiling, mirrors=axes), (40, 60))
        for size in ((40, 60), (32, 48), (50, 75))
    ]
    found = predict_views(model.net, planes, model.tiling, axes, model.card.sizes)
    assert np.abs(each[0] - each[1]).max() > 0.01
    assert np.allclose(found, np.mean(each, axis=0), atol=1e-6)
    assert np.allclose(found.sum(0), 1, atol=1e-5)


def test_sizes_are_for_images_that_are_not_large():
    card = make_model(sizes=(0.8, 1.25)).card
    assert choose_sizes(card, (1024, 1024)) == choose_sizes(card, (9, 9), asked=True) == (0.8, 1.25)
    assert choose_sizes(card, (1024, 1025)) == choose_sizes(card, (1024, 1025), asked=True) == ()
    assert choose_sizes(card, (9, 9), asked=False) == ()
    assert work_of(ALL, (0.8, 1.25)) == pytest.approx(4 * (1 + 0.64 + 1.5625))
    assert at_one_size(card, (1024, 1025)) == ()
    assert "at one size" in at_one_size(card, (9, 9))[0]


@pytest.mark.parametrize("size", [(1, 1), (1, 30), (3, 2)])
def test_the_smallest_images_have_other_sizes_too(size):
    image = np.random.default_rng(4).integers(0, 255, size, dtype=np.uint8)
    assert np.isfinite(make_model(sizes=(0.8, 1.25)).predict(image).probabilities).all()


def test_a_large_image_is_answered_once(monkeypatch):
    image = np.random.default_rng(2).integers(0, 255, (32, 64), dtype=np.uint8)
    model = make_model(sizes=(0.8,))
    monkeypatch.setattr(views, "MOST_PIXELS", 32 * 64 - 1)
    once, averaged = (model.predict(image, flips=flips).probabilities for flips in (False, True))
    assert np.array_equal(model.predict(image).probabilities, once)
    assert not np.allclose(once, averaged, atol=1e-3)
