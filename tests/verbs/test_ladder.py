"""Forest or net: who is kept, what is said of it, and that the other one is shown beside it."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
import torch

import handful
from discs import draw_discs, write_discs
from handful.errors import SettingsError
from handful.modelfile import read_card
from handful.training.loop import LUCK, Fitted
from handful.training.validation import Validation
from handful.verbs import ladder
from handful.verbs.ladder import COMPARED, CROP, Rival, choose, wants_rival
from heard import Heard

SMALL = {"net_settings": {"width": 8, "depth": 3}, "patch": 64, "batch": 4}
TREES = {"trees": 8, "depth": 8, "scales": 3}


class Answer(torch.nn.Module):
    """Calls the share of the pixels of class 1 right that it is told to, and nothing else class 1."""

    def __init__(self, share):
        super().__init__()
        self.share = share

    def forward(self, x):
        picked = (x > 0) & (torch.linspace(0, 1, x.shape[-1]) <= self.share)
        return torch.cat([~picked, picked], dim=1).float()


def ground(held_out=True, images=4):
    ones = [np.ones((1, 20, 101), np.float32)] * images
    masks = [np.ones((20, 101), np.uint8)] * images
    for mask in masks:
        mask[0, :] = 0
    for one in ones:
        one[0, 0] = -1
    return Validation(ones, masks, 2, (1,), torch.device("cpu"), held_out=held_out)


def dice_of(share):
    return ground().look(Answer(share))[0]


def rival(score, **more):
    return Rival(
        **(
            {
                "net": None,
                "settings": {},
                "score": score,
                "constant": False,
                "pace": 0.0,
                "judging": 0.0,
                "ground": ground(),
            }
            | more
        )
    )


@pytest.mark.parametrize("ahead", [False, True])
def test_the_forest_must_be_ahead_by_more_than_chance(ahead):
    net = dice_of(0.5)
    margin = LUCK / 2  # four images
    chosen = choose(rival(net + margin + (0.01 if ahead else -0.01)), Fitted(Answer(0.5), 100, net))
    assert chosen.forest_kept == ahead
    assert chosen.net == pytest.approx(net)
    assert f"{net:.2f}" in chosen.reason
    assert chosen.line().value == ("pixel forest" if ahead else "net")
    assert chosen.record()["kept"] == ("forest" if ahead else "net")


def test_a_net_that_answers_one_class_loses_to_any_forest_that_does_not():
    assert choose(rival(0.1), Fitted(Answer(0.0), 100, 0.0)).forest_kept
    assert not choose(rival(0.1, constant=True), Fitted(Answer(0.0), 100, 0.0)).forest_kept


def test_a_net_without_a_step_loses():
    chosen = choose(rival(0.3), Fitted(Answer(1.0), 0, None))
    assert chosen.forest_kept
    assert "no time" in chosen.reason


def test_parts_of_images_keep_image_and_mask_together():
    rng = np.random.default_rng(0)
    masks = [rng.integers(0, 2, (300, 90)).astype(np.uint8) for _ in range(12)]
    whole = Validation([mask[None].astype(np.float32) for mask in masks], masks, 2, (1,), torch.device("cpu"))
    parts = whole.parts(CROP, COMPARED, 0)
    assert len(parts.images) == ladder.COMPARED
    for image, mask in zip(parts.images, parts.masks, strict=True):
        assert mask.shape == (CROP, 90)
        assert np.array_equal(image[0], mask)


@pytest.mark.parametrize(
    ("change", "wanted"),
    [
        ({}, True),
        ({"overrides": {"net": "quick"}}, False),
        ({"overrides": {"loss": "dice"}}, False),
        ({"overrides": {"net_settings.width": 8}}, False),
        ({"overrides": {"patch": 64}}, True),
        ({"init": "starter"}, False),
        ({"init": "model.safetensors"}, False),
        ({"steps": 10}, False),
        ({"task": "boundaries"}, False),
        ({"device": "cuda"}, False),
        ({"processes": 2}, False),
    ],
)
def test_when_a_forest_is_tried(change, wanted):
    plan = SimpleNamespace(
        task=change.get("task", "semantic"), training=SimpleNamespace(net="quick"), init=change.get("init", "none")
    )
    run = SimpleNamespace(
        crew=SimpleNamespace(size=change.get("processes", 1)),
        device=torch.device(change.get("device", "cpu")),
        clock=SimpleNamespace(steps=change.get("steps")),
    )
    assert wants_rival(plan, change.get("overrides", {}), run) == wanted


# ---- whole trainings


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return write_discs(tmp_path_factory.mktemp("ladder") / "discs", 16)


def test_a_forest_alone_is_a_model_like_any_other(data, tmp_path):
    settings = {"net_settings": TREES}
    model = handful.train(data, out=tmp_path / "run", net="forest", steps=1, settings=settings, device="cpu")
    assert model.scores["dice_per_image"].value > 0.9
    image, mask = draw_discs(99)
    again = handful.load(tmp_path / "run")
    assert np.array_equal(again.predict(image).mask, model.predict(image).mask)
    assert ((again.predict(image).mask > 0) == (mask > 0)).mean() > 0.95
    card = read_card(tmp_path / "run")
    assert card.net == "forest"
    assert {name: card.net_settings[name] for name in TREES} == TREES
    handful.train(data, out=tmp_path / "twin", net="forest", steps=1, settings=settings, device="cpu")
    first, twin = ((tmp_path / name / "model.safetensors").read_bytes() for name in ("run", "twin"))
    assert first == twin
    with pytest.raises(SettingsError, match="pixel forest"):
        handful.train(data, out=tmp_path / "more", init=tmp_path / "run", steps=1)


@pytest.fixture
def always(monkeypatch):
    """A forest beside the net although the steps are fixed, of few trees."""
    monkeypatch.setattr(ladder, "wants_rival", lambda *_: True)
    grow = ladder.grow
    monkeypatch.setattr(
        ladder, "grow", lambda run, asked, **more: grow(run, type(asked)(asked.in_channels, 2, **TREES), **more)
    )


def test_of_a_net_of_two_steps_and_a_forest_the_forest_is_kept(data, tmp_path, always):
    heard = Heard()
    model = handful.train(data, out=tmp_path / "run", steps=2, settings=SMALL, device="cpu", listener=heard)
    record = model.card.training["ladder"]
    assert model.card.net == "forest"
    assert record["kept"] == "forest"
    assert record["forest"] > record["net"]
    assert any("kept the pixel forest: " in line for line in heard.lines)
    assert model.scores["dice_per_image"].value > 0.9
    assert "pixel forest" not in model.scores.trivial
    page = (tmp_path / "run" / "report.html").read_text()
    assert record["reason"] in page
    assert 'net = "forest"' in (tmp_path / "run" / "settings.toml").read_text()


def test_a_net_that_is_kept_is_shown_beside_the_forest(data, tmp_path, always, monkeypatch):
    monkeypatch.setattr(ladder, "choose", lambda rival, fitted: replace(choose(rival, fitted), forest_kept=False))
    heard = Heard()
    model = handful.train(data, out=tmp_path / "run", steps=4, settings=SMALL, device="cpu", listener=heard)
    assert model.card.net == "quick"
    assert model.card.training["ladder"]["kept"] == "net"
    assert any(line.startswith("kept     the net: ") for line in heard.lines)
    assert model.scores.trivial["pixel forest"]["dice_per_image"] > 0.9
    assert model.scores.best_trivial()[0] != "pixel forest"  # it has learnt
    assert "Pixel forest" in (tmp_path / "run" / "report.html").read_text()


def test_without_the_ladder_the_net_is_all_there_is(data, tmp_path, always):
    model = handful.train(data, out=tmp_path / "run", steps=2, settings=SMALL, device="cpu", ladder=False)
    assert model.card.net == "quick"
    assert "ladder" not in model.card.training
