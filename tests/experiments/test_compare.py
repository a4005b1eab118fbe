"""A comparison through the command line: what it leaves, what it keeps, what it refuses."""

from __future__ import annotations

import csv
import json
import shutil
import tomllib
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from discs import write_discs
from handful.cli import main
from handful.errors import OutputError
from handful.verbs.compare import compare
from handful.verbs.comparison_page import Page
from handful.verbs.listener import Listener

FILE = """
title = "Two losses"
about = "Which finds discs?"
data = "discs"
steps = 3
training_scores = true
[split]
test = 4
[settings]
net_settings = {width = 4, depth = 2}
patch = 32
batch = 2
[axes]
loss = ["mse", "dice"]
images = [1, 4]
seed = [0, 1]
[[probes]]
setting = "contrast"
values = [0.2, 0.4]
data = {synth = "shapes", count = 2, size = 32, radius = [5, 9]}
"""
CELLS = 8


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the file, the data and a finished comparison."""
    root = tmp_path_factory.mktemp("compare")
    write_discs(root / "discs", 8)
    (root / "two.toml").write_text(FILE)
    assert main(["compare", str(root / "two.toml"), "-o", str(root / "out"), "--device", "cpu"]) == 0
    return root


def again(made: Path, tmp_path: Path, text: str = FILE) -> Path:
    """A copy of the finished comparison to go on with."""
    shutil.copytree(made, tmp_path / "copy")
    (tmp_path / "copy" / "two.toml").write_text(text)
    return tmp_path / "copy"


def runs(root: Path) -> dict[str, int]:
    """When each training's model was written, by folder."""
    return {run.name: (run / "model.safetensors").stat().st_mtime_ns for run in (root / "out" / "cells").iterdir()}


def results(root: Path) -> Any:
    return json.loads((root / "out" / "results.json").read_text())


def test_every_cell_is_an_ordinary_run_on_the_same_test_images(made: Path) -> None:
    cells = sorted((made / "out" / "cells").iterdir())
    assert len(cells) == CELLS
    tested = set()
    for run in cells:
        assert {"model.safetensors", "report.html", "scores.json", "split.json", "settings.toml"} <= {
            file.name for file in run.iterdir()
        }
        split = json.loads((run / "split.json").read_text())
        tested.add(tuple(row["name"] for row in split["test"]))
        assert not {row["name"] for row in split["train"]} & set(tested.copy().pop())
    assert len(tested) == 1


def test_tables_say_what_the_runs_scored(made: Path) -> None:
    """The mean of a row is that of the scores.json of its runs."""
    found = results(made)
    with (made / "out" / "table.csv").open() as stream:
        rows = list(csv.DictReader(stream))
    assert len(rows) == len(found["rows"]) == 4
    for row in found["rows"]:
        own = [cell for cell in found["cells"] if cell["labels"] == row["labels"]]
        scores = [json.loads((made / "out" / cell["folder"] / "scores.json").read_text()) for cell in own]
        dice = [image["dice"] for one in scores for image in one["images"]]
        assert row["score"]["value"] == pytest.approx(np.mean(dice))
        assert row["score"]["n"] == 4
    with (made / "out" / "images.csv").open() as stream:
        assert len(list(csv.DictReader(stream))) == 4 * CELLS


def test_differences_are_paired_over_images_and_seeds(made: Path) -> None:
    with (made / "out" / "images.csv").open() as stream:
        rows = list(csv.DictReader(stream))
    by_key = {(row["loss"], row["images"], row["seed"], row["image"]): float(row["dice"]) for row in rows}
    differences = [
        by_key["dice", images, seed, image] - by_key["mse", images, seed, image]
        for loss, images, seed, image in by_key
        if loss == "dice"
    ]
    effect = next(one for one in results(made)["effects"] if one["axis"] == "loss" and not one["where"])
    assert effect["difference"]["value"] == pytest.approx(np.mean(differences))
    assert (effect["difference"]["n"], effect["seeds"]) == (4, 2)
    assert "on 4 images, 2 seeds" in effect["verdict"]


def test_the_page_holds_everything_and_fetches_nothing(made: Path) -> None:
    page = (made / "out" / "comparison.html").read_text()
    assert page.lower().lstrip().startswith("<!doctype html>")
    for words in ("Two losses", "Which finds discs?", "Does it memorise", "Dice against contrast", "Make it again"):
        assert words in page
    with (made / "out" / "images.csv").open() as stream:
        assert all(row["image"] in page for row in csv.DictReader(stream))
    assert 'src="' not in page
    assert "http" not in page.replace("http://www.w3.org", "")


def test_what_ships_is_a_start_to_compare(made: Path, tmp_path: Path) -> None:
    root = again(
        made, tmp_path, 'data = "discs"\nsteps = 1\nsettings = {patch = 32}\naxes = {init = ["none", "starter"]}'
    )
    compare(root / "two.toml", out=root / "starts", device="cpu")
    written = [tomllib.loads((run / "settings.toml").read_text()) for run in (root / "starts" / "cells").iterdir()]
    assert sorted(one["init"] for one in written) == ["none", "starter"]


def test_what_is_finished_is_kept(made: Path, tmp_path: Path) -> None:
    root = again(made, tmp_path)
    before = runs(root)
    gone = next(iter((root / "out" / "judged").iterdir()))
    gone.unlink()
    shutil.rmtree(root / "out" / "cells" / gone.stem)
    assert main(["compare", str(root / "two.toml"), "-o", str(root / "out"), "--device", "cpu"]) == 0
    after = runs(root)
    assert before.keys() == after.keys()
    assert {name for name in before if before[name] != after[name]} == {gone.stem}
    assert results(root)["rows"] == results(made)["rows"]


def test_a_changed_file_trains_what_changed(made: Path, tmp_path: Path) -> None:
    root = again(made, tmp_path, FILE.replace('"mse", "dice"', '"mse", "focal"'))
    before = runs(root)
    assert main(["compare", str(root / "two.toml"), "-o", str(root / "out"), "--device", "cpu"]) == 0
    after = runs(root)
    assert len(after) == len(before) + 4
    assert all(after[name] == time for name, time in before.items())
    assert {row["labels"]["loss"] for row in results(root)["rows"]} == {"mse", "focal"}


@pytest.mark.parametrize("change", [("test = 4", "test = 3"), ("[split]", "[split]\nseed = 1")])
def test_another_split_is_refused(
    made: Path, tmp_path: Path, change: tuple[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    root = again(made, tmp_path, FILE.replace(*change))
    assert main(["compare", str(root / "two.toml"), "-o", str(root / "out")]) == 2
    assert "on another split" in capsys.readouterr().err


def test_other_data_are_refused(made: Path, tmp_path: Path) -> None:
    root = again(made, tmp_path)
    shutil.rmtree(root / "discs")
    write_discs(root / "discs", 8, first_seed=50)
    with pytest.raises(OutputError, match="other data"):
        compare(root / "two.toml", out=root / "out", device="cpu")


class Stopper(Listener):
    """Presses Ctrl-C in the second training."""

    def progress(self, what: str, done: float, detail: str = "") -> None:
        if detail.startswith("2 of") and "training step 2" in detail:
            raise KeyboardInterrupt


def test_stopped_by_hand_it_keeps_what_is_finished_and_nothing_half(tmp_path: Path) -> None:
    write_discs(tmp_path / "discs", 8)
    (tmp_path / "two.toml").write_text(FILE)
    with pytest.raises(KeyboardInterrupt):
        compare(tmp_path / "two.toml", out=tmp_path / "out", device="cpu", listener=Stopper())
    assert len(list((tmp_path / "out" / "cells").iterdir())) == 1
    assert len(list((tmp_path / "out" / "judged").iterdir())) == 1
    kept = runs(tmp_path)
    compare(tmp_path / "two.toml", out=tmp_path / "out", device="cpu", seeds=1)
    assert runs(tmp_path).items() >= kept.items()


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('data = "nowhere"', "nowhere: no such folder"),
        ('data = "discs"\naxes = {loss = ["dies"]}', "no loss is called 'dies'"),
        ('data = "discs"\nsettings = {geometri = 1}', "setting geometri"),
        ('data = "discs"\nsteps = 1\naxes = {images = [99]}', "axes.images = 99"),
        ('data = "discs"\nsteps = 1\naxes = {init = ["gone.safetensors"]}', "gone.safetensors"),
        ("data = ", "no TOML file"),
    ],
)
def test_what_cannot_be_is_said_before_any_training(
    made: Path, tmp_path: Path, text: str, words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    file = made / "wrong.toml"
    file.write_text(text)
    assert main(["compare", str(file), "-o", str(tmp_path / "out"), "--device", "cpu"]) == 2
    said = capsys.readouterr().err
    assert words in said
    assert "Traceback" not in said
    assert not (tmp_path / "out" / "cells").exists()


def test_a_folder_of_other_things_is_left_alone(made: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "letter.txt").write_text("dear")
    assert main(["compare", str(made / "two.toml"), "-o", str(tmp_path)]) == 2
    assert "holds other things (letter.txt)" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("settings", "ratio"),
    [
        ({}, 100),  # the loss's own
        ({"loss_settings": {"cost_ratio": 5}}, 5),
        ({"loss_settings.cost_ratio": 7}, 7),
    ],
)
def test_the_curve_of_linex_is_at_the_ratio_that_was_trained_with(settings, ratio):
    chart = Page.linex_chart(SimpleNamespace(cells=[SimpleNamespace(settings={"loss": "linex", **settings})]))
    assert [line.name.split(" false")[0] for line in chart.lines] == [f"a miss costs {ratio}"]


def test_who_has_learnt_nothing_does_not_generalise():
    scored = {"dice": 0.0}
    judged = {0: SimpleNamespace(training=0.0, images={"a": scored}, trivial={"otsu": {"dice": 0.6}})}
    page = Page.__new__(Page)
    page.judged, page.cells = judged, [SimpleNamespace(combination=("mse",))]
    page.table = SimpleNamespace(labels={("mse",): {"loss": "mse"}}, axes=lambda: ["loss"])
    page.done = SimpleNamespace(trivial_by=lambda score: {"otsu": judged[0].trivial["otsu"][score]})
    assert page.memory_words()[0].startswith("Does it memorise? It has learnt too little to tell")
    judged[0].training = scored["dice"] = 0.9
    assert page.memory_words()[0].startswith("Does it memorise? No: it generalises")
