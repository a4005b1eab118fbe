"""Every recipe through the command line, on generated pictures and with few steps; what it needs where data lack."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from handful.cli import main
from handful.experiments.recipe import recipe_names

SMALL = "net_settings={width = 4, depth = 2}"
TINY = {
    "boundary": (SMALL, "patch=32", "batch=2"),
    "cats": (SMALL, "patch=32", "batch=2"),
    "membrane": (SMALL, "patch=32", "batch=2"),
    "nuclei": ("patch=32", "batch=2"),
    "one-shot": (SMALL, "patch=32", "batch=2"),
}
SLOW = {"nuclei", "one-shot", "cats", "membrane"}  # a hundred layers; many trainings


def test_every_recipe_is_tried() -> None:
    assert sorted(TINY) == recipe_names()


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=pytest.mark.slow if name in SLOW else ()) for name in sorted(TINY)]
)
def test_recipe_on_stand_ins(name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    flags = [flag for one in TINY[name] for flag in ("--set", one)]
    out = tmp_path / "out"
    command = ["recipe", name, "--stand-in", "-o", str(out), "--steps", "2", "--seeds", "1", "--device", "cpu"]
    assert main([*command, *flags]) == 0
    said = capsys.readouterr().out
    assert "comparison.html" in said
    found = json.loads((out / "results.json").read_text())
    assert found["verdict"][0].startswith("The best mean")
    assert all(row["score"]["n"] for row in found["rows"])
    page = (out / "comparison.html").read_text()
    assert "Every test image" in page
    if name == "boundary":
        assert all(words in page for words in ("On BSDS500 val", "Canny", "Sobel", "LINEX", "ODS"))
    if name == "membrane":
        assert all(words in page for words in ("V^Rand", "V^Info", "no boundary", "Images without labels"))
    if name == "nuclei":
        assert all(words in page for words in ("FC-DenseNet103", "Object AP .5 pooled", "Panoptic quality"))
    if name == "one-shot":
        assert all(words in page for words in ("Does it memorise", "Dice against contrast", "Dice against radius"))
    if name == "cats":
        assert (out / "starts").is_dir()
        assert "a start from objects" in " ".join(found["verdict"])


@pytest.mark.parametrize("name", [name for name in sorted(TINY) if name != "one-shot"])
def test_without_data_it_says_what_to_get_and_where(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["recipe", name]) == 2
    said = capsys.readouterr().err
    assert all(words in said for words in (f"data/{name}", "no such folder", "into data/", "--stand-in"))
    assert not list(tmp_path.iterdir())


def test_without_a_name_all_are_listed(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["recipe"]) == 0
    assert [line.split()[0] for line in capsys.readouterr().out.splitlines()[: len(TINY)]] == sorted(TINY)


def test_an_unknown_recipe_names_the_nearest(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["recipe", "cat"]) == 2
    assert "Did you mean cats" in capsys.readouterr().err
