"""handful train"""

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
    Seed,
    Test,
    Values,
    command_line,
    read_set,
    read_time,
)


def train_command(
    data: Data = None,
    out: Annotated[Path | None, typer.Option("-o", "--out", help="Run folder [default: runs/NAME].")] = None,
    seconds: Annotated[float | None, typer.Option(help="For everything, report included [default: 120].")] = None,
    minutes: Annotated[float | None, typer.Option(help="The same in minutes.")] = None,
    steps: Annotated[int | None, typer.Option(help="Fix the number of steps instead of the time.")] = None,
    task: Annotated[str | None, typer.Option(help="semantic, instances or boundaries [default: by the masks].")] = None,
    test: Test = None,
    test_fraction: Annotated[
        float | None, typer.Option(help="Share of the images held back to score on [default: 0.2, at most 200 images].")
    ] = None,
    folds: Annotated[
        str | None, typer.Option(metavar="K|loo", help="Train on all and score each by a model that never saw it.")
    ] = None,
    seeds: Annotated[
        int | None, typer.Option(metavar="N", help="Train so often, and tell how far the scores lie apart.")
    ] = None,
    net: Annotated[
        str | None, typer.Option(help="quick, unet, fcn, ..., forest [default: quick, or a pixel forest].")
    ] = None,
    loss: Annotated[str | None, typer.Option(help="A loss or a sum: cross_entropy+dice, focal, linex, ...")] = None,
    init: Annotated[
        str | None, typer.Option(help="Start from: none, starter (what ships) or a model file.", show_default=False)
    ] = None,
    seed: Seed = 0,
    device: Device = "auto",
    deterministic: Annotated[
        bool, typer.Option("--deterministic", help="The same --steps give the same bytes on a GPU too; slower.")
    ] = False,
    resume: Annotated[bool, typer.Option("--resume", help="Go on with the interrupted run in -o.")] = False,
    settings: Annotated[Path | None, typer.Option(help="Take the plan from a settings.toml.")] = None,
    change: Change = None,
    images: Images = None,
    masks: Masks = None,
    values: Values = None,
    mask_kind: MaskKind = None,
    foreground: Foreground = None,
    as_json: Json = False,
) -> None:
    """Train on DATA within the time, score on images held back, and write model, scores and report."""
    from handful import IMPORTED
    from handful.cli.terminal import Terminal, show
    from handful.verbs.settings_file import read_settings
    from handful.verbs.train import DataFlags, train

    terminal = Terminal()
    model = train(
        data,
        out=out,
        seconds=read_time(seconds, minutes),
        steps=steps,
        task=task,
        test=test,
        test_fraction=test_fraction,
        folds=folds,
        seeds=seeds,
        net=net,
        loss=loss,
        init=init,
        seed=seed,
        device=device,
        deterministic=deterministic,
        resume=resume,
        settings={**(read_settings(settings) if settings else {}), **read_set(change)},
        flags=DataFlags(images=images, masks=masks, values=values, mask_kind=mask_kind, foreground=foreground),
        listener=terminal,
        command=command_line(),
        started=IMPORTED,
    )
    terminal.close()
    if as_json:
        print(json.dumps(model.scores.to_dict() if model.scores else None, indent=1))
    elif model.scores:
        show(model.scores.lines("unseen"))
    else:
        print("No image was held back, so there is no score.")
