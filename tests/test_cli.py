"""The command line as a program: what it prints where, and with which status it ends."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

from discs import draw_discs
from handful import __version__
from handful.cli import main
from handful.cli.options import read_set
from handful.cli.terminal import bar, fold
from handful.errors import SettingsError

VERBS = ("check", "train", "predict", "evaluate", "curve", "suggest", "describe", "synth", "compare", "recipe", "demo")


def test_help_names_the_verbs_in_the_order_of_the_work(capsys):
    assert main(["--help"]) == 0
    text = capsys.readouterr().out
    places = [re.search(rf"^\W*{verb}\b", text, re.MULTILINE) for verb in VERBS]
    assert all(places)
    assert [place.start() for place in places if place] == sorted(place.start() for place in places if place)


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_has_help(verb, capsys):
    assert main([verb, "-h"]) == 0
    assert "Usage: handful" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("verb", "default"),
    [("train", "0.2, at most 200 images"), ("curve", "1 to 5, as time allows"), ("recipe", "data/NAME")],
)
def test_help_tells_defaults(verb, default, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "200")
    assert main([verb, "--help"]) == 0
    assert f"[default: {default}]" in capsys.readouterr().out


def test_version(capsys):
    assert main(["--version"]) == 0
    assert capsys.readouterr().out == f"handful {__version__}\n"


def test_check_prints_the_summary_and_every_problem_file_first(discs, capsys):
    (discs / "images" / "disc_3.png").write_text("no picture")
    assert main(["check", str(discs)]) == 0
    said = capsys.readouterr()
    problem, *lines = said.out.splitlines()
    assert problem.startswith("error    images/disc_3.png: ")
    topics = [line.split()[0] for line in lines if line]
    assert topics == ["data", "images", "masks", "classes", "objects", "found"]
    assert "images   7 usable, 64x64, grey, 8 bit" in lines


def test_check_as_json_is_json(discs, capsys):
    assert main(["check", str(discs), "--json"]) == 0
    audit = json.loads(capsys.readouterr().out)
    assert len(audit["images"]) == 8
    assert audit["problems"] == []


def test_masks_with_alpha_are_read(discs, capsys):
    for file in (discs / "masks").iterdir():
        mask = np.array(Image.open(file))
        Image.fromarray(np.dstack([mask, mask, mask, np.full_like(mask, 255)])).save(file)
    assert main(["check", str(discs)]) == 0
    assert "two values" in capsys.readouterr().out


def test_signals_are_left_as_they_were(capsys):
    before = signal.getsignal(signal.SIGTERM)
    main(["--version"])
    assert signal.getsignal(signal.SIGTERM) is before


def test_a_reader_that_has_seen_enough_is_no_error(discs):
    for name in ("a", "b"):
        (discs / "images" / f"{name}.png").write_text("no picture")
    command = f"set -o pipefail; {sys.executable} -m handful check {discs} --json | head -1"
    run = subprocess.run(["bash", "-c", command], capture_output=True, text=True)
    assert run.stdout == "{\n"
    assert "handful:" not in run.stderr
    assert "Traceback" not in run.stderr


def test_settings_are_toml_and_plain_words_stay_words():
    read = read_set(["patch=[64, 96]", "net=unet", "geometry.zoom=1.5", 'loss = "dice"', "net_settings={width = 4}"])
    assert read == {
        "patch": [64, 96],
        "net": "unet",
        "geometry.zoom": 1.5,
        "loss": "dice",
        "net_settings": {"width": 4},
    }
    with pytest.raises(SettingsError, match="NAME=VALUE"):
        read_set(["=3"])
    assert read_set(["paste=.25", "rate=2.", "low=-.5"]) == {"paste": 0.25, "rate": 2.0, "low": -0.5}
    assert read_set(["loss=.", "net=.a"]) == {"loss": ".", "net": ".a"}


def test_long_lines_are_folded_under_their_last_column():
    text = "plan     scale     none    the thing is small enough for the net to see all of it"
    assert fold(text, 48).splitlines() == [
        "plan     scale     none    the thing is small",
        "                           enough for the net to",
        "                           see all of it",
    ]
    assert fold("short", 48) == "short"


def test_the_moving_line_never_breaks():
    line = bar("training", 0.4, "step 12, loss 0.431, validation Dice 0.702, 8 s left", 50)
    assert len(line) == 50
    assert line.startswith("training   ━━━━━━━━············  40 %  step 12")
    assert bar("training", 7.0, "", 50).count("━") == 20


def test_the_discs_are_what_the_tests_take_them_for():
    image, mask = draw_discs(0)
    assert image.shape == mask.shape == (64, 64)
    assert image[mask == 255].mean() > image[mask == 0].mean() + 50
