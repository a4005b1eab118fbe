"""One story end to end on synthetic data: check, train, predict, evaluate, and beat a stated score."""

from __future__ import annotations

import csv
import json
import shutil
import tomllib
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image

import handful
from discs import draw_discs, write_discs
from handful.cli import main
from handful.measure import Scores
from handful.outputs.prediction import FILES, SAVED
from handful.verbs.listener import Listener
from handful.verbs.runfolder import FILES as RUN_FILES

STEPS = 60
SMALL = {"net_settings": {"width": 8, "depth": 3}, "patch": 64, "batch": 4}
FLAGS = [flag for name, value in SMALL.items() for flag in ("--set", f"{name}={json.dumps(value)}")]
FLAGS[1] = "net_settings={width = 8, depth = 3}"
SCORE = 0.85  # of the Dice on images never seen; Otsu's threshold has about 0.6 on these


def train(data: Path, out: Path, *, steps: int = 4, **more: object) -> handful.Segmenter:
    return handful.train(data, out=out, steps=steps, settings=SMALL, device="cpu", **more)  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_discs(tmp_path_factory.mktemp("story") / "discs", 10)


@pytest.fixture(scope="module")
def run(data: Path) -> Path:
    """A run as the command line makes it."""
    out = data.parent / "run"
    command = ["train", str(data), "-o", str(out), "--steps", str(STEPS), "--device", "cpu", *FLAGS]
    assert main(command) == 0
    return out


def test_check_finds_nothing_wrong(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", str(data)]) == 0
    assert "no problem" in capsys.readouterr().out


def test_the_run_folder_holds_what_it_should(run: Path) -> None:
    assert sorted(file.name for file in run.iterdir()) == sorted(
        name for name in RUN_FILES if not name.startswith("checkpoint")
    )
    scores = json.loads((run / "scores.json").read_text())
    assert scores["headline"] == "dice_per_image"
    assert {"value", "low", "high", "n", "left_out"} <= set(scores["scores"]["dice_per_image"])
    settings = tomllib.loads((run / "settings.toml").read_text())
    assert settings["patch"] == [64, 64]
    assert settings["net_settings"] == {"width": 8, "depth": 3}
    with (run / "history.csv").open() as stream:
        history = list(csv.DictReader(stream))
    assert [int(row["step"]) for row in history][-1] == STEPS
    page = (run / "report.html").read_text()
    assert page.lower().startswith("<!doctype html>")
    assert "<script src" not in page
    split = json.loads((run / "split.json").read_text())
    sides = [{row["name"] for row in split[side]} for side in ("train", "validation", "test")]
    assert set.union(*sides) == {f"disc_{number}" for number in range(10)}
    assert sum(map(len, sides)) == 10


def test_it_beats_the_stated_score_and_every_trivial_answer(run: Path) -> None:
    scores = Scores.from_dict(json.loads((run / "scores.json").read_text()))
    reached = scores["dice_per_image"].value
    assert reached > SCORE
    assert all(reached > answer.values["dice_per_image"] for answer in scores.trivial.values())


def test_training_again_by_the_settings_of_a_run(run: Path, data: Path, tmp_path: Path) -> None:
    command = ["train", str(data), "-o", str(tmp_path / "again"), "--steps", "2", "--device", "cpu"]
    assert main([*command, "--settings", str(run / "settings.toml")]) == 0
    first, second = (tomllib.loads((one / "settings.toml").read_text()) for one in (run, tmp_path / "again"))
    assert first == second


def test_predict_writes_all_kinds_for_a_folder(run: Path, data: Path, tmp_path: Path) -> None:
    out = tmp_path / "predictions"
    command = ["predict", str(run), str(data / "images"), "-o", str(out), "--device", "cpu", "--save", ",".join(SAVED)]
    assert main(command) == 0
    for pattern in FILES.values():
        assert all((out / pattern.format(f"disc_{number}")).is_file() for number in range(10)), pattern
    mask = np.array(Image.open(out / "masks" / "disc_0.png"))
    assert set(np.unique(mask)) == {0, 255}
    assert mask.shape == (64, 64)
    probability = tifffile.imread(out / "probability" / "disc_0.tif")
    assert probability.dtype == np.float32
    assert tifffile.imread(out / "instances" / "disc_0.tif").dtype == np.uint16
    contours = json.loads((out / "contours" / "disc_0.geojson").read_text())
    assert contours["type"] == "FeatureCollection"
    with (out / "objects.csv").open() as stream:
        objects = list(csv.DictReader(stream))
    assert {row["image"] for row in objects} == {f"disc_{number}" for number in range(10)}
    index = json.loads((out / "predictions.json").read_text())
    assert [one["name"] for one in index["images"]] == [f"disc_{number}" for number in range(10)]
    assert index["failed"] == {}


@pytest.mark.parametrize("inputs", [["disc_0.png"], ["disc_?.png"], ["disc_0.png", "disc_1.png"]])
def test_predict_takes_files_and_globs(run: Path, data: Path, tmp_path: Path, inputs: Sequence[str]) -> None:
    found = [str(data / "images" / name) for name in inputs]
    assert main(["predict", str(run), *found, "-o", str(tmp_path / "out"), "--save", "mask"]) == 0
    written = sorted(file.stem for file in (tmp_path / "out" / "masks").iterdir())
    assert written == sorted({file.stem for name in inputs for file in (data / "images").glob(name)})


def test_predict_does_the_others_where_some_are_broken(
    run: Path, discs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (discs / "images" / "disc_1.png").write_text("no picture")
    (discs / "images" / "disc_4.png").write_bytes((discs / "images" / "disc_4.png").read_bytes()[:99])
    assert main(["predict", str(run), str(discs / "images"), "-o", str(tmp_path / "out"), "--save", "mask"]) == 1
    said = capsys.readouterr()
    failed = [line for line in said.err.splitlines() if line.startswith("failed ")]
    assert [name for line in failed for name in ("disc_1.png", "disc_4.png") if name in line] == [
        "disc_1.png",
        "disc_4.png",
    ]
    assert said.out.startswith("6 images predicted")
    assert len(list((tmp_path / "out" / "masks").iterdir())) == 6
    assert len(json.loads((tmp_path / "out" / "predictions.json").read_text())["failed"]) == 2


def test_train_goes_on_where_some_are_broken(discs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (discs / "images" / "disc_1.png").write_text("no picture")
    command = ["train", str(discs), "-o", str(tmp_path / "run"), "--steps", "2", "--device", "cpu", *FLAGS]
    assert main(command) == 0
    said = capsys.readouterr()
    assert "error    images/disc_1.png: " in said.err
    assert said.out.splitlines()[0].startswith("Dice per image is ")
    assert "disc_1" not in (tmp_path / "run" / "split.json").read_text()


def test_evaluate_a_model_says_which_images_it_knows(
    run: Path, data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["evaluate", str(run), str(data), "-o", str(tmp_path / "scores"), "--json"]) == 0
    said = capsys.readouterr()
    assert json.loads(said.out)["n"] == 10
    assert "Not a test score: of these 10 images the model has seen 8: 8 trained on" in said.err
    assert sorted(file.name for file in (tmp_path / "scores").iterdir()) == ["report.html", "scores.json"]


def test_evaluate_masks_from_anywhere(run: Path, data: Path, tmp_path: Path) -> None:
    assert main(["predict", str(run), str(data / "images"), "-o", str(tmp_path / "out")]) == 0
    by_masks = handful.evaluate(predicted=tmp_path / "out", data=data)
    by_model = handful.evaluate(run, data)
    assert by_masks["dice_per_image"].value == pytest.approx(by_model["dice_per_image"].value)
    perfect = handful.evaluate(predicted=data / "masks", data=data)
    assert perfect["dice_per_image"].value == 1.0


def test_describe(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["describe", str(run)]) == 0
    text = capsys.readouterr().out
    for word in ("net: quick", "1 foreground", f"{STEPS} steps", "dice_per_image"):
        assert word in text


def test_the_same_seed_gives_the_same_model_file(data: Path, tmp_path: Path) -> None:
    for name, seed in (("one", 3), ("two", 3), ("three", 4)):
        train(data, tmp_path / name, seed=seed)
    one, two, three = ((tmp_path / name / "model.safetensors").read_bytes() for name in ("one", "two", "three"))
    assert one == two
    assert one != three


class Stop(Listener):
    """Presses Ctrl-C after a few steps of training."""

    def __init__(self, what: str = "training", after: int = 3) -> None:
        self.what, self.left = what, after
        self.said: list[str] = []

    def say(self, text: str) -> None:
        self.said.append(text)

    def progress(self, what: str, done: float, detail: str = "") -> None:
        if what == self.what:
            self.left -= 1
            if not self.left:
                raise KeyboardInterrupt


def test_ctrl_c_keeps_a_valid_model(data: Path, tmp_path: Path) -> None:
    listener = Stop()
    model = train(data, tmp_path / "run", steps=1000, listener=listener)
    assert any("stopped by hand" in line for line in listener.said)
    assert model.card.training["steps"] == 3
    assert handful.load(tmp_path / "run").predict(draw_discs(0)[0]).mask.shape == (64, 64)


def test_ctrl_c_while_scoring_keeps_the_model_too(data: Path, tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        train(data, tmp_path / "run", listener=Stop("scoring", 1))
    assert handful.load(tmp_path / "run").scores is None


def test_ctrl_c_before_the_first_step_leaves_nothing(data: Path, tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        train(data, tmp_path / "run", listener=Stop("starting", 1))
    assert not (tmp_path / "run").exists()


def test_training_again_keeps_the_split(data: Path, tmp_path: Path) -> None:
    """Also where the folder has moved, and another seed is asked for."""
    train(data, tmp_path / "run", steps=1)
    first = json.loads((tmp_path / "run" / "split.json").read_text())
    shutil.copytree(data, tmp_path / "moved")
    train(tmp_path / "moved", tmp_path / "run", steps=1, seed=5)
    assert json.loads((tmp_path / "run" / "split.json").read_text()) == first
    train(tmp_path / "moved", tmp_path / "other", steps=1)
    assert json.loads((tmp_path / "other" / "split.json").read_text()) == first


def test_starting_from_a_model(run: Path, data: Path, tmp_path: Path) -> None:
    listener = Stop(after=-1)
    train(data, tmp_path / "run", steps=1, init=run, listener=listener)
    assert any(line.startswith("start ") for line in listener.said)


def test_every_labelled_image_can_be_trained_on(data: Path, tmp_path: Path) -> None:
    model = train(data, tmp_path / "run", steps=1, test_fraction=0)
    assert model.scores is None
    assert len(model.card.training["images"]) == 10


def test_a_test_folder_is_what_the_score_is_on(data: Path, tmp_path: Path) -> None:
    test = write_discs(tmp_path / "test", 3, first_seed=50)
    model = train(data, tmp_path / "run", steps=1, test=test)
    assert model.scores is not None
    assert model.scores.n == 3
    assert len(json.loads((tmp_path / "run" / "split.json").read_text())["test"]) == 3


def test_the_library_in_three_lines(data: Path, tmp_path: Path) -> None:
    image = draw_discs(99)[0]
    model = train(data, tmp_path / "run")
    mask = model.predict(image).mask
    assert mask.dtype == np.uint8
    assert mask.shape == image.shape
    model.save(tmp_path / "leaves.safetensors")
    loaded = handful.load(tmp_path / "leaves.safetensors", device="cpu")
    assert np.array_equal(loaded.predict(image).mask, mask)
    assert loaded.scores is not None
    assert model.scores is not None
    assert loaded.scores.to_dict() == model.scores.to_dict()
