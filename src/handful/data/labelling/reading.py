"""How drawings are read: classes by name, and whether single objects count."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from handful.data.classlist import ClassList
from handful.data.labelling.drawing import LEFT_OUT, NOTHING, OBJECT_SHIFT
from handful.data.mask import VOID, MaskReading
from handful.data.maskfile import DRAWN, Tally
from handful.data.readings import Decision
from handful.errors import DataError, SettingsError

# Where less than this share is left between the drawings they are a map of regions that touch, not objects.
LEAST_BACKGROUND = 0.1


def decide_drawn(
    tallies: Sequence[Tally], lists: Sequence[ClassList], mask_kind: str | None, values: str | None
) -> Decision:
    """Classes in the order of the tool, or of a list near the data that names them all; the rest is background.

    Single objects count ("instances") where an image holds several of one class and something is left between them.
    """
    if values is not None:
        raise SettingsError("--values: annotations name their classes; there are no values to explain.")
    if mask_kind not in (None, "classes", "instances"):
        raise SettingsError(f"--mask-kind {mask_kind}: annotations can be read as classes or instances.")
    if any(tally.form != DRAWN for tally in tallies):
        raise DataError("some images have annotations and others mask files; keep them in folders of their own.")
    names = _ordered(tallies[0].names, lists)
    pixels = sum(int(tally.counts.sum()) for tally in tallies)
    empty = sum(int(tally.counts[tally.values == NOTHING].sum()) for tally in tallies)
    several = any(_several(tally) for tally in tallies)
    instances = several and empty >= LEAST_BACKGROUND * pixels if mask_kind is None else mask_kind == "instances"
    classes = ("background", *names) if empty or len(names) == 1 else names
    background = 0 if len(classes) > len(names) else None
    instances = instances and background is not None
    # Of mask files beside annotations (a test set, predictions): class numbers, and 255 as the object of two classes.
    table = [(number, number) for number in range(len(classes))]
    table.append((255, 1 if len(classes) == 2 else VOID))
    count = sum(len(_objects(tally)) for tally in tallies)
    shown = ", ".join(classes[:10]) + (f", ... {classes[-1]}" if len(classes) > 10 else "")
    kind = "each an object of its own" if instances else "as classes"
    left = any(LEFT_OUT in tally.values for tally in tallies)
    text = f"{count} drawn objects, {kind}: {shown}; where they overlap the smaller one wins" + (
        "; void and crowds are left out." if left else "."
    )
    reading = MaskReading(DRAWN, classes, background, DRAWN, tuple(table), instances=instances, description=text)
    return Decision(reading, named=True)


def _ordered(names: Sequence[str], lists: Sequence[ClassList]) -> tuple[str, ...]:
    for one in lists:
        listed = [entry.name for entry in one.entries]
        if set(names) <= set(listed):
            return tuple(name for name in listed if name in names)
    return tuple(names)


def _objects(tally: Tally) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    """The codes of the objects that show in a mask."""
    return tally.values[tally.values >> OBJECT_SHIFT > 0]


def _several(tally: Tally) -> bool:
    """Whether two objects of one class show in a mask."""
    classes = _objects(tally) & 255
    return len(np.unique(classes)) < len(classes)
