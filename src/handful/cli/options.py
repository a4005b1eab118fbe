"""Options that several verbs share, and what turns their text into values."""

from __future__ import annotations

import re
import shlex
import sys
import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from handful.errors import SettingsError

BARE_POINT = re.compile(r"[+-]?(\d+\.|\.\d+)")  # numbers as people type them and TOML does not read them

Images = Annotated[
    str | None, typer.Option(help="Images where the layout of DATA is not recognised: a file, folder or glob.")
]
Masks = Annotated[str | None, typer.Option(help="Their masks: a file, folder or glob. Goes with --images.")]
Values = Annotated[
    str | None, typer.Option(metavar="LIST", help='What the values in the masks mean: "0=soil,255=leaf,7=void".')
]
MaskKind = Annotated[
    str | None, typer.Option(help="How masks are to be read: classes, instances, threshold, colours or palette.")
]
Foreground = Annotated[str | None, typer.Option(metavar="NAME|VALUE", help="Which of two classes is the object.")]
Device = Annotated[str, typer.Option(help="auto, cpu or cuda.")]
Json = Annotated[bool, typer.Option("--json", help="Print the result as JSON, for programs.")]
Overwrite = Annotated[bool, typer.Option("--overwrite", help="Replace results that are there already.")]
Data = Annotated[Path | None, typer.Argument(metavar="DATA", help="Folder with images and masks.", show_default=False)]


Change = Annotated[
    list[str] | None, typer.Option("--set", metavar="NAME=VALUE", help="Override a line of the plan; repeatable.")
]
Test = Annotated[Path | None, typer.Option(help="Labelled folder to score on.")]
Seed = Annotated[int, typer.Option(help="Of all chance.")]


def command_line() -> str:
    """What was typed, for those who want to make a result again."""
    return shlex.join(["handful", *sys.argv[1:]])


def read_time(seconds: float | None, minutes: float | None) -> float | None:
    """--seconds or --minutes in seconds; None where neither is given. Raises SettingsError where both are."""
    if seconds is not None and minutes is not None:
        raise SettingsError("--seconds and --minutes say the same thing twice; give one of them.")
    return seconds if minutes is None else 60 * minutes


def read_set(pairs: Sequence[str] | None) -> dict[str, Any]:
    """NAME=VALUE options as a dict; values are TOML, `.5` and `1.` are numbers too, and plain words stay words."""
    settings: dict[str, Any] = {}
    for pair in pairs or ():
        name, sign, text = pair.partition("=")
        if not sign or not name.strip():
            raise SettingsError(f"--set {pair}: expected NAME=VALUE, such as --set patch=128.")
        try:
            settings[name.strip()] = tomllib.loads(f"value = {text}")["value"]
        except tomllib.TOMLDecodeError:
            word = text.strip()
            settings[name.strip()] = float(word) if BARE_POINT.fullmatch(word) else word
    return settings


def read_size(text: str) -> list[int]:
    """`160` or `120x160`, height by width, as numbers."""
    parts = text.lower().split("x")
    if len(parts) > 2 or not all(part.strip().isdecimal() for part in parts):
        raise SettingsError(f"--size {text}: expected pixels such as 160, or height x width such as 120x160.")
    return [int(part) for part in parts]
