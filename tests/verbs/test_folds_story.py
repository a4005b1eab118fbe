"""`train --folds`: every image is scored, each by a model that never saw it, and the kept model saw them all."""

import json
import time

import pytest

import handful
from discs import write_discs
from handful.cli import main
from handful.errors import SettingsError
from handful.verbs import folds as verb
from handful.verbs.folds import check_folds
from handful.verbs.several import Other, first_share

FLAGS = ("--device", "cpu", "--set", "patch=[32,32]")


def test_every_image_is_scored_and_the_kept_model_saw_all(tmp_path, capsys):
    folder = write_discs(tmp_path / "discs", 5)
    run = tmp_path / "run"
    assert main(["train", str(folder), "-o", str(run), "--folds", "loo", "--steps", "2", *FLAGS]) == 0
    said = capsys.readouterr()
    assert "each is scored by a model that was not trained on it, in 5 folds of 1." in said.err
    assert said.out.startswith("Dice per image is ")
    scores = json.loads((run / "scores.json").read_text())
    assert sorted(one["name"] for one in scores["images"]) == [f"disc_{number}" for number in range(5)]
    assert "(5 folds)" in scores["note"]
    assert scores["seen"] == []
    assert "(5 folds)" in (run / "report.html").read_text()
    model = handful.load(run)
    assert len(model.card.training["images"]) == 5
    assert model.scores is not None
    assert model.scores.n == 5


def test_the_split_of_folds_is_not_kept_by_a_training_without(tmp_path):
    folder = write_discs(tmp_path / "discs", 4)
    handful.train(folder, out=tmp_path / "run", folds=2, steps=1, device="cpu")
    model = handful.train(folder, out=tmp_path / "run", steps=1, device="cpu")
    assert model.scores.n == 1


def test_no_fold_trains_on_what_it_scores(tmp_path, monkeypatch):
    seen = []
    monkeypatch.setattr(
        Other,
        "make_run",
        lambda self, samples, *rest: (
            seen.append(({one.name for one in samples}, {one.name for one in self.split.test}))
            or super(Other, self).make_run(samples, *rest)
        ),
    )
    handful.train(write_discs(tmp_path / "discs", 4), out=tmp_path / "run", folds=2, steps=1, device="cpu")
    assert len(seen) == 2
    for trained, tested in seen:
        assert not trained & tested
        assert len(trained | tested) == 4


def test_stopped_by_hand_among_the_folds_keeps_model_and_scores_so_far(tmp_path, monkeypatch, capsys):
    original = verb.Folded.fold

    def fold(self, number, *rest, **more):
        if number == 1:
            raise KeyboardInterrupt
        return original(self, number, *rest, **more)

    monkeypatch.setattr(verb.Folded, "fold", fold)
    folder = write_discs(tmp_path / "discs", 4)
    assert main(["train", str(folder), "-o", str(tmp_path / "run"), "--folds", "4", "--steps", "1", *FLAGS]) == 0
    scores = handful.load(tmp_path / "run").scores
    assert scores.n == 1
    assert "1 of 4 folds" in scores.note


@pytest.mark.slow
def test_the_time_is_kept(tmp_path):
    folder = write_discs(tmp_path / "discs", 5)
    began = time.monotonic()
    model = handful.train(folder, out=tmp_path / "run", folds=3, seconds=36, device="cpu", started=began)
    assert time.monotonic() - began < 1.1 * 36
    assert model.scores.n == 5


@pytest.mark.parametrize("folds", ["1", "0", "-3", "many", "2.5", ""])
def test_senseless_folds_are_refused(folds, tmp_path, capsys):
    folder = write_discs(tmp_path / "discs", 3)
    assert main(["train", str(folder), "-o", str(tmp_path / "run"), f"--folds={folds}"]) == 2
    assert "--folds" in capsys.readouterr().err
    assert not (tmp_path / "run").exists()


def test_folds_beside_another_test_are_refused():
    given = {"test": None, "test_fraction": None, "split": None, "resume": False}
    assert check_folds("LOO", **given) == "loo"
    assert check_folds("4", **given) == 4
    for other in ({"test": "x"}, {"test_fraction": 0.2}, {"resume": True}):
        with pytest.raises(SettingsError, match="leave out"):
            check_folds(3, **(given | other))


def test_too_little_time_says_how_much_it_takes():
    with pytest.raises(SettingsError, match="Give --seconds") as found:
        first_share(20.0, None, 1.0, 5, "--folds: 5 folds and the final model")
    seconds = float(str(found.value).split("--seconds ")[1].split()[0])
    assert first_share(seconds, None, 1.0, 5, "") > 5
