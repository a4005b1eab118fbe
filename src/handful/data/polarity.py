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
    background = next((i for i, name in enumerate(reading.classes) if name.casefold() in BACKGROUND_NAMES), None)
    if decision.named and background is not None:
        return replace(decision, reading=replace(reading, background=background))
    if len(reading.classes) != 2:
        return decision
    bright = _bright_share(found, reading)
    if bright <= BRIGHT_BACKGROUND:
        text = f"{reading.description} The bright class, {percent(bright)} of the pixels, is the object."
        return replace(decision, reading=replace(reading, background=0, description=text))
    classes = reading.classes if decision.named else ("foreground", "background")
    wrong = "--foreground bright if that is wrong"
    text = (
        f"{reading.description} Inverted: the dark class, {100 * (1 - bright):.0f} % of the pixels, is taken for the "
        f"object, the bright one for the background ({wrong})."
    )
    note = f"inverted: the dark class is taken for the object since the bright one covers {100 * bright:.0f} %; {wrong}"
    return replace(
        decision,
        reading=replace(reading, classes=classes, background=1, description=text),
        problems=(*decision.problems, Problem("masks", note, NOTE)),
    )


def percent(share: float) -> str:
    """12 %, 0.05 %."""
    return f"{100 * share:.{0 if share >= 0.01 else 1}{'f' if share >= 0.01 else 'g'}} %"


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
    text = (
        f"{reading.description} Only {name} is the object, all other classes are background (--foreground "
        f"{foreground})."
    )
    return replace(reading, classes=("background", name), background=0, table=table, description=text)
