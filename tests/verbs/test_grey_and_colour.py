"""A model of grey images is scored on a set with colours in it: once refused, now turned grey, and it is said."""

import numpy as np
import pytest
from PIL import Image

from discs import write_discs
from handful.cli import main

SAID = "are in colour, the training images were grey: turned grey"


@pytest.fixture
def test_set(tmp_path):
    """Discs, one of them in a colour whose luma is the grey that it was drawn in."""
    root = write_discs(tmp_path / "colour", count=3, first_seed=50)
    file = root / "images" / "disc_1.png"
    grey = np.array(Image.open(file)).astype(float)
    tinted = np.stack([grey + 20, grey - 20 * 0.299 / 0.587, grey], 2)
    Image.fromarray(tinted.clip(0, 255).round().astype(np.uint8)).save(file)
    return root


def test_colours_to_be_scored_on_are_turned_grey_and_it_is_said(tmp_path, test_set, capsys):
    data, run = str(write_discs(tmp_path / "data", count=4)), str(tmp_path / "run")
    small = ["--set", "patch=32", "--set", "batch=4", "--steps", "30", "--device", "cpu"]
    assert main(["train", data, "--test", str(test_set), "-o", run, *small]) == 0
    trained = capsys.readouterr()
    assert SAID in trained.err
    assert main(["evaluate", run, str(test_set)]) == 0
    evaluated = capsys.readouterr()
    assert SAID in evaluated.err
    assert trained.out.split()[:5] == evaluated.out.split()[:5]  # the same score
    assert main(["evaluate", run, data]) == 0
    assert SAID not in capsys.readouterr().err
