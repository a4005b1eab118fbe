"""handful describe"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def describe_command(
    model: Annotated[Path, typer.Argument(metavar="MODEL", help="Model file or run folder.", show_default=False)],
) -> None:
    """Print what a model file holds: net, classes, how it was trained and what it reached."""
    from handful.cli.terminal import show
    from handful.modelfile import describe_model

    show(describe_model(model).splitlines())
