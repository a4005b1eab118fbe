"""`recipe`: one of the comparisons that ship with handful, on its data or on generated pictures in their place."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from handful.errors import DataError
from handful.experiments.file import Experiment, Source
from handful.experiments.recipe import in_seconds, read_recipe, recipe_names, whole_seconds
from handful.verbs.compare import Comparison, check_amount, compare, with_seeds
from handful.verbs.listener import SILENT, Listener
from handful.verbs.stand_in import write_stand_in
from handful.verbs.train import time_left

MOST_REHEARSED = 8  # generated pictures of each set of a recipe that is run on stand-ins


def recipe(
    name: str,
    *,
    data: str | Path | None = None,
    seconds: float | None = None,
    steps: int | None = None,
    seeds: int | None = None,
    settings: Mapping[str, Any] | None = None,
    out: str | Path | None = None,
    stand_in: bool = False,
    device: str = "auto",
    listener: Listener = SILENT,
    command: str = "",
) -> Comparison:
    """Run a recipe: see `list_recipes`. What is finished in `out` (recipes/NAME) is kept, as by `compare`.

    data: its data folder (./data/NAME). seconds: for all of it together. steps: of each training, instead. seeds: only
    the first so many. stand_in: on few generated pictures. Raises DataError with what to get, from where and into which
    folder, where the data are not at hand.
    """
    check_amount(seconds, steps)
    experiment = read_recipe(name)
    if seeds is not None:
        experiment = with_seeds(experiment, seeds)
    folder = Path(out) if out is not None else Path("recipes") / (f"{name}-stand-in" if stand_in else name)
    if stand_in:
        root = folder.with_name(f"{folder.name}-data") / name
        write_stand_in(experiment.stand_in, root, listener)
        experiment = rehearsal(experiment)
    else:
        root = Path(data) if data is not None else Path("data") / name
        check_data(name, experiment, root)
    if seconds is not None:
        experiment, warning = in_seconds(experiment, seconds)
        if warning:
            listener.say(f"note     {warning}")
    return compare(
        experiment,
        out=folder,
        data=root,
        steps=steps,
        settings=settings,
        device=device,
        listener=listener,
        command=command,
    )


def rehearsal(experiment: Experiment) -> Experiment:
    """The same with few generated pictures: it shows the way, not the scores."""

    def fewer(source: Source) -> Source:
        return replace(source, count=min(source.count, MOST_REHEARSED)) if source.synth else source

    return replace(
        experiment,
        data=fewer(experiment.data),
        test=fewer(experiment.test) if isinstance(experiment.test, Source) else experiment.test,
        tests={name: replace(test, data=fewer(test.data)) for name, test in experiment.tests.items()},
    )


def check_data(name: str, experiment: Experiment, root: Path) -> None:
    """DataError with what to get and from where, unless all of a recipe's folders are there."""
    sources = [experiment.data, *(start.data for start in experiment.starts.values())]
    sources += [test.data for test in experiment.tests.values()]
    if isinstance(experiment.test, Source):
        sources.append(experiment.test)
    places = [root / source.folder for source in sources if not source.synth]
    missing = [place for place in places if not place.is_dir()]
    if missing:
        shown = ", ".join(dict.fromkeys(str(one) for one in missing))
        raise DataError(
            f"recipe {name}: {shown}: no such folder. {experiment.needs} Name another place with --data, or try the "
            "recipe on generated pictures with --stand-in."
        )


def list_recipes() -> list[str]:
    """A line a recipe: its name, how long it takes, what it asks."""
    names = recipe_names()
    width = max(map(len, names))
    lines = []
    for name in names:
        experiment = read_recipe(name)
        lines.append(f"{name:{width}}  {time_left(whole_seconds(experiment)):>10}  {experiment.title}")
    return [*lines, "", "Run one:  handful recipe NAME [--data DIR] [--seconds S] [-o OUT]"]
