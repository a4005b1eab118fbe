"""`handful suggest`: names the images to label, in words, JSON and CSV."""

import csv
import json

import numpy as np
import pytest
from PIL import Image

import handful
from discs import draw_discs, write_discs
from handful.cli import main


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    root = tmp_path_factory.mktemp("suggest")
    folder = write_discs(root / "discs", 6)
    command = [
        "train",
        str(folder),
        "-o",
        str(root / "run"),
        "--steps",
        "20",
        "--device",
        "cpu",
        "--test-fraction",
        "0",
    ]
    assert main([*command, "--set", "patch=[32,32]"]) == 0
    return root / "run"


@pytest.fixture
def pool(tmp_path):
    """Ten images like those trained on, four of another kind: dark stripes on a bright ground."""
    folder = tmp_path / "pool"
    folder.mkdir()
    for number in range(10):
        Image.fromarray(draw_discs(100 + number)[0]).save(folder / f"disc_{number}.png")
    rows = np.arange(64)[:, None]
    for number in range(4):
        stripes = 200 - 80 * (np.sin(rows / (4 + number / 4)) > 0.3) + np.zeros((1, 64))
        Image.fromarray(np.uint8(stripes)).save(folder / f"stripe_{number}.png")
    return folder


def test_the_other_kind_comes_first(run, pool, tmp_path, capsys):
    out = tmp_path / "out"
    assert main(["suggest", str(run), str(pool), "-n", "2", "-o", str(out), "--json"]) == 0
    result = json.loads(capsys.readouterr().out)
    assert result["looked_at"] == 14
    assert result["suggestions"][0]["name"].startswith("stripe")
    assert "unlike the images trained on" in result["suggestions"][0]["why"]
    gains = [one["gain"] for one in result["suggestions"]]
    assert gains == sorted(gains, reverse=True)
    assert json.loads((out / "suggestions.json").read_text()) == result
    rows = list(csv.DictReader((out / "suggestions.csv").read_text().splitlines()))
    assert [row["path"] for row in rows] == [one["path"] for one in result["suggestions"]]
    assert main(["suggest", str(run), str(pool), "-o", str(out)]) == 2
    assert "suggestions.json" in capsys.readouterr().err


def test_words_at_the_terminal_and_a_damaged_image(run, pool, capsys):
    (pool / "broken.png").write_text("no picture")
    assert main(["suggest", str(run), str(pool), "-n", "3"]) == 1
    said = capsys.readouterr()
    assert "broken.png" in said.err
    first, *rest = said.out.splitlines()
    assert first == "Label these next, of 14 images, the first first:"
    assert len(rest) == 3
    assert "the model expects a Dice of" in rest[0]


def test_no_more_than_there_are(run, tmp_path):
    image = tmp_path / "one.png"
    Image.fromarray(draw_discs(200)[0]).save(image)
    found = handful.suggest(run, image, n=5)
    assert len(found.chosen) <= 1
    assert found.looked_at == 1


@pytest.mark.parametrize(
    ("arguments", "words"),
    [(["-n", "0"], "at least one"), (["--device", "abacus"], "abacus")],
)
def test_senseless_wishes_are_refused(run, pool, arguments, words, capsys):
    assert main(["suggest", str(run), str(pool), *arguments]) == 2
    assert words in capsys.readouterr().err


def test_a_folder_without_images_is_refused(run, tmp_path, capsys):
    (tmp_path / "empty").mkdir()
    assert main(["suggest", str(run), str(tmp_path / "empty")]) == 2
    assert "empty" in capsys.readouterr().err
