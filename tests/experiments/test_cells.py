"""The grid of trainings: every combination once, and a name that changes exactly when its result would."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from handful.errors import SettingsError
from handful.experiments import Cell, make_cells
from handful.experiments.file import parse_experiment
from handful.experiments.recipe import FLOOR, in_seconds, read_recipe, recipe_names, whole_seconds
from handful.settings import TrainSettings

FILE = """
data = "leaves"
seconds = 20
[split]
test = 0.3
[settings]
patch = 64
[axes]
loss = ["mse", "dice"]
net = ["quick", {label = "wide", net = "unet", net_settings = {width = 64}, seconds = 50}]
init = ["none", "model.safetensors"]
images = [2, 4]
seed = [0, 1, 2]
"""


def test_every_combination_is_there_once() -> None:
    cells = make_cells(parse_experiment(FILE, "x.toml"))
    assert len(cells) == 2 * 2 * 2 * 2 * 3
    assert len({(cell.combination, cell.seed) for cell in cells}) == len(cells)
    assert len({cell.folder("data") for cell in cells}) == len(cells)
    assert [cell.seed for cell in cells[:16]] == [0] * 16  # a whole picture of the first seed comes first


def test_a_variant_sets_what_it_names_and_nothing_else() -> None:
    cells = make_cells(parse_experiment(FILE, "x.toml"))
    wide = next(cell for cell in cells if cell.labels["net"] == "wide")
    assert wide.settings == {"patch": 64, "loss": "mse", "net": "unet", "net_settings": {"width": 64}}
    assert wide.seconds == 50
    plain = next(cell for cell in cells if cell.labels["net"] == "quick")
    assert plain.settings == {"patch": 64, "loss": "mse", "net": "quick"}
    assert plain.seconds == 20
    assert {cell.init for cell in cells} == {None, "model.safetensors"}


CELL = Cell({"loss": "dice"}, {"loss": "dice"}, seed=0, seconds=20)


@pytest.mark.parametrize(
    "changed",
    [
        {"seed": 1}, {"fold": 1}, {"images": 4}, {"init": "m"}, {"seconds": 30}, {"steps": 3},
        {"settings": {"loss": "dice", "patch": 64}},
    ],
)  # fmt: skip
def test_what_changes_the_result_changes_the_name(changed: dict[str, object]) -> None:
    assert replace(CELL, **changed).folder("data") != CELL.folder("data")  # type: ignore[arg-type]
    assert CELL.folder("other") != CELL.folder("data")


def test_names_are_short_and_plain() -> None:
    name = replace(CELL, labels={"augment": "flip+rotation" * 9, "loss": "Größe 5/7"}).folder("data")
    assert len(name) < 90
    assert set(name) <= set("abcdefghijklmnopqrstuvwxyz0123456789.-")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ('dta = "leaves"', "dta: there is no such key. Did you mean"),
        ("score = 'best'", "score = 'best': expected one of"),
        ("score = 'rand'", 'needs measures = ["grouping"]'),
        ("seconds = -1", "seconds = -1: expected a number of seconds"),
        ("split = {test = 0}", "split.test = 0"),
        ("split = {folds = 1}", "folds = 1: expected 2 or more"),
        ("split = {folds = 3, test = 0.2}", "exclude each other"),
        ("axes = {loss = []}", "axes.loss is empty"),
        ("axes = {loss = ['mse', 'mse']}", "stands there twice"),
        ("axes = {seed = ['a']}", "axes.seed = 'a'"),
        ("axes = {images = [0]}", "axes.images = 0: expected a whole number from 1"),
        ("starts = {a = {}}", "starts.a: data is missing"),
        ("tests = {a = {data = 'x', part = 'most'}}", "tests.a.part = 'most'"),
        ("probes = [{setting = 'contrast'}]", "probes: values is missing"),
        ("measures = 3", "measures = 3: expected a text or a list"),
        ("flags = {polarity = 'x'}", "flags.polarity: there is no such key"),
    ],
)
def test_a_wrong_file_is_refused_with_the_key_that_is_wrong(change: str, words: str) -> None:
    with pytest.raises(SettingsError, match=r"^x\.toml: ") as caught:
        parse_experiment(f'data = "leaves"\n{change}', "x.toml")
    assert words in str(caught.value)


def test_without_data_there_is_nothing_to_compare() -> None:
    with pytest.raises(SettingsError, match="data is missing"):
        parse_experiment("title = 'x'", "x.toml")


# ---- recipes


@pytest.mark.parametrize("name", recipe_names())
def test_every_key_of_a_recipe_is_an_ordinary_setting(name: str) -> None:
    experiment = read_recipe(name)
    cells = make_cells(experiment)
    plan = {"task", "scale", "normalisation", "init"}
    for cell in cells:
        TrainSettings().with_values({key: one for key, one in cell.settings.items() if key not in plan})
    assert {cell.init for cell in cells} <= {None, *experiment.starts}
    assert experiment.about
    assert experiment.data.synth or experiment.needs


@pytest.mark.parametrize("name", recipe_names())
@pytest.mark.parametrize("share", [0.25, 1.0, 3.0])
def test_a_recipe_fits_its_seconds_or_says_that_it_cannot(name: str, share: float) -> None:
    asked = share * whole_seconds(read_recipe(name))
    fitted, warning = in_seconds(read_recipe(name), asked)
    assert all((cell.seconds or 0) >= FLOOR for cell in make_cells(fitted))
    assert (whole_seconds(fitted) <= 1.02 * asked) == (not warning)


def test_a_recipe_that_does_not_exist_names_the_nearest() -> None:
    with pytest.raises(SettingsError, match="Did you mean nuclei"):
        read_recipe("nuclea")


# ---- what the documentation says

DOCS = Path(__file__).parents[2] / "docs"


def test_the_example_of_the_documentation_is_a_file_that_is_read() -> None:
    text = (DOCS / "how-to" / "compare.md").read_text(encoding="utf-8")
    example = text.partition("```toml\n")[2].partition("```")[0]
    assert len(make_cells(parse_experiment(example, "leaves.toml"))) == 2 * 3 * 3 * 3 * 3


@pytest.mark.parametrize("name", recipe_names())
def test_every_recipe_has_a_page(name: str) -> None:
    page = (DOCS / "recipes" / f"{name}.md").read_text(encoding="utf-8")
    assert f"handful recipe {name} " in page
    assert f"recipes/{name}.md" in (DOCS / "README.md").read_text(encoding="utf-8")
