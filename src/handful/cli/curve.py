"""handful curve"""

from __future__ import annotations

import json
import shlex
import sys
from pathlib import Path
from typing import Annotated

import typer

from handful.cli.options import Data, Device, Foreground, Images, Json, MaskKind, Masks, Overwrite, Values, read_set


def curve_command(
    data: Data = None,
    out: Annotated[
        Path | None, typer.Option("-o", "--out", help="Folder for curve.html, curve.json and curve.csv.")
    ] = None,
    minutes: Annotated[float | None, typer.Option(help="For everything [default: 10].")] = None,
    seconds: Annotated[float | None, typer.Option(help="The same in seconds.")] = None,
    steps: Annotated[int | None, typer.Option(help="Fix the steps of each training instead of the time.")] = None,
    test: Annotated[Path | None, typer.Option(help="Labelled folder to score on.")] = None,
    repeats: Annotated[int | None, typer.Option(help="How often each size [default: 1 to 5, as time allows].")] = None,
    seed: Annotated[int, typer.Option(help="Of all chance.")] = 0,
    device: Device = "auto",
    change: Annotated[
        list[str] | None, typer.Option("--set", metavar="NAME=VALUE", help="Override a line of the plan; repeatable.")
    ] = None,
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
    from handful.errors import SettingsError
    from handful.verbs.curve import curve
    from handful.verbs.train import DataFlags

    if seconds is not None and minutes is not None:
        raise SettingsError("--seconds and --minutes say the same thing twice; give one of them.")
    terminal = Terminal()
    found = curve(
        data,
        out=out,
        seconds=60 * minutes if minutes is not None else seconds,
        steps=steps,
        test=test,
        repeats=repeats,
        seed=seed,
        device=device,
        settings=read_set(change or []),
        flags=DataFlags(images=images, masks=masks, values=values, mask_kind=mask_kind, foreground=foreground),
        overwrite=overwrite,
        listener=terminal,
        command=shlex.join(["handful", *sys.argv[1:]]),
        started=IMPORTED,
    )
    terminal.close()
    if as_json:
        print(json.dumps(found.to_dict(), indent=1))
    else:
        show(found.lines())
