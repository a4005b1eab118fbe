"""The recipes: comparisons that ship with handful, each one of the systems it grew out of."""

from __future__ import annotations

from dataclasses import replace
from importlib.resources import files

from handful.errors import SettingsError
from handful.experiments.cells import make_cells
from handful.experiments.file import Experiment, parse_experiment
from handful.names import nearest

FLOOR = 10.0  # seconds: a training with less reads, reports and learns nothing
TRAINING_SHARE = 0.85  # of a recipe's time; the rest scores, predicts and writes the page


def recipe_names() -> list[str]:
    """All recipes, in the order of the alphabet."""
    folder = files("handful.experiments").joinpath("recipes")
    return sorted(one.name.removesuffix(".toml") for one in folder.iterdir() if one.name.endswith(".toml"))


def read_recipe(name: str) -> Experiment:
    """The recipe of this name. Raises SettingsError with the nearest one where there is none."""
    known = recipe_names()
    if name not in known:
        raise SettingsError(f"recipe {name}: there is none of that name.{nearest(name, known)} Use {', '.join(known)}.")
    text = files("handful.experiments").joinpath("recipes", f"{name}.toml").read_text(encoding="utf-8")
    return parse_experiment(text, f"recipe {name}")


def whole_seconds(experiment: Experiment) -> float:
    """What all trainings take together, scoring and page included."""
    cells = sum(cell.seconds or 0.0 for cell in make_cells(experiment))
    starts = sum(start.seconds or experiment.seconds or 0.0 for start in experiment.starts.values())
    return (cells + starts) / TRAINING_SHARE


def in_seconds(experiment: Experiment, seconds: float) -> tuple[Experiment, str]:
    """The experiment with its trainings shortened or lengthened to fit; what to say where they cannot be so short."""
    factor = seconds / whole_seconds(experiment)

    def fit(one: float | None) -> float | None:
        return None if one is None else max(round(one * factor, 1), FLOOR)

    fitted = replace(
        experiment,
        seconds=fit(experiment.seconds),
        axes={
            axis: tuple(replace(variant, seconds=fit(variant.seconds)) for variant in variants)
            for axis, variants in experiment.axes.items()
        },
        starts={name: replace(start, seconds=fit(start.seconds)) for name, start in experiment.starts.items()},
    )
    needed = whole_seconds(fitted)
    if needed <= 1.02 * seconds:
        return fitted, ""
    count = len(make_cells(experiment))
    return fitted, (
        f"{count} trainings of {FLOOR:g} s at least take about {needed:.0f} s, more than the {seconds:g} asked for; "
        "--seeds 1 makes it fewer."
    )
