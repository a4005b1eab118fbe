"""A part of an image; and choices that are the same on every machine."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

from handful.data.audit import Audit

T = TypeVar("T")


@dataclass(frozen=True)
class Region:
    """A part of an image: rows and columns as half-open ranges; a whole image is (0, H) and (0, W)."""

    name: str
    rows: tuple[int, int]
    columns: tuple[int, int]

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns that it has."""
        return self.rows[1] - self.rows[0], self.columns[1] - self.columns[0]


def whole_regions(audit: Audit) -> dict[str, Region]:
    return {name: Region(name, (0, facts.height), (0, facts.width)) for name, facts in audit.facts.items()}


def chance(seed: int, *words: str) -> float:
    """A number in [0, 1) that depends on its arguments alone, the same on every machine."""
    digest = hashlib.sha256("\n".join((str(seed), *words)).encode()).digest()
    return int.from_bytes(digest[:7], "big") / 2**56


def spread_out(items: Sequence[T], most: int) -> Sequence[T]:
    """At most so many of them, at even steps."""
    return items if len(items) <= most else [items[k * len(items) // most] for k in range(most)]


def middle_window(shape: tuple[int, ...], side: int) -> tuple[slice, ...]:
    """At most `side` pixels across and down in the middle of an image (H, W)."""
    starts = [max(0, (size - side) // 2) for size in shape]
    return tuple(slice(start, start + side) for start in starts)
