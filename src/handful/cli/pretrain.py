"""handful pretrain"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from handful.cli.options import Device, Overwrite, read_set


def pretrain_command(
    out: Annotated[Path, typer.Option("-o", "--out", help="The model file to write.", show_default=False)],
    seconds: Annotated[float | None, typer.Option(help="For this piece of work [default: 3600].")] = None,
    rounds: Annotated[int | None, typer.Option(help="Fix the work in all instead of the time.")] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on from the checkpoint beside the file.")] = False,
    device: Device = "auto",
    change: Annotated[
        list[str] | None, typer.Option("--set", metavar="NAME=VALUE", help="A setting, such as width=32; repeatable.")
    ] = None,
    overwrite: Overwrite = False,
) -> None:
    """Learn start weights for `train --init` from generated pictures: no photograph, no label made by hand."""
    from handful.cli.terminal import Terminal
    from handful.verbs.pretrain import pretrain

    terminal = Terminal()
    pretrain(
        out,
        seconds=seconds,
        rounds=rounds,
        resume=resume,
        overwrite=overwrite,
        device=device,
        settings=read_set(change),
        listener=terminal,
    )
    terminal.close()
