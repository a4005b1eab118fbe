"""handful curve"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from handful.cli.options import (
    Change,
    Data,
    Device,
    Foreground,
    Images,
    Json,
    MaskKind,
    Masks,
    Overwrite,
    Seed,
    Test,
    Values,
    command_line,
    read_set,
    read_time,
)


def curve_command(
    data: Data = None,
    out: Annotated[
        Path | None, typer.Option("-o", "--out", help="Folder for curve.html, curve.json and curve.csv.")
    ] = None,
    minutes: Annotated[float | None, typer.Option(help="For everything [default: 10].")] = None,
    seconds: Annotated[float | None, typer.Option(help="The same in seconds.")] = None,
    steps: Annotated[int | None, typer.Option(help="Fix the steps of each training instead of the time.")] = None,
    test: Test = None,
    repeats: Annotated[int | None, typer.Option(help="How often each size [default: 1 to 5, as time allows].")] = None,
    seed: Seed = 0,
    device: Device = "auto",
    change: Change = None,
    images: Images = None,
    masks: Masks = None,
    values: Values = None,
    mask_kind: MaskKind = None,
    foreground: Foreground = None,
    overwrite: Overwrite = False,
    as_json: Json = False,
) -> None:
    """Tell what more labelled images would add, from trainings on 1, 2, 4, ... of those in DATA."""
    from handful import IMPORTED
    from handful.cli.terminal import Terminal, show
    from handful.verbs.curve import curve
    from handful.verbs.train import DataFlags

    terminal = Terminal()
    found = curve(
        data,
        out=out,
        seconds=read_time(seconds, minutes),
        steps=steps,
        test=test,
        repeats=repeats,
        seed=seed,
        device=device,
        settings=read_set(change),
        flags=DataFlags(images=images, masks=masks, values=values, mask_kind=mask_kind, foreground=foreground),
        overwrite=overwrite,
        listener=terminal,
        command=command_line(),
        started=IMPORTED,
    )
    terminal.close()
    if as_json:
        print(json.dumps(found.to_dict(), indent=1))
    else:
        show(found.lines())
