"""The readings that a decision can end in, each with the sentence that says it."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from handful.data.mask import VOID, MaskReading, show_value
from handful.data.maskfile import COLOUR, GREY, INDEX
from handful.data.problem import Problem
from handful.data.values import Values, ambiguous, require_two
from handful.errors import DataError

# VOC 2012 paints the rim of every object in this colour and leaves it out of the score.
VOC_RIM = 0xE0E0C0
MOST_CLASSES = 254
KIND_OF = {GREY: "values", INDEX: "palette", COLOUR: "colours"}


@dataclass(frozen=True)
class Decision:
    """The reading, and what was noticed while deciding. `named`: the names are the user's, not ours."""

    reading: MaskReading
    problems: tuple[Problem, ...] = ()
    named: bool = False


def two_values(found: Values, low: int, high: int) -> Decision:
    form = (
        "0 and 255" if (low, high) == (0, 255) else f"{show_value(low, found.form)} and {show_value(high, found.form)}"
    )
    kind = KIND_OF[found.form]
    reading = MaskReading(kind, ("background", "foreground"), None, found.form, ((low, 0), (high, 1)))
    noun = "colours" if found.form == COLOUR else "values"
    return Decision(replace(reading, description=f"two {noun}, {form}."))


def at_threshold(found: Values, why: str) -> Decision:
    low, high = found.values[0], found.values[-1]
    if high == low:
        require_two(found)
    threshold = 128.0 if 100 <= high <= 255 and low < 100 else (low + high + 1) / 2
    soft = 1 - found.share(low, high)
    between = f" ({100 * soft:.1f} % of the pixels are neither {low} nor {high})" if soft > 0 else ""
    text = f"{why}: {threshold:g} and above is bright, below is dark{between}."
    return Decision(
        MaskReading("threshold", ("background", "foreground"), None, GREY, threshold=threshold, description=text)
    )


def as_labels(found: Values, why: str) -> Decision:
    most = max(int(np.count_nonzero(tally.values)) for tally in found.tallies)
    void = tuple((value, VOID) for value in found.values if value < 0)
    bits = "16-bit " if any(tally.wide for tally in found.tallies) else ""
    form = {GREY: "numbers", INDEX: "palette indices", COLOUR: "colours"}[found.form]
    text = f"{bits}instance labels: {form} for single objects, up to {most} in an image, 0 is background ({why})."
    return Decision(
        MaskReading("labels", ("background", "foreground"), 0, found.form, void, instances=True, description=text)
    )


def as_classes(found: Values, why: str) -> Decision:
    """Every value a class, in order; 255 (in grey and palette masks) and -1 are void beside others."""
    values = [value for value in found.values if not _void_value(value, found)]
    if len(values) == 2:
        decision = two_values(found, values[0], values[1])
        if found.form == COLOUR:
            values.sort(key=brightness)
        pair = [(values[0], 0), (values[1], 1), *((v, VOID) for v in found.values if v not in values)]
        reading = replace(decision.reading, table=tuple(sorted(pair)))
        return Decision(replace(reading, description=describe_table(reading, why)))
    if len(values) > MOST_CLASSES or (found.values[-1] > 255 and found.form != COLOUR):
        raise ambiguous(found)
    if len(values) < 2:
        require_two(found)
        raise DataError(
            f"all masks hold one class only (value {values[0]}, all else is void); at least two were expected."
        )
    names = tuple(show_value(value, found.form) if found.form == COLOUR else f"class {value}" for value in values)
    table = [(value, number) for number, value in enumerate(values)]
    table += [(value, VOID) for value in found.values if value not in values]
    kind = KIND_OF[found.form]
    background = 0 if values[0] == 0 or found.form != COLOUR else None
    reading = MaskReading(kind, names, background, found.form, tuple(sorted(table)))
    return Decision(replace(reading, description=describe_table(reading, why)))


def _void_value(value: int, found: Values) -> bool:
    if value < 0:
        return True
    if found.form == COLOUR:
        return value == VOC_RIM
    return value == 255 and len(found.values) > 2 and not (found.form == GREY and even_steps(found.values))


def even_steps(values: tuple[int, ...]) -> bool:
    """0, 85, 170, 255: classes as grey levels spread evenly, so that people can see them."""
    steps = np.diff(values)
    return len(values) >= 4 and values[0] == 0 and values[-1] in (254, 255) and int(steps.max() - steps.min()) <= 1


def brightness(colour: int) -> float:
    return 0.299 * (colour >> 16 & 255) + 0.587 * (colour >> 8 & 255) + 0.114 * (colour & 255)


def describe_table(reading: MaskReading, why: str) -> str:
    noun = {GREY: "class numbers", INDEX: "palette indices", COLOUR: "colours"}[reading.form]
    shown = []
    for number, name in enumerate(reading.classes):
        codes = [show_value(code, reading.form) for code, n in reading.table if n == number]
        shown.append(f"{'/'.join(codes[:3])} {name}" if codes != [name] else name)
    if len(shown) > 12:
        shown = [*shown[:10], f"... {shown[-1]}"]
    void = [show_value(code, reading.form) for code, n in reading.table if n == VOID]
    tail = f"; {', '.join(void[:4])} {'is' if len(void) == 1 else 'are'} void and left out" if void else ""
    source = f" ({why})" if why not in (noun, "palette", "colours") else ""
    return f"{noun}{source}: {', '.join(shown)}{tail}."
