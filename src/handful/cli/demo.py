"""handful demo"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def demo_command(
    out: Annotated[Path, typer.Option("-o", "--out", help="Folder for the run and the predictions.")] = Path("demo"),
    seconds: Annotated[float, typer.Option(help="For the training, report included.")] = 40.0,
) -> None:
    """The whole road on bundled pictures of cell nuclei in about a minute."""
    from handful import IMPORTED
    from handful.cli.terminal import Terminal, show
    from handful.verbs.demo import demo

    terminal = Terminal()
    result = demo(out, seconds=seconds, listener=terminal, started=IMPORTED)
    terminal.close()
    show(result.lines())
