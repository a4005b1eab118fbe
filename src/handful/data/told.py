"""What the user says about the masks: --values."""

from __future__ import annotations

import re
from dataclasses import replace

from handful.data.classlist import VOID_NAMES
from handful.data.mask import VOID, MaskReading, show_value
from handful.data.maskfile import COLOUR, GREY
from handful.data.readings import KIND_OF, MOST_CLASSES, Decision, describe_table
from handful.data.values import Values
from handful.errors import DataError, SettingsError


def told_values(found: Values, text: str) -> Decision:
    """`--values "0=background,255=leaf,7=void"`; colours as #rrggbb; several values may share a name."""
    names: list[str] = []
    table: list[tuple[int, int]] = []
    for entry in text.split(","):
        left, sign, name = entry.partition("=")
        left, name = left.strip(), name.strip()
        if not sign or not name or not re.fullmatch(r"-?\d+|\d+-\d+|#[0-9a-fA-F]{6}", left):
            raise SettingsError(
                f'--values: {entry.strip()!r} is not VALUE=NAME; expected such as "0=background,255=leaf,7=void".'
            )
        if left.startswith("#"):
            codes = [int(left[1:], 16)]
        elif re.fullmatch(r"\d+-\d+", left):
            low, high = map(int, left.split("-"))
            codes = list(range(low, high + 1))
        else:
            codes = [int(left) * 0x010101 if found.form == COLOUR and int(left) < 256 else int(left)]
        if name.casefold() in VOID_NAMES:
            number = VOID
        else:
            if name not in names:
                names.append(name)
            number = names.index(name)
        for code in codes:
            if any(code == known for known, _ in table):
                raise SettingsError(f"--values: {left} is named twice; every value has one name.")
            table.append((code, number))
    if len(names) < 2:
        raise SettingsError(f"--values: names {len(names)} class besides void; at least two were expected.")
    if len(names) > MOST_CLASSES:
        raise SettingsError(f"--values: names {len(names)} classes; at most {MOST_CLASSES} fit into a mask.")
    known = {code for code, _ in table}
    others = [value for value in found.values if value not in known]
    if others and len(names) == 2 and any(t.lossy for t in found.tallies) and found.form == GREY:
        centres = sorted(code for code, number in table if number != VOID)
        middle = (centres[0] + centres[-1] + 1) / 2
        ordered = tuple(names[dict(table)[code]] for code in (centres[0], centres[-1]))
        text = f"JPEG masks, {ordered[1]} from {middle:g} up, {ordered[0]} below (--values)."
        return Decision(MaskReading("threshold", ordered, 0, GREY, threshold=middle, description=text), named=True)
    if others:
        raise DataError(
            f"{found.where(others[0])} is not named in --values. Add it, for example "
            f"{show_value(others[0], found.form)}=void."
        )
    kind = KIND_OF[found.form]
    reading = MaskReading(kind, tuple(names), None, found.form, tuple(sorted(table)))
    return Decision(replace(reading, description=describe_table(reading, "as --values says")), named=True)
