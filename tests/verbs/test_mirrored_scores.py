"""Test images are answered as `predict` answers them, unless the clock leaves no time for mirror images."""

from dataclasses import replace

import pytest

import handful
from discs import write_discs
from handful.prediction import Segmenter
from handful.verbs import ladder
from handful.verbs import train as verb
from heard import Heard

SMALL = {"net_settings": {"width": 8, "depth": 2}, "patch": 32, "batch": 2}


@pytest.fixture
def asked(monkeypatch):
    """What is asked of mirror images, one prediction after the other."""
    seen, predict = [], Segmenter.predict
    monkeypatch.setattr(
        Segmenter, "predict", lambda *args, **more: (seen.append(more["flips"]), predict(*args, **more))[1]
    )
    return seen


@pytest.mark.parametrize(
    ("augment", "mirrored"),
    [({}, ("x", "y")), ({"augment": "noise"}, ()), ({"geometry.upside_down": False}, ("x",))],
)
def test_the_model_knows_which_mirror_images_it_saw(tmp_path, asked, augment, mirrored):
    data = write_discs(tmp_path / "discs", 5)
    model = handful.train(data, out=tmp_path / "run", steps=1, settings=SMALL | augment, device="cpu", ladder=False)
    assert model.card.mirrored == handful.load(tmp_path / "run").card.mirrored == mirrored
    assert set(asked) == {None}


@pytest.mark.parametrize("share", [0.0, 1.0])
def test_scores_go_without_them_where_there_is_no_time(tmp_path, monkeypatch, asked, share):
    monkeypatch.setattr(verb, "VIEWS_SHARE", share)
    heard, data = Heard(), write_discs(tmp_path / "discs", 5)
    model = handful.train(data, out=tmp_path / "run", seconds=5, settings=SMALL, device="cpu", listener=heard)
    assert model.card.mirrored == ("x", "y")
    assert any("scored on single answers" in line for line in heard.lines) == (share == 0)
    assert asked[-1] is (False if share == 0 else None)


def test_nothing_is_said_of_mirror_images_where_a_forest_was_kept(tmp_path, monkeypatch):
    monkeypatch.setattr(verb, "VIEWS_SHARE", 0.0)
    choose = ladder.choose
    monkeypatch.setattr(ladder, "choose", lambda rival, fitted: replace(choose(rival, fitted), forest_kept=True))
    heard, data = Heard(), write_discs(tmp_path / "discs", 5)
    model = handful.train(data, out=tmp_path / "run", init="none", seconds=6, device="cpu", listener=heard)
    assert model.card.net == "forest"
    assert model.card.mirrored == ()
    assert not any("mirror images" in line for line in heard.lines if line.startswith("note"))
