"""What a model learns about itself, and the closer look at test images, on discs and a net of one known answer."""

import time
from dataclasses import replace
from math import prod

import numpy as np
import pytest
import torch

from discs import write_discs
from handful.data.check import check_data
from handful.data.sample import read_samples
from handful.data.split import make_split
from handful.measure.calibration import brier
from handful.modelfile import ModelCard
from handful.prediction.segmenter import Segmenter
from handful.prediction.views import LINE_SIZES
from handful.verbs.closer_look import CloserLook
from handful.verbs.score import score_regions
from handful.verbs.settle import settle
from handful.verbs.train import settled_lines
from heard import Heard
from walls import write_walls


class TooSure(torch.nn.Module):
    """Brightness, smoothed, as if it were certain."""

    def __init__(self):
        super().__init__()
        self.unused = torch.nn.Parameter(torch.zeros(1))
        self.halo, self.multiple = 2, 1

    def forward(self, x):
        smooth = torch.nn.functional.avg_pool2d(x, 3, 1, 1)
        return torch.cat([-40 * (smooth - 0.25), 40 * (smooth - 0.25)], dim=1)


def make_card(reading, **more):
    values = {"net": "quick", "channels": 1, "outputs": 2, "halo": 2, "tile": 64}
    return ModelCard(classes=reading.classes, background=reading.background, **(values | more))


@pytest.fixture(scope="module")
def settled(tmp_path_factory):
    audit = check_data(write_discs(tmp_path_factory.mktemp("settle") / "discs", 30))
    split = make_split(audit, test_fraction=0.2)
    card = make_card(audit.reading, normalisation={"kind": "dataset", "mean": [0.5], "std": [0.3]}, threshold=0.4)
    samples = read_samples(audit, split.train)
    plain = Segmenter(TooSure(), card)
    model = Segmenter(TooSure(), card)
    model.card, words, odd = settle(model, audit, split, samples)
    return audit, split, samples, plain, model, words, odd


def test_a_net_that_is_too_sure_is_told_so(settled):
    audit, split, _, _, model, words, _ = settled
    assert split.validation
    assert model.card.temperature > 1.2
    assert f"{len(split.validation)} images held back" in words
    look = CloserLook(model.card, audit.reading, words)
    score_regions(model, audit, split.test, look=look)
    found = look.calibration()
    assert brier(found.after) < brier(found.before)
    record = look.to_dict()
    assert "objects" not in record["calibration"]
    assert len(record["unlike"]) == len(split.test)
    assert record["sizes"]


def test_objects_are_judged_where_the_model_parts_them(settled):
    audit, split, samples, _, model, _, _ = settled
    apart = Segmenter(TooSure(), replace(model.card, task="instances"))
    heard = Heard()
    apart.card, _, _ = settle(apart, audit, split, samples, listener=heard)
    said = heard.lines
    assert apart.card.postprocessing["min_size"] > 50  # discs have 150 pixels and more
    assert len(said) == 1
    assert apart.card.training["objects"] in said[0]
    assert f"{len(split.validation)} images" in said[0]
    look = CloserLook(apart.card, audit.reading)
    score_regions(apart, audit, split.test, look=look)
    record = look.to_dict()
    assert record["calibration"]["objects"]["after"]["n"] >= len(split.test)
    assert sum(row["n"] for row in record["sizes"]) >= len(split.test)
    assert record["sizes"][0]["found"] is not None


def test_gaps_are_bridged_in_lines_and_only_there(settled, tmp_path):
    _, _, _, _, model, _, _ = settled
    assert model.card.bridge is None
    assert "gaps" not in model.card.training
    audit = check_data(write_walls(tmp_path / "walls", 12))
    split = make_split(audit, test_fraction=0.2)
    reading = audit.reading
    card = replace(model.card, classes=reading.classes, background=reading.background, bridge=0.4, temperature=None)
    heard = Heard()
    walled = Segmenter(TooSure(), card)
    walled.card, _, _ = settle(walled, audit, split, read_samples(audit, split.train), listener=heard)
    assert 0 < walled.card.bridge < walled.card.threshold
    gaps = walled.card.training["gaps"]
    assert gaps.startswith("gaps bridged")
    assert heard.lines == [f"gaps     {gaps}"]
    assert [name for name, *_ in settled_lines(walled.card)] == ["gaps"]


class SeesBySize(torch.nn.Module):
    """Right about bright walls but for what is added: `here` at images of one side, `elsewhere` at others."""

    def __init__(self, here, elsewhere, side=96):
        super().__init__()
        self.unused = torch.nn.Parameter(torch.zeros(1))
        self.here, self.elsewhere, self.side = here, elsewhere, side

    def forward(self, x):
        answer = 8 * (x - 0.25) + (self.here if x.shape[-1] == self.side else self.elsewhere)
        return torch.cat([-answer, answer], dim=1)


@pytest.mark.parametrize(
    ("here", "elsewhere", "until", "sizes"),
    [(-9, 0, None, LINE_SIZES), (-9, 0, 0.0, ()), (0, -9, None, ())],
)
@pytest.mark.parametrize("net", ["quick", "forest"])
def test_lines_are_answered_at_several_sizes_where_training_images_do_not_lose(
    tmp_path, here, elsewhere, until, sizes, net
):
    audit = check_data(write_walls(tmp_path / "walls", 4))
    split = make_split(audit, test_fraction=0)
    plain = {"kind": "dataset", "mean": [0.5], "std": [1.0]}
    card = make_card(audit.reading, net=net, normalisation=plain, sizes=(0.5,))  # sizes of an earlier run
    samples = read_samples(audit, split.train)
    card, _, _ = settle(Segmenter(SeesBySize(here, elsewhere), card), audit, split, samples, until=until)
    assert card.sizes == (sizes if net == "quick" else ())
    assert card.bridge is not None


def test_no_pixel_changes_its_class(settled):
    _, _, samples, plain, model, _, _ = settled
    for sample in samples[:4]:
        image = np.moveaxis(sample.image, 0, -1)
        np.testing.assert_array_equal(model.predict(image).mask, plain.predict(image).mask)


def test_all_images_are_described_and_none_of_them_is_odd(settled):
    _, split, samples, _, model, _, odd = settled
    assert len(model.card.likeness["images"]) == min(32, len(samples) + len(split.validation))
    assert odd == []
    disc = np.moveaxis(samples[0].image, 0, -1)
    stripes = np.tile(np.array([[0], [255]], np.uint8), (32, 64))
    assert model.predict(disc).unlike < 1 < model.predict(stripes).unlike
    assert any("unlike the images trained on" in message for message in model.predict(stripes).messages)
    assert not model.predict(disc).messages


def test_without_images_held_back_nothing_is_fitted_and_time_up_costs_little(settled):
    audit, split, samples, _, model, _, _ = settled
    none = replace(split, train=split.train + split.validation, validation=())
    fresh = Segmenter(TooSure(), model.card)
    card, words, _ = settle(fresh, audit, none, samples, until=0.0)
    assert card.temperature is None
    assert card.object_confidence == {}
    assert "there are 0" in words
    assert len(card.likeness["images"]) == len(samples)
    assert len(card.likeness["images"][0]) == 17  # the image alone: there was no time for the net's answer


def test_images_held_back_are_looked_at_where_there_is_time_for_two(settled):
    audit, split, samples, plain, _, _, _ = settled
    two = sum(prod(region.shape) for region in split.validation[:2])
    for seconds, looks in ((90, True), (110, False)):
        fresh = Segmenter(TooSure(), plain.card)
        _, words, _ = settle(fresh, audit, split, samples, until=time.monotonic() + 100, pace=seconds / two)
        assert ("there are 0" not in words) == looks
