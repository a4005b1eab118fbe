"""handful recipe"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from handful.cli.compare import Seeds, Steps
from handful.cli.options import Change, Device, Json, command_line, read_set


def recipe_command(
    name: Annotated[
        str | None, typer.Argument(metavar="NAME", help="Which; without, all are listed.", show_default=False)
    ] = None,
    data: Annotated[Path | None, typer.Option(help="Its data [default: data/NAME].")] = None,
    seconds: Annotated[float | None, typer.Option(help="For all of it together.")] = None,
    out: Annotated[
        Path | None, typer.Option("-o", "--out", help="Folder; what is finished there is kept [default: recipes/NAME].")
    ] = None,
    stand_in: Annotated[
        bool, typer.Option("--stand-in", help="Run on generated pictures where the data are not at hand.")
    ] = False,
    steps: Steps = None,
    seeds: Seeds = None,
    change: Change = None,
    device: Device = "auto",
    as_json: Json = False,
) -> None:
    """List the recipes, or run one: a comparison that ends with a page."""
    from handful.cli.terminal import Terminal, show
    from handful.verbs.compare import RESULTS
    from handful.verbs.recipe import list_recipes, recipe

    if name is None:
        show(list_recipes())
        return
    terminal = Terminal()
    done = recipe(
        name,
        data=data,
        seconds=seconds,
        steps=steps,
        seeds=seeds,
        settings=read_set(change),
        out=out,
        stand_in=stand_in,
        device=device,
        listener=terminal,
        command=command_line(),
    )
    terminal.close()
    if as_json:
        print(json.dumps(json.loads((done.folder / RESULTS).read_text(encoding="utf-8")), indent=1))
    else:
        show(done.lines())
