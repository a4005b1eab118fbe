"""`predict` as a person runs it: a ceiling, broken files, work that is killed and goes on."""

import csv
import json
import os
import signal
import subprocess
import sys
import time
import zipfile
from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image

from bright import save_bright_model
from handful.cli import main
from handful.prediction import ceiling
from handful.verbs import predict as verb
from handful.verbs.journal import FOLDER

EVERYTHING = "mask,probability,overlay,contours,instances,boundaries,rois,table,coco,rle"


@pytest.fixture
def model(tmp_path):
    return save_bright_model(tmp_path / "model.safetensors")


def write_cells(path, shape=(700, 900), seed=0, **options):
    """Discs on a dark ground, some of which touch; gives how many bright regions there are."""
    rng = np.random.default_rng(seed)
    rows, columns = np.indices(shape)
    image = np.full(shape, 40.0)
    for _ in range(shape[0] * shape[1] // 4000):
        radius, row, column = rng.uniform(5, 18), rng.uniform(0, shape[0]), rng.uniform(0, shape[1])
        here = np.s_[max(0, int(row) - 20) : int(row) + 20, max(0, int(column) - 20) : int(column) + 20]
        image[here][np.hypot(rows[here] - row, columns[here] - column) < radius] = 200
    image = (image + rng.normal(0, 5, shape)).clip(0, 255).astype(np.uint8)
    tifffile.imwrite(path, image, tile=(64, 64), **options)
    return image


def under_a_ceiling(monkeypatch, room):
    """As if this process had nothing yet: what the tests themselves take is none of the verb's."""
    monkeypatch.setattr(ceiling, "resident", lambda: 0)
    return str(room + ceiling.SLACK)


CHANGED = ("h=1", "holes=9", "min_size=150", "min_probability=0.97", "threshold=0.9")


@pytest.mark.parametrize("changed", [(), CHANGED])
def test_by_windows_every_output_is_that_of_the_whole_image(tmp_path, model, monkeypatch, capsys, changed):
    image = write_cells(tmp_path / "cells.tif", resolution=(20000, 20000), resolutionunit="CENTIMETER")
    arguments = ["predict", str(model), str(tmp_path / "cells.tif"), "--save", EVERYTHING]
    arguments += [word for setting in changed for word in ("--set", setting)]
    assert main([*arguments, "-o", str(tmp_path / "whole")]) == 0
    asked = []
    monkeypatch.setattr(verb._Job, "large", lambda *all, large=verb._Job.large: asked.append(1) or large(*all))
    memory = under_a_ceiling(monkeypatch, 40_000_000)
    assert main([*arguments, "-o", str(tmp_path / "windows"), "--memory", memory]) == 0
    assert asked
    capsys.readouterr()
    one, two = tmp_path / "whole", tmp_path / "windows"

    def picture(folder, name):
        return np.asarray(Image.open(folder / name))

    assert np.array_equal(picture(one, "masks/cells.png"), picture(two, "masks/cells.png"))
    assert (picture(one, "masks/cells.png") == np.where(image > 120, 255, 0)).mean() > 0.99
    assert np.array_equal(picture(one, "boundaries/cells.png"), picture(two, "boundaries/cells.png"))
    assert np.array_equal(picture(one, "overlays/cells.png"), picture(two, "overlays/cells.png"))
    labels = [tifffile.imread(folder / "instances/cells.tif") for folder in (one, two)]
    assert np.array_equal(*labels)
    assert labels[0].dtype == labels[1].dtype == np.uint16
    assert labels[0].max() > 50
    probabilities = [tifffile.imread(folder / "probability/cells.tif") for folder in (one, two)]
    assert np.abs(probabilities[0] - probabilities[1]).max() < 1e-4
    rows = [sorted(read_table(folder), key=lambda row: int(row["object"])) for folder in (one, two)]
    assert len(rows[0]) == len(rows[1]) == labels[0].max()
    for first, second in zip(*rows, strict=True):
        assert first.keys() == second.keys()
        for key in first:
            if key not in ("image", "class"):
                assert float(first[key]) == pytest.approx(float(second[key]), rel=1e-4, abs=1e-4)
    features = [
        {
            one["properties"]["name"]: one
            for one in json.loads((folder / "contours/cells.geojson").read_text())["features"]
        }
        for folder in (one, two)
    ]
    assert features[0].keys() == features[1].keys()
    for name, feature in features[0].items():
        outlines = [one["geometry"]["coordinates"] for one in (feature, features[1][name])]
        for ring, other in zip(*outlines, strict=True):
            assert np.allclose(np.array(ring, float), np.array(other, float), atol=2e-3)
    for file in ("coco.json", "rle.csv", "rois/cells.zip"):
        assert objects_of(one / file) == objects_of(two / file)
        assert len(objects_of(one / file)) == labels[0].max()
    index = [json.loads((folder / "predictions.json").read_text())["images"][0] for folder in (one, two)]
    for key in ("objects", "class_shares", "height", "width", "channels", "file"):
        assert index[0][key] == index[1][key]
    assert not (two / FOLDER).exists()


def test_objects_are_made_as_told(tmp_path, model, capsys):
    write_cells(tmp_path / "cells.tif")
    arguments = ["predict", str(model), str(tmp_path / "cells.tif"), "--save", "instances"]

    def sizes(name, *changed):
        told = [word for setting in changed for word in ("--set", setting)]
        assert main([*arguments, "-o", str(tmp_path / name), *told]) == 0
        return np.bincount(tifffile.imread(tmp_path / name / "instances/cells.tif").ravel())[1:]

    usual = sizes("usual")
    assert len(sizes("split", "h=0.1")) > len(usual) > len(sizes("joined", "h=100"))
    assert usual.min() < 200 <= sizes("large", "min_size=200").min()
    assert len(sizes("sure", "min_probability=1")) < len(usual)
    assert sizes("bright", "threshold=1").sum() < usual.sum()
    capsys.readouterr()
    for wrong, words in (("min_sise=3", "min_size"), ("threshold=3", "probability from 0 to 1"), ("h", "NAME=VALUE")):
        assert main([*arguments, "-o", str(tmp_path / "wrong"), "--set", wrong]) == 2
        assert words in capsys.readouterr().err
        assert not list((tmp_path / "wrong").glob("*/*"))


def objects_of(file: Path):
    """The objects that a file lists, in an order that does not depend on who wrote it."""
    if file.suffix == ".json":
        found = json.loads(file.read_bytes())["annotations"]
        assert sorted(one.pop("id") for one in found) == list(range(1, len(found) + 1))
        for one in found:
            one["score"] = round(one["score"], 3)
        return sorted(found, key=json.dumps)
    if file.suffix == ".csv":
        return sorted(file.read_text().splitlines()[1:])
    with zipfile.ZipFile(file) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def read_table(folder):
    with (folder / "objects.csv").open() as stream:
        return list(csv.DictReader(stream))


def test_bfloat16_is_what_was_asked_for(tmp_path, model):
    write_cells(tmp_path / "cells.tif", (100, 120))
    found = []
    for precision in ("auto", "float32", "bfloat16"):
        out = tmp_path / precision
        arguments = ["predict", str(model), str(tmp_path / "cells.tif"), "-o", str(out), "--save", "probability"]
        assert main([*arguments, "--device", "cpu", "--precision", precision]) == 0
        found.append(tifffile.imread(out / "probability/cells.tif"))
    assert np.array_equal(found[0], found[1])
    assert 0 < np.abs(found[2] - found[1]).max() < 0.05


def test_masks_beyond_what_png_readers_open_are_tiff(tmp_path, model, monkeypatch, capsys):
    write_cells(tmp_path / "cells.tif")
    monkeypatch.setattr("handful.outputs.large.LARGEST_PNG", 1000)
    monkeypatch.setattr("handful.outputs.large.LARGEST_OVERLAY", 100)
    arguments = ["predict", str(model), str(tmp_path / "cells.tif"), "-o", str(tmp_path / "out")]
    assert main([*arguments, "--memory", under_a_ceiling(monkeypatch, 40_000_000)]) == 0
    mask = tifffile.imread(tmp_path / "out" / "masks" / "cells.tif")
    assert mask.shape == (700, 900)
    assert set(np.unique(mask)) == {0, 255}
    with Image.open(tmp_path / "out" / "overlays" / "cells.png") as overlay:
        assert overlay.size == (100, 77)
    said = capsys.readouterr().err
    assert "the mask is a TIFF" in said
    assert "shrunk to 1/9" in said


def test_what_cannot_be_made_by_windows_is_said(tmp_path, model, monkeypatch, capsys):
    write_cells(tmp_path / "cells.tif")
    arguments = ["predict", str(model), str(tmp_path / "cells.tif"), "-o", str(tmp_path / "out"), "--save", "lines"]
    assert main([*arguments, "--memory", under_a_ceiling(monkeypatch, 40_000_000)]) == 2
    assert "lines cannot be made by windows" in capsys.readouterr().err


def test_a_photograph_too_large_to_decode_is_refused_by_both_numbers(tmp_path, model, monkeypatch, capsys):
    Image.fromarray(np.zeros((3000, 3000), np.uint8)).save(tmp_path / "large.png")
    arguments = ["predict", str(model), str(tmp_path / "large.png"), "-o", str(tmp_path / "out")]
    assert main([*arguments, "--memory", under_a_ceiling(monkeypatch, 20_000_000)]) == 2
    assert "takes 36 MB where 20 MB are left of --memory" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("options", [["--memory", "much"], ["--precision", "float8"]])
def test_options_that_mean_nothing_are_refused(tmp_path, model, options, capsys):
    assert main(["predict", str(model), str(model.parent), "-o", str(tmp_path / "out"), *options]) == 2
    assert options[1] in capsys.readouterr().err


def write_folder(folder: Path, count, broken):
    folder.mkdir()
    for number in range(count):
        picture = np.random.default_rng(number).integers(0, 255, (48, 48), np.uint8)
        Image.fromarray(picture).save(folder / f"{number:03d}.png")
    kinds = [b"", b"no picture", (folder / "000.png").read_bytes()[:60], b"\x89PNG\r\n\x1a\n", b"<html>"]
    for number in range(broken):
        (folder / f"{7 * number + 3:03d}.png").write_bytes(kinds[number % len(kinds)])


@pytest.mark.parametrize(("count", "broken"), [(40, 5), pytest.param(500, 5, marks=pytest.mark.slow)])
def test_broken_files_do_not_stop_the_others(tmp_path, model, count, broken, capsys):
    write_folder(tmp_path / "images", count, broken)
    out = tmp_path / "out"
    assert main(["predict", str(model), str(tmp_path / "images"), "-o", str(out), "--save", "mask,table"]) == 1
    said = capsys.readouterr()
    assert len(list((out / "masks").iterdir())) == count - broken
    failures = [line for line in said.err.splitlines() if line.startswith("failed")]
    assert len(failures) == broken
    assert all("images/" in line and "." in line for line in failures)
    assert f"{count - broken} images predicted into {out}/; {broken} failed, see above." in said.out
    assert len(json.loads((out / "predictions.json").read_text())["failed"]) == broken


def contents(folder: Path):
    return {str(file.relative_to(folder)): file.read_bytes() for file in sorted(folder.rglob("*")) if file.is_file()}


def test_a_folder_goes_on_where_it_was_stopped(tmp_path, model, monkeypatch, capsys):
    write_folder(tmp_path / "images", 8, 1)
    arguments = ["predict", str(model), str(tmp_path / "images"), "--save", EVERYTHING]
    assert main([*arguments, "-o", str(tmp_path / "straight")]) == 1
    out = ["-o", str(tmp_path / "out")]
    predicted = []

    def one(job, number, count, name, file, real=verb._Job.one):
        if len(predicted) == 4:
            raise KeyboardInterrupt
        predicted.append(name)
        return real(job, number, count, name, file)

    monkeypatch.setattr(verb._Job, "one", one)
    assert main([*arguments, *out]) == 130
    assert not (tmp_path / "out" / "predictions.json").exists()
    assert main([*arguments, *out]) == 2
    assert "Go on with it (--resume)" in capsys.readouterr().err
    assert main([*arguments, *out, "--resume", "--flips"]) == 2
    assert "unfinished work with another flips" in capsys.readouterr().err
    predicted.clear()
    predicted += ["", ""]  # two more this time
    assert main([*arguments, *out, "--resume"]) == 130
    before = len(predicted)
    monkeypatch.undo()
    assert main([*arguments, *out, "--resume"]) == 1
    assert before == 4
    assert contents(tmp_path / "out") == contents(tmp_path / "straight")
    assert main([*arguments, *out, "--resume"]) == 1  # some had failed
    assert "finished already" in capsys.readouterr().err
    assert main([*arguments, *out]) == 2
    assert main([*arguments, *out, "--overwrite"]) == 1
    assert contents(tmp_path / "out") == contents(tmp_path / "straight")


def test_an_image_that_changed_since_is_predicted_anew(tmp_path, model, monkeypatch, capsys):
    write_folder(tmp_path / "images", 3, 0)
    arguments = ["predict", str(model), str(tmp_path / "images"), "-o", str(tmp_path / "out"), "--save", "mask"]
    real = verb._Job.one

    def one(job, number, *rest):
        if number == 2:
            raise KeyboardInterrupt
        return real(job, number, *rest)

    monkeypatch.setattr(verb._Job, "one", one)
    assert main(arguments) == 130
    monkeypatch.undo()
    Image.fromarray(np.full((30, 20), 9, np.uint8)).save(tmp_path / "images" / "000.png")
    assert main([*arguments, "--resume"]) == 0
    with Image.open(tmp_path / "out" / "masks" / "000.png") as mask:
        assert mask.size == (20, 30)
    capsys.readouterr()


@pytest.mark.slow
def test_killed_in_the_middle_of_a_large_image_it_goes_on_with_the_same_bytes(tmp_path, model):
    write_cells(tmp_path / "cells.tif", (3000, 1200))
    command = [sys.executable, "-m", "handful", "predict", str(model), str(tmp_path / "cells.tif")]
    command += ["--save", "mask,probability,instances,table,contours", "--memory", "450MB"]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    subprocess.run([*command, "-o", tmp_path / "straight"], check=True, env=environment, capture_output=True)
    out = tmp_path / "out"
    work = subprocess.Popen([*command, "-o", out], env=environment, stderr=subprocess.DEVNULL)
    progress = out / FOLDER / "image-0" / "progress.json"
    while work.poll() is None and not (progress.is_file() and json.loads(progress.read_bytes())["rows"] >= 2):
        time.sleep(0.02)
    assert work.poll() is None
    os.kill(work.pid, signal.SIGKILL)
    work.wait()
    assert not (out / "predictions.json").exists()
    rows = json.loads(progress.read_bytes())["rows"]
    again = subprocess.run(
        [*command, "-o", out, "--resume"], check=True, env=environment, capture_output=True, text=True
    )
    assert "going on with" in again.stderr
    assert rows >= 2
    assert contents(out) == contents(tmp_path / "straight")
