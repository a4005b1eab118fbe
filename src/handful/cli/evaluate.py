"""handful evaluate"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from handful.cli.options import Device, Foreground, Images, Json, MaskKind, Masks, Overwrite, Values, command_line


def evaluate_command(
    model: Annotated[
        Path | None, typer.Argument(metavar="MODEL", help="Model file or run folder.", show_default=False)
    ] = None,
    data: Annotated[Path | None, typer.Argument(metavar="DATA", help="Labelled folder.", show_default=False)] = None,
    out: Annotated[Path | None, typer.Option("-o", "--out", help="Folder for scores.json and report.html.")] = None,
    predicted: Annotated[Path | None, typer.Option(help="Folder of masks to score instead of a model.")] = None,
    true: Annotated[Path | None, typer.Option(help="Labelled folder, with --predicted.")] = None,
    images: Images = None,
    masks: Masks = None,
    values: Values = None,
    mask_kind: MaskKind = None,
    foreground: Foreground = None,
    device: Device = "auto",
    overwrite: Overwrite = False,
    as_json: Json = False,
) -> None:
    """Score MODEL, or masks from anywhere (--predicted DIR --true DATA), on labelled images."""
    from handful.cli.terminal import Terminal, show
    from handful.errors import SettingsError
    from handful.verbs.evaluate import evaluate
    from handful.verbs.train import DataFlags

    if (predicted is None) == (model is None):
        raise SettingsError("evaluate: give MODEL and DATA, or --predicted DIR and --true DATA.")
    if predicted is not None and true is None and data is None and images is None:
        raise SettingsError("--predicted: no data given to score it against. Name the labelled folder with --true.")
    if true is not None and data is not None:
        raise SettingsError("--true and DATA say the same thing twice; give one of them.")
    terminal = Terminal()
    scores = evaluate(
        model,
        true if data is None else data,
        out=out,
        predicted=predicted,
        device=device,
        flags=DataFlags(images=images, masks=masks, values=values, mask_kind=mask_kind, foreground=foreground),
        overwrite=overwrite,
        listener=terminal,
        command=command_line(),
    )
    terminal.close()
    if as_json:
        print(json.dumps(scores.to_dict(), indent=1))
    else:
        show(scores.lines())
