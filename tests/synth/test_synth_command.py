"""`handful synth`: from the command line to a folder that `check` and `train` read without a flag."""

from __future__ import annotations

import json

import numpy as np
import pytest
from PIL import Image

import handful
from handful.cli import main
from handful.synth import GENERATORS, generate


def test_what_synth_writes_check_reads_without_a_flag(tmp_path, capsys):
    for kind, size, class_name in (("shapes", "96", "shape"), ("drawings", "64x80", "boundary")):
        out = tmp_path / kind
        assert main(["synth", kind, "-n", "8", "-o", str(out), "--size", size, "--seed", "3"]) == 0
        assert capsys.readouterr().out.startswith(f"8 pictures of {kind} in {out / 'images'}")
        assert main(["check", str(out), "--json"]) == 0
        audit = json.loads(capsys.readouterr().out)
        assert len(audit["images"]) == 8
        assert audit["problems"] == []
        assert class_name in json.dumps(audit)


@pytest.mark.parametrize("kind", GENERATORS)
def test_files_hold_exactly_what_the_generator_drew(kind, tmp_path):
    assert main(["synth", kind, "-n", "3", "-o", str(tmp_path), "--size", "90", "--seed", "2"]) == 0
    for number, (image, mask) in enumerate(generate(kind, 3, 2, size=90)):
        name = f"{kind}_{number:03}.png"
        read = np.array(Image.open(tmp_path / "images" / name))
        assert (read.reshape(image.shape) == image).all()
        assert (np.array(Image.open(tmp_path / "masks" / name)) == 255 * mask).all()


def test_drawings_train_a_boundary_model(tmp_path):
    assert main(["synth", "drawings", "-n", "6", "-o", str(tmp_path / "data"), "--size", "48"]) == 0
    model = handful.train(
        tmp_path / "data",
        out=tmp_path / "run",
        steps=1,
        test_fraction=0,
        settings={"net_settings": {"width": 4, "depth": 2}},
    )
    assert model.card.task == "boundaries"
    assert model.card.classes == ("background", "boundary")


def test_list_shows_every_setting_and_sheet_every_picture(tmp_path, capsys):
    assert main(["synth", "shapes", "--list"]) == 0
    assert [line.split()[0] for line in capsys.readouterr().out.splitlines()] == list(
        vars(GENERATORS["shapes"].settings())
    )
    assert main(["synth", "shapes", "-n", "5", "--sheet", str(tmp_path / "sheet.png"), "--set", "noise=0"]) == 0
    sheet = np.array(Image.open(tmp_path / "sheet.png"))
    assert sheet.shape == (2 * 162, 4 * 322, 3)
    assert not (tmp_path / "images").exists()


BAD = {
    "kind": (["shape", "-o", "OUT"], "Did you mean shapes"),
    "nowhere to write": (["shapes"], "-o is missing"),
    "none": (["shapes", "-n", "0", "-o", "OUT"], "at least one picture"),
    "size": (["shapes", "--size", "big", "-o", "OUT"], "--size big: expected pixels"),
    "setting": (["drawings", "--set", "laiers=3", "-o", "OUT"], "Did you mean layers"),
    "seed": (["drawings", "--seed", "-1", "-o", "OUT"], "negative"),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_input_is_told_and_leaves_nothing(name, tmp_path, capsys):
    arguments, words = BAD[name]
    out = tmp_path / "out"
    assert main(["synth", *(str(out) if one == "OUT" else one for one in arguments)]) == 2
    assert words in capsys.readouterr().err
    assert not out.exists()


def test_nothing_is_overwritten_unasked(tmp_path, capsys):
    write = ["synth", "shapes", "-n", "1", "-o", str(tmp_path), "--size", "90"]
    assert main(write) == 0
    assert main(write) == 2
    assert "already there" in capsys.readouterr().err
    assert main([*write, "--overwrite"]) == 0
