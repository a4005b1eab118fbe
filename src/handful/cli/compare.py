"""handful compare"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from handful.cli.options import Change, Device, Json, command_line, read_set

Seeds = Annotated[int | None, typer.Option(help="Only the first so many seeds, for a first look.")]
Steps = Annotated[int | None, typer.Option(help="Fix the number of steps of each training instead of its time.")]


def compare_command(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="TOML file of the comparison.", show_default=False)],
    out: Annotated[Path, typer.Option("-o", "--out", help="Folder; what is finished there is kept.")],
    data: Annotated[Path | None, typer.Option(help="Where its folders are [default: beside FILE].")] = None,
    seconds: Annotated[float | None, typer.Option(help="For each training, instead of what FILE says.")] = None,
    steps: Steps = None,
    seeds: Seeds = None,
    change: Change = None,
    device: Device = "auto",
    as_json: Json = False,
) -> None:
    """Train every combination that FILE asks for on one fixed split and say what makes a difference."""
    from handful.cli.terminal import Terminal, show
    from handful.verbs.compare import RESULTS, compare

    terminal = Terminal()
    done = compare(
        file,
        out=out,
        data=data,
        seconds=seconds,
        steps=steps,
        seeds=seeds,
        settings=read_set(change),
        device=device,
        listener=terminal,
        command=command_line(),
    )
    terminal.close()
    if as_json:
        print(json.dumps(json.loads((out / RESULTS).read_text(encoding="utf-8")), indent=1))
    else:
        show(done.lines())
