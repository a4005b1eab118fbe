"""Which class is no object: named so, or the dark one, or the bright one where it covers most of the pixels."""

from __future__ import annotations

import re
from dataclasses import replace

from handful.data.classlist import BACKGROUND_NAMES
from handful.data.mask import VOID, MaskReading
from handful.data.problem import NOTE, Problem
from handful.data.readings import Decision
from handful.data.values import Values
from handful.errors import SettingsError

# A bright class above this share of all pixels is taken for the background (membrane: 77 % of the pixels are cell).
BRIGHT_BACKGROUND = 0.6


def settle_background(decision: Decision, found: Values, foreground: str | None) -> Decision:
    """Which class is no object: named so, or the dark one, or the bright one where it covers most of the pixels."""
    reading = decision.reading
    if reading.kind in ("labels", "objects", "boundaries"):
        if foreground is not None and foreground not in reading.classes:
            raise SettingsError(
                f"--foreground {foreground}: in these masks every number is an object; classes are not known."
            )
        return decision
    if foreground is not None:
        return replace(decision, reading=told_foreground(reading, foreground))
    named = next((i for i, name in enumerate(reading.classes) if name.casefold() in BACKGROUND_NAMES), None)
    defaults = reading.classes == ("background", "foreground")
    if len(reading.classes) == 2 and (defaults or named is None) and not reading.description.startswith("trimap"):
        bright = _bright_share(found, reading)
        if "--values" in reading.description and named is not None:
            return replace(decision, reading=replace(reading, background=named))
        if bright > BRIGHT_BACKGROUND:
            classes = ("foreground", "background") if defaults else reading.classes
            text = (
                f"{reading.description} The dark class covers {100 * (1 - bright):.0f} % and is taken for the object, since the "
                f"bright one covers {100 * bright:.0f} % of the pixels (inverted; --foreground bright if that is wrong)."
            )
            return Decision(
                replace(reading, classes=classes, background=1, description=text),
                (*decision.problems, Problem("masks", "inverted: the dark class is taken for the object, the bright one, "
                 f"{100 * bright:.0f} % of the pixels, for the background; --foreground bright if that is wrong", NOTE)),
            )  # fmt: skip
        text = f"{reading.description} The bright class, {100 * bright:.0f} % of the pixels, is the object."
        return replace(decision, reading=replace(reading, background=0, description=text))
    if named is not None:
        reading = replace(reading, background=named)
    return replace(decision, reading=reading)


def _bright_share(found: Values, reading: MaskReading) -> float:
    if reading.threshold is not None:
        bright = sum(count for value, count in found.pixels.items() if value >= reading.threshold)
        return bright / max(1, found.total)
    table = dict(reading.table)
    counts = [0, 0]
    for value, count in found.pixels.items():
        number = table.get(value, VOID)
        if number != VOID:
            counts[number] += count
    return counts[1] / max(1, sum(counts))


def told_foreground(reading: MaskReading, foreground: str) -> MaskReading:
    """The class that --foreground means: by name, by its value in the files, or dark and bright where there are two."""
    number = next((i for i, name in enumerate(reading.classes) if name.casefold() == foreground.casefold()), None)
    two = len(reading.classes) == 2
    if two and foreground in ("dark", "bright"):
        number = ("dark", "bright").index(foreground)
    if number is None and re.fullmatch(r"-?\d+|#[0-9a-fA-F]{6}", foreground):
        code = int(foreground[1:], 16) if foreground.startswith("#") else int(foreground)
        number = dict(reading.table).get(code)
        if number is None and reading.threshold is not None:
            number = int(code >= reading.threshold)
    if number is None or number == VOID:
        choices = ", ".join(reading.classes) + (", dark, bright" if two else "")
        raise SettingsError(f"--foreground {foreground}: no such class (known: {choices}), and no such value.")
    name = reading.classes[number]
    if two:
        classes = reading.classes
        if classes == ("background", "foreground") and number == 0:
            classes = ("foreground", "background")
        side = ("dark", "bright")[number]
        text = f"{reading.description} The {side} class is the object (--foreground {foreground})."
        return replace(reading, classes=classes, background=1 - number, description=text)
    table = tuple((code, n if n == VOID else int(n == number)) for code, n in reading.table)
    text = f"{reading.description} Only {name} is the object, all other classes are background (--foreground {foreground})."
    return replace(reading, classes=("background", name), background=0, table=table, description=text)
