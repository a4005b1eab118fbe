"""Values out of a file that anybody may have written: each is what it should be, or a DataError that says where."""

from __future__ import annotations

import math
import re
from typing import Any

import numpy as np
from numpy.typing import NDArray

from handful.errors import DataError

SURROGATE = re.compile("[\ud800-\udfff]")  # half a character, which JSON may hold and no file of text
FARTHEST = 1e7  # pixels from the corner; no image is that large, and squares of it are still exact


def number(value: Any, where: str) -> float:
    """A finite number, perhaps written as text, as XML has it."""
    if isinstance(value, str):
        try:
            value = float(value)
        except ValueError:
            raise DataError(f"{where}: {value[:40]!r} is no number.") from None
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise DataError(f"{where}: {str(value)[:40]!r} is no number.")
    if not -FARTHEST <= value <= FARTHEST:  # false for NaN too
        raise DataError(f"{where}: {str(value)[:40]} is no place in an image.")
    return float(value)


def whole(value: Any, where: str, least: int = 0) -> int:
    """A whole number from `least`."""
    found = number(value, where)
    if found != math.floor(found) or found < least:
        raise DataError(f"{where}: {found:g} was found where a whole number from {least} was expected.")
    return int(found)


def text(value: Any, where: str) -> str:
    """Text that is not empty, without blanks around it."""
    if not isinstance(value, str) or not value.strip() or SURROGATE.search(value):
        raise DataError(f"{where}: {str(value)[:40]!r} was found where a name was expected.")
    return value.strip()


def record(value: Any, where: str) -> dict[str, Any]:
    """A JSON object."""
    if not isinstance(value, dict):
        raise DataError(f"{where}: {str(value)[:40]!r} was found where {{...}} was expected.")
    return value


def items(value: Any, where: str) -> list[Any]:
    """A JSON list."""
    if not isinstance(value, list):
        raise DataError(f"{where}: {str(value)[:40]!r} was found where [...] was expected.")
    return value


def points(value: Any, where: str) -> NDArray[np.float64]:
    """Points [[x, y], ...] as (n, 2)."""
    try:
        found = np.array([[number(x, where), number(y, where)] for x, y in items(value, where)], np.float64)
    except (TypeError, ValueError) as error:
        if isinstance(error, DataError):
            raise
        raise DataError(f"{where}: pairs [x, y] were expected.") from None
    return found.reshape(-1, 2)


def size(height: Any, width: Any, where: str) -> tuple[int, int] | None:
    """(height, width), or None where the file does not say."""
    if height is None or width is None:
        return None
    return whole(height, where, 1), whole(width, where, 1)
