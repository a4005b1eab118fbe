"""The pages' templates: what all of them share when they are filled in."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from math import isnan
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent


def render(
    name: str, filters: Mapping[str, Callable[..., Any]] | None = None, folder: Path = HERE, **values: Any
) -> str:
    """The template `name` filled in as one self-contained page; `values` hold its title and date.

    folder: where it lies; what it extends or imports may lie beside it or here.
    """
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(
        loader=FileSystemLoader([folder, HERE]),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"number": number, "percent": lambda share: f"{100 * share:.2f}%", **(filters or {})}
    return environment.get_template(name).render(style=(HERE / "style.css").read_text(encoding="utf-8"), **values)


def number(value: float, digits: int = 3) -> str:
    """A score as people read it; a dash where there is nothing to score."""
    return "\N{EN DASH}" if isnan(value) else f"{value:z.{digits}f}"
