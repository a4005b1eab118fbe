"""`train --seeds`: the same training with several seeds on one split; the first one's model is kept."""

import json
from statistics import mean, stdev

import pytest

import handful
from discs import write_discs
from handful.cli import main
from handful.errors import SettingsError
from handful.verbs import seeds as verb
from handful.verbs.seeds import Spread

SMALL = {"patch": 32, "net_settings": {"width": 8, "depth": 2}}
FLAGS = ("--device", "cpu", "--set", "patch=32", "--set", "net_settings={width=8,depth=2}")


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return write_discs(tmp_path_factory.mktemp("seeds") / "discs", 6)


def test_the_spread_is_that_of_single_trainings_and_the_first_model_is_kept(data, tmp_path, capsys):
    run = tmp_path / "run"
    assert main(["train", str(data), "-o", str(run), "--seeds", "3", "--seed", "4", "--steps", "30", *FLAGS]) == 0
    said = capsys.readouterr().out
    told = json.loads((run / "scores.json").read_text())
    assert told["seeds"]["seeds"] == [4, 5, 6]
    split = handful.train(data, out=tmp_path / "alone", seed=4, steps=30, device="cpu", settings=SMALL)
    assert split.scores["dice_per_image"].value == told["seeds"]["spread"]["dice_per_image"]["values"][0]
    assert model_of(tmp_path / "alone") == model_of(run)
    for name in ("dice_per_image", "iou_pooled"):
        spread = told["seeds"]["spread"][name]
        assert spread["mean"] == pytest.approx(mean(spread["values"]))
        assert spread["deviation"] == pytest.approx(stdev(spread["values"]))
        assert (spread["low"], spread["high"]) == (min(spread["values"]), max(spread["values"]))
        assert spread["values"][0] == told["scores"][name]["value"]
    assert len(set(told["seeds"]["spread"]["accuracy"]["values"])) > 1
    note = "Over the seeds 4, 5, 6: Dice per image "
    for text in (said, told["note"], (run / "report.html").read_text()):
        assert note in text
        assert "The model kept is that of seed 4." in text


def model_of(run):
    """The tensors; the card holds the scores and with them the note."""
    from safetensors.torch import load_file

    return {name: tensor.tolist() for name, tensor in load_file(run / "model.safetensors").items()}


def test_all_seeds_have_one_split(data, tmp_path, monkeypatch):
    seen = []
    monkeypatch.setattr(
        verb.Other,
        "make_run",
        lambda self, samples, *rest: (
            seen.append((self.seed, self.split)) or super(verb.Other, self).make_run(samples, *rest)
        ),
    )
    handful.train(data, out=tmp_path / "run", seeds=3, steps=1, device="cpu", settings=SMALL)
    assert [seed for seed, _ in seen] == [1, 2]
    assert seen[0][1] == seen[1][1]
    kept = json.loads((tmp_path / "run" / "split.json").read_text())
    assert [one.name for one in seen[0][1].test] == [one["name"] for one in kept["test"]]


def test_stopped_by_hand_among_the_seeds_keeps_the_first(data, tmp_path, monkeypatch):
    def stop(self, *rest):
        raise KeyboardInterrupt

    monkeypatch.setattr(verb.Seeded, "other", stop)
    model = handful.train(data, out=tmp_path / "run", seeds=3, steps=1, device="cpu", settings=SMALL)
    assert "Only seed 0 was scored" in model.scores.note
    assert json.loads((tmp_path / "run" / "scores.json").read_text())["seeds"]["spread"] == {}


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (["--seeds", "1"], "--seeds 1: give a number of trainings, 2 to 100"),
        (["--seeds", "3", "--folds", "2"], "leave out --folds"),
        (["--seeds", "3", "--seconds", "12"], "--seeds: 3 seeds are 3 trainings, "),
    ],
)
def test_senseless_seeds_are_refused(data, tmp_path, capsys, more, said):
    assert main(["train", str(data), "-o", str(tmp_path / "run"), *more]) == 2
    assert said in capsys.readouterr().err
    assert not (tmp_path / "run").exists()


def test_a_spread_of_one_or_none_says_nothing():
    assert Spread((0.5,)).to_dict() == {"values": [0.5], "mean": 0.5, "deviation": None, "low": 0.5, "high": 0.5}
    assert Spread(()).to_dict()["mean"] is None
    with pytest.raises(SettingsError):
        verb.check_seeds(0, folds=None, resume=False)
