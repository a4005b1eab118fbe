"""handful suggest"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from handful.cli.options import Device, Json, Overwrite


def suggest_command(
    model: Annotated[Path, typer.Argument(metavar="MODEL", help="Model file or run folder.", show_default=False)],
    images: Annotated[
        list[str], typer.Argument(metavar="UNLABELLED...", help="Files, folders, globs.", show_default=False)
    ],
    number: Annotated[int, typer.Option("-n", "--number", help="How many to suggest.")] = 5,
    out: Annotated[
        Path | None, typer.Option("-o", "--out", help="Folder for suggestions.json and suggestions.csv.")
    ] = None,
    device: Device = "auto",
    overwrite: Overwrite = False,
    as_json: Json = False,
) -> None:
    """Name the unlabelled images whose labels would teach MODEL most."""
    from handful.cli.terminal import Terminal, show
    from handful.verbs.suggest import suggest

    terminal = Terminal()
    found = suggest(model, images, n=number, out=out, device=device, overwrite=overwrite, listener=terminal)
    terminal.close()
    if as_json:
        print(json.dumps(found.to_dict(), indent=1))
    else:
        show(found.lines())
    if found.failed:
        raise typer.Exit(1)
