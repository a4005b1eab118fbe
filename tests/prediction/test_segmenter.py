"""A Segmenter whose net is one threshold, so that its answers are known."""

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

from handful import models
from handful.errors import DataError, SettingsError
from handful.measure import score_images
from handful.modelfile import ModelCard
from handful.prediction import Segmenter


class Brightness(nn.Module):
    """Class 1 where the mean of the channels is above 0 after normalisation."""

    def __init__(self, in_channels, classes):
        super().__init__()
        self.weight = nn.Parameter(torch.linspace(-4, 4, classes))

    def forward(self, x):
        return x.mean(dim=1, keepdim=True) * self.weight[:, None, None]


def make_segmenter(channels=1, classes=("background", "bright"), **card):
    values = {"net": "brightness", "outputs": len(classes), "normalisation": {"kind": "image", "per_channel": False}}
    return Segmenter(
        Brightness(channels, len(classes)), ModelCard(channels=channels, classes=classes, **(values | card))
    )


@pytest.fixture
def photo():
    image = np.full((23, 31), 40, np.uint8)
    image[5:15, 8:20] = 200
    return image


def test_an_array_in_a_mask_out(photo):
    prediction = make_segmenter().predict(photo)
    assert np.array_equal(prediction.mask, photo > 100)
    assert prediction.mask.dtype == np.uint8
    assert prediction.probabilities.shape == (2, 23, 31)
    assert prediction.probabilities.dtype == np.float32
    assert np.array_equal(prediction.labels, photo > 100)
    assert len(prediction.objects) == 1
    assert prediction.boundaries[5:15, 7:9].any(axis=1).all()


def test_a_file_gives_its_name_and_the_same_mask(photo, tmp_path):
    Image.fromarray(photo).save(tmp_path / "leaf.png")
    prediction = make_segmenter().predict(tmp_path / "leaf.png")
    assert prediction.name == "leaf"
    assert np.array_equal(prediction.mask, photo > 100)


@pytest.mark.parametrize("make", [lambda p: p.astype(np.uint16) * 257, lambda p: p / 255, lambda p: p > 100])
def test_any_type_of_array(photo, make):
    assert np.array_equal(make_segmenter().predict(make(photo)).mask, photo > 100)


def test_the_threshold_of_the_card_decides(photo):
    soft = make_segmenter(threshold=0.5).predict(photo).probabilities[1]
    high = make_segmenter(threshold=float(soft.max())).predict(photo)
    assert not high.mask.any()


def test_many_classes_take_the_most_probable(photo):
    prediction = make_segmenter(classes=("dark", "grey", "bright"), background=None).predict(photo)
    assert set(np.unique(prediction.mask)) == {0, 2}
    assert np.array_equal(prediction.mask, prediction.probabilities.argmax(axis=0))


def test_large_and_small_images_alike(photo):
    model = make_segmenter(tile=32, halo=2, multiple=8)
    large = np.tile(photo, (50, 50))
    assert np.array_equal(model.predict(large).mask, large > 100)
    assert make_segmenter(multiple=8).predict(photo[:1, :1]).mask.shape == (1, 1)


def test_grey_for_a_colour_model_and_colour_for_a_grey_one(photo):
    expected = make_segmenter().predict(photo).mask
    equal = np.dstack([photo] * 3)
    alpha = np.full_like(photo, 255)
    for channels, image in [(3, photo), (1, equal), (3, np.dstack([equal, alpha])), (1, np.dstack([photo, alpha]))]:
        assert np.array_equal(make_segmenter(channels).predict(image).mask, expected)


@pytest.mark.parametrize(("channels", "given"), [(1, 5), (3, 5), (4, 3), (5, 3), (3, 2)])
def test_other_channel_counts_are_refused_by_both_numbers(channels, given):
    image = np.random.default_rng(0).integers(0, 255, (9, 9, given), np.uint8)
    with pytest.raises(DataError, match=rf"{given} channels.*\b{channels} "):
        make_segmenter(channels).predict(image, name="photo.png")


@pytest.mark.parametrize("scale", [{"kind": "factor", "value": 0.5}, {"kind": "side", "value": 16}])
def test_a_net_that_works_at_another_size_answers_at_the_size_of_the_image(photo, scale):
    large = np.kron(photo, np.ones((4, 4), np.uint8))
    prediction = make_segmenter(scale=scale).predict(large)
    assert prediction.probabilities.shape == (2, *large.shape)
    assert np.allclose(prediction.probabilities.sum(axis=0), 1, atol=1e-5)
    assert (prediction.mask != (large > 100)).mean() < 0.06


@pytest.mark.parametrize("image", [np.zeros(5), np.zeros((0, 5)), np.zeros((2, 2, 2, 2)), np.array([["a"]])])
def test_what_is_no_image_is_refused(image):
    with pytest.raises(DataError, match="is no image"):
        make_segmenter().predict(image)


def test_pixels_that_are_no_number_are_reported(photo):
    image = photo.astype(np.float32)
    image[0, 0] = np.nan
    prediction = make_segmenter().predict(image)
    assert prediction.messages[0].startswith("not a number at 1 of 713 pixels")
    assert np.isfinite(prediction.probabilities).all()


def test_saved_and_loaded_it_says_the_same(photo, tmp_path, monkeypatch):
    monkeypatch.setattr(models, "build_net", lambda name, *, in_channels, classes: Brightness(in_channels, classes))
    scores = score_images("a", [photo > 100], [photo > 120], classes=("background", "foreground"))
    model = make_segmenter(scores=scores.to_dict())
    model.save(tmp_path / "model.safetensors")
    loaded = Segmenter.load(tmp_path)
    assert loaded.scores is not None
    assert loaded.scores.to_dict() == scores.to_dict()
    assert np.array_equal(loaded.predict(photo).probabilities, model.predict(photo).probabilities)


def test_scores_of_another_version_do_not_stop_a_model():
    assert make_segmenter(scores={"n": 3}).scores is None


def test_an_unknown_device_is_refused(tmp_path):
    with pytest.raises(SettingsError, match="choose auto, cpu or cuda"):
        Segmenter.load(tmp_path, device="tpu")
