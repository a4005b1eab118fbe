"""handful synth"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from handful.cli.options import Overwrite


def synth_command(
    kind: Annotated[str, typer.Argument(metavar="KIND", help="shapes, drawings or tasks.", show_default=False)],
    count: Annotated[
        int, typer.Option("-n", "--count", help="How many pictures, or tasks of several pictures each.")
    ] = 20,
    out: Annotated[Path | None, typer.Option("-o", "--out", help="Folder for images/ and masks/.")] = None,
    size: Annotated[str | None, typer.Option(metavar="S|HxW", help="Pixels, one number for a square.")] = None,
    seed: Annotated[int, typer.Option(help="Of all chance: the same seed draws the same pictures.")] = 0,
    settings: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="NAME=VALUE", help="A setting, such as radius=[5,20]; repeatable."),
    ] = None,
    sheet: Annotated[Path | None, typer.Option(help="PNG that shows the first 30 beside their masks.")] = None,
    known: Annotated[bool, typer.Option("--list", help="List the settings of KIND with their defaults.")] = False,
    overwrite: Overwrite = False,
) -> None:
    """Draw pictures with their masks, to train on or to try things with: no photograph, no labelling."""
    from handful.cli.options import read_set, read_size
    from handful.cli.terminal import Terminal, show
    from handful.errors import SettingsError
    from handful.verbs.synth import TASKS, draw_sheet, setting_lines, write_generated, write_sheet, write_tasks

    if known:
        show(setting_lines(kind))
        return
    if out is None and sheet is None:
        raise SettingsError("-o is missing: name a folder for the pictures, or --sheet FILE.png to look at some first.")
    asked = read_set(settings)
    if size is not None:
        asked["size"] = read_size(size)
    terminal = Terminal()
    lines = []
    if sheet is not None:
        path = write_sheet(draw_sheet(kind, min(count, 30), seed, **asked), sheet, overwrite=overwrite)
        lines.append(f"the first of them in {path}")
    if out is not None and kind == TASKS:
        lines = [*write_tasks(count, out, seed=seed, overwrite=overwrite, **asked).lines(), *lines]
    elif out is not None:
        written = write_generated(kind, count, out, seed=seed, overwrite=overwrite, listener=terminal, **asked)
        lines = [*written.lines(), *lines]
    terminal.close()
    show(lines)
