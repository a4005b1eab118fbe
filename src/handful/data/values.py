"""The values of all masks of a data set together, in one form: grey values, palette indices or colours."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from handful.data.mask import in_form, show_value
from handful.data.maskfile import COLOUR, GREY, INDEX, OBJECTS, RawMask, Tally, tally_mask
from handful.errors import DataError

SETTLE = (
    'Say what they are with --values "0=background,255=leaf,7=void", or how to read them with --mask-kind '
    "classes|instances|threshold|colours|palette."
)


@dataclass(frozen=True)
class Values:
    """The values of all masks together: how many pixels and how many files have each."""

    tallies: tuple[Tally, ...]
    form: str
    values: tuple[int, ...]
    pixels: dict[int, int]
    files: dict[int, int]

    @property
    def total(self) -> int:
        return sum(self.pixels.values())

    def share(self, *values: int) -> float:
        return sum(self.pixels.get(value, 0) for value in values) / max(1, self.total)

    def where(self, value: int) -> str:
        """`masks/a.png, row 3, column 40`: the first pixel that has this value."""
        tally = self.holder(value)
        row, column = tally.place(value)
        return f"{tally.where}: value {show_value(value, self.form)} at row {row}, column {column}"

    def holder(self, value: int) -> Tally:
        return next(tally for tally in self.tallies if value in tally.values)


def unify(tallies: Sequence[Tally], mask_kind: str | None, values: str | None) -> Values:
    """Bring all masks into one form: grey values, palette indices or colours."""
    form = _common_form(tallies)
    if mask_kind == "colours" or (values is not None and "#" in values):
        form = COLOUR
    elif mask_kind == "palette":
        form = INDEX
    elif mask_kind == "threshold" and form == INDEX and _grey_palettes(tallies):
        form = GREY
    converted = tuple(_convert(tally, form) for tally in tallies)
    pixels: dict[int, int] = {}
    files: dict[int, int] = {}
    for tally in converted:
        for value, count in zip(tally.values.tolist(), tally.counts.tolist(), strict=True):
            pixels[value] = pixels.get(value, 0) + count
            files[value] = files.get(value, 0) + 1
    return Values(converted, form, tuple(sorted(pixels)), pixels, files)


def _common_form(tallies: Sequence[Tally]) -> str:
    forms = {tally.form if tally.form != OBJECTS else GREY for tally in tallies}
    if COLOUR in forms:
        return COLOUR
    if INDEX not in forms:
        return GREY
    indexed = [tally for tally in tallies if tally.form == INDEX]
    if _grey_palettes(tallies):
        greys = {grey for tally in indexed for grey in _used_colours(tally)[:, 0].tolist()}
        same = all((_used_colours(tally)[:, 0] == tally.values).all() for tally in indexed)
        if same or greys <= {0, 255} or GREY in forms:
            return GREY
    meaning: dict[int, tuple[int, ...]] = {}
    for tally in indexed:
        for value, colour in zip(tally.values.tolist(), _used_colours(tally).tolist(), strict=True):
            if meaning.setdefault(value, tuple(colour)) != tuple(colour):
                return COLOUR  # each file has a palette of its own: only the colours mean the same in all
    return INDEX


def _grey_palettes(tallies: Sequence[Tally]) -> bool:
    used = [_used_colours(tally) for tally in tallies if tally.form == INDEX]
    return all((colours == colours[:, :1]).all() for colours in used)


def _used_colours(tally: Tally) -> NDArray[np.int64]:
    table = np.zeros((65536 if tally.palette is not None and len(tally.palette) > 256 else 256, 3), np.int64)
    if tally.palette is not None:
        table[: len(tally.palette)] = tally.palette
    used: NDArray[np.int64] = table[tally.values]
    return used


def _convert(tally: Tally, form: str) -> Tally:
    if tally.form == form or (tally.form == GREY and form == INDEX):
        return tally
    if tally.form == OBJECTS:
        raw = tally.raw()
        return _convert(tally_mask(RawMask((raw.codes > 0).astype(np.uint8) * 255, GREY), tally.where), form)
    codes = in_form(tally.raw(), form, tally.where)
    return tally_mask(RawMask(codes, form, None, tally.lossy), tally.where)


def require_two(found: Values) -> None:
    if len(found.values) == 1:
        value = found.values[0]
        shown = show_value(value, found.form)
        if value == 0:
            raise DataError(
                f"all {len(found.tallies)} masks are empty (value 0 everywhere); there is nothing to learn. "
                "Check that these "
                f"are the label files (first: {found.tallies[0].where})."
            )
        raise DataError(
            f"all {len(found.tallies)} masks hold one class only (value {shown} everywhere); at least two were "
            "expected. Check "
            f"that these are the label files (first: {found.tallies[0].where})."
        )


def list_values(found: Values) -> str:
    order = sorted(found.values, key=lambda value: -found.pixels[value])[:6]
    shown = ", ".join(f"{show_value(value, found.form)} ({100 * found.share(value):.2g} %)" for value in sorted(order))
    return shown + (f" and {len(found.values) - len(order)} more" if len(found.values) > len(order) else "")


def ambiguous(found: Values) -> DataError:
    ends = {found.values[0], found.values[-1]}
    odd = min((v for v in found.values if v not in ends), key=lambda v: found.pixels[v], default=found.values[0])
    return DataError(
        f"{found.where(odd)}: the masks hold {list_values(found)} and can be read in more than one way. {SETTLE}"
    )
