"""Mask files as classes and labels, all of a data set read in the one way that a MaskReading records."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from handful.data.labelling.drawing import NOTHING, OBJECT_SHIFT
from handful.data.maskfile import (
    BOUNDARIES,
    COLOUR,
    DRAWN,
    GREY,
    INDEX,
    OBJECTS,
    RawMask,
    read_annotators,
    read_raw_mask,
    tally_mask,
)
from handful.data.pairs import Pair
from handful.errors import DataError

__all__ = ["VOID", "Mask", "MaskReading", "apply_reading", "decide_reading", "read_annotators", "read_mask"]

VOID = 255
_UNKNOWN = 254  # no class has this number: at most 254 classes, from 0
BOUNDARY_NAMES = ("boundary", "boundaries", "edge", "edges", "contour", "contours")
KINDS = ("threshold", "values", "palette", "colours", "labels", "objects", "boundaries", "drawn")


@dataclass(frozen=True)
class MaskReading:
    """How EVERY mask file of a data set is read; decided once, kept with the run, equal where its values are equal.

    kind: "threshold" (at least `threshold` is class 1), "values" (grey values), "palette" (indices), "colours"
      (0xRRGGBB), "labels" (a number an object), "objects" (a file an object), "boundaries" (BSDS500), "drawn" (in a
      labelling tool: classes by name).
    classes: names; the index is the class number in a mask.
    background: the class that is no object, or None where every class is one.
    table: (value in the file, class) with class VOID for what is left out of loss and score; empty where a number is an
      object or a threshold decides; values that it does not name are refused.
    nearest: a colour that the table lacks is read as the nearest one (JPEG), not refused.
    form: what the values are, "grey", "index" or "colour" (or the kind itself for objects and boundaries).
    instances: labels of single objects are known. description: all this in a sentence.
    """

    kind: str
    classes: tuple[str, ...]
    background: int | None
    form: str
    table: tuple[tuple[int, int], ...] = ()
    threshold: float | None = None
    nearest: bool = False
    instances: bool = False
    description: str = ""

    @property
    def void_values(self) -> tuple[int, ...]:
        """Values in the files that are left out of loss and score."""
        return tuple(value for value, number in self.table if number == VOID)

    @property
    def objects(self) -> tuple[int, ...]:
        """The class numbers that are objects: all but the background."""
        return tuple(number for number in range(len(self.classes)) if number != self.background)

    @property
    def draws_boundaries(self) -> bool:
        """Whether the masks hold boundaries drawn as lines, not regions: those of BSDS500, or a class of that name."""
        named = len(self.classes) == 2 and self.background == 0 and self.classes[1].lower() in BOUNDARY_NAMES
        return self.kind == BOUNDARIES or named

    def to_dict(self) -> dict[str, Any]:
        """For JSON; from_dict gives an equal reading back."""
        content = asdict(self)
        content["classes"] = list(self.classes)
        content["table"] = [list(entry) for entry in self.table]
        return content

    @classmethod
    def from_dict(cls, content: dict[str, Any]) -> MaskReading:
        """The reading that to_dict wrote. Raises DataError when something is missing or of the wrong kind."""
        try:
            reading = cls(
                kind=str(content["kind"]),
                classes=tuple(str(name) for name in content["classes"]),
                background=None if content["background"] is None else int(content["background"]),
                form=str(content["form"]),
                table=tuple((int(value), int(number)) for value, number in content["table"]),
                threshold=None if content["threshold"] is None else float(content["threshold"]),
                nearest=bool(content["nearest"]),
                instances=bool(content["instances"]),
                description=str(content["description"]),
            )
        except (KeyError, TypeError, ValueError) as error:
            raise DataError(f"the record of how masks are read is damaged ({error!r}).") from error
        if reading.kind not in KINDS:
            raise DataError(f"masks of kind {reading.kind!r} are not known (known: {', '.join(KINDS)}).")
        return reading


@dataclass(frozen=True)
class Mask:
    """`classes` uint8 (H, W), VOID where nothing is said; `labels` int32 (H, W), 0 for no object, or None."""

    classes: NDArray[np.uint8]
    labels: NDArray[np.int32] | None


def decide_reading(
    pairs: Sequence[Pair],
    *,
    values: str | None = None,
    mask_kind: str | None = None,
    foreground: str | None = None,
    class_file: Path | None = None,
    root: Path | None = None,
) -> MaskReading:
    """Look at ALL masks and decide how they are read; masks that cannot be read are passed over.

    `values` ("0=background,255=leaf,7=void"), `mask_kind` (classes, instances, threshold, colours, palette) and
    `foreground` (a name or a value) settle what the files leave open; `class_file` lists names. Raises DataError, with
    the flag that settles it, where the masks can be read in more than one way.
    """
    from handful.data.decide import decide, near_class_lists

    tallies = []
    for pair in pairs:
        try:
            tallies.append(tally_mask(read_raw_mask(pair), str(pair.masks[0])))
        except DataError:
            continue
    lists = near_class_lists(root, pairs, class_file)
    return decide(tallies, lists, values=values, mask_kind=mask_kind, foreground=foreground).reading


def read_mask(pair: Pair, reading: MaskReading) -> Mask:
    """The mask of a pair, read as `reading` says.

    Raises DataError with file, value, row and column for a value that the reading does not know.
    """
    return apply_reading(read_raw_mask(pair), reading, str(pair.masks[0]))


def apply_reading(raw: RawMask, reading: MaskReading, where: str) -> Mask:
    """As read_mask, for a mask that is already in memory; `where` names it in errors."""
    if raw.form == DRAWN:
        return _read_drawn(raw, reading, where)
    if reading.kind == "objects" and raw.form != OBJECTS:  # an image with a single object has a single file
        codes = in_form(raw, GREY, where)
        codes = (codes >= 128 if int(codes.max(initial=0)) > 1 else codes > 0).astype(np.uint8)
        return Mask(codes, codes.astype(np.int32))
    if reading.kind in ("objects", "labels"):
        codes = in_form(raw, reading.form, where)
        void = np.isin(codes, reading.void_values) if reading.void_values else None
        labels = codes.astype(np.int32)
        if reading.form == COLOUR:  # packed colours are huge as numbers: counted from 1 instead
            known, places = np.unique(labels, return_inverse=True)
            labels = (places.reshape(labels.shape) + int(known[0] != 0)).astype(np.int32)
        if void is not None:
            labels[void] = 0
        classes = (labels != 0).astype(np.uint8)
        if void is not None:
            classes[void] = VOID
        return Mask(classes, labels)
    if raw.form == OBJECTS and reading.kind != "boundaries":
        raw = RawMask((raw.codes > 0).astype(np.uint8) * (255 if reading.kind == "threshold" else 1), GREY)
    codes = in_form(raw, GREY if reading.kind == DRAWN else reading.form, where)
    if reading.nearest:
        return Mask(_nearest(codes, reading), None)
    if reading.kind == "boundaries":
        return Mask((codes > 0).astype(np.uint8), None)
    if reading.threshold is not None:
        return Mask((codes >= reading.threshold).astype(np.uint8), None)
    return Mask(_look_up(codes, reading, where), None)


def _read_drawn(raw: RawMask, reading: MaskReading, where: str) -> Mask:
    """Classes by their names; where the others are masks of two classes without names, everything drawn is the object.

    Where no class is the background, what nobody drew on is void.
    """
    table = np.full(256, VOID, np.uint8)
    if reading.background is not None:
        table[NOTHING] = reading.background
    nameless = reading.kind != DRAWN and len(reading.classes) == 2
    for number, name in enumerate(raw.names, start=1):
        if name in reading.classes:
            table[number] = reading.classes.index(name)
        elif nameless:
            table[number] = 1 if reading.background is None else reading.objects[0]
        else:
            raise DataError(f"{where}: class {name!r} is none of those known ({', '.join(reading.classes)}).")
    if nameless and reading.background is None:
        table[NOTHING] = 0
    classes: NDArray[np.uint8] = table[raw.codes & 255]
    labels: NDArray[np.int32] = np.where(classes == VOID, 0, raw.codes >> OBJECT_SHIFT).astype(np.int32)
    return Mask(classes, labels if reading.instances else None)


def _look_up(codes: NDArray[Any], reading: MaskReading, where: str) -> NDArray[np.uint8]:
    known = np.array([value for value, _ in reading.table], np.int64)
    numbers = np.array([number for _, number in reading.table], np.uint8)
    order = np.argsort(known)
    known, numbers = known[order], numbers[order]
    if codes.dtype.itemsize <= 2 and codes.dtype.kind == "u":
        size = np.iinfo(codes.dtype).max + 1
        inside = (known >= 0) & (known < size)
        table = np.full(size, _UNKNOWN, np.uint8)
        table[known[inside]] = numbers[inside]
        classes: NDArray[np.uint8] = table[codes]
        bad = classes == _UNKNOWN
    else:
        places = np.minimum(np.searchsorted(known, codes), len(known) - 1)
        classes = numbers[places]
        bad = known[places] != codes
    if bad.any():
        row, column = np.argwhere(bad)[0]
        raise DataError(unknown_value(where, int(codes[row, column]), (int(row), int(column)), reading))
    return classes


def _nearest(codes: NDArray[Any], reading: MaskReading) -> NDArray[np.uint8]:
    """Every colour as the class of the colour in the table that is nearest in RGB."""

    def rgb(packed: NDArray[Any]) -> NDArray[np.float32]:
        return np.stack([packed >> 16 & 255, packed >> 8 & 255, packed & 255], axis=-1).astype(np.float32)

    colours, places = np.unique(codes, return_inverse=True)
    table = rgb(np.array([value for value, _ in reading.table], np.int64))
    numbers = np.array([number for _, number in reading.table], np.uint8)
    distance = np.stack([((rgb(colours) - row) ** 2).sum(axis=1) for row in table])
    nearest: NDArray[np.uint8] = numbers[distance.argmin(axis=0)][places.reshape(codes.shape)]
    return nearest


def unknown_value(where: str, value: int, place: tuple[int, int], reading: MaskReading) -> str:
    """`file: value 3 at row 12, column 40 is no class (0 soil, 1 leaf). Repaint it or add it with --values.`"""
    names = dict(enumerate(reading.classes)) | {VOID: "void"}
    listed = ", ".join(f"{show_value(code, reading.form)} {names[number]}" for code, number in reading.table[:12])
    more = ", ..." if len(reading.table) > 12 else ""
    noun = "colour" if reading.form == COLOUR else "value"
    return (
        f"{where}: {noun} {show_value(value, reading.form)} at row {place[0]}, column {place[1]} is no class "
        f"({listed}{more}). Repaint it, or say what it is with --values."
    )


def show_value(value: int, form: str) -> str:
    """A value as a person would write it: 7, or #ff0000."""
    return f"#{value:06x}" if form == COLOUR else str(value)


def in_form(raw: RawMask, form: str, where: str) -> NDArray[Any]:
    """The numbers of a mask as grey values, palette indices or colours, whichever the data set is read by."""
    if form in (raw.form, OBJECTS, BOUNDARIES):
        return raw.codes
    palette = raw.palette
    if raw.form == INDEX and palette is not None:
        full = np.zeros((max(256, len(palette)), 3), np.int32)
        full[: len(palette)] = palette
        if form == COLOUR:
            packed: NDArray[Any] = (full[:, 0] << 16 | full[:, 1] << 8 | full[:, 2])[raw.codes]
            return packed
        if form == GREY:
            used = full[np.unique(raw.codes)]
            if not (used == used[:, :1]).all():
                raise DataError(f"{where}: has colours where grey values were expected, as in the other masks.")
            grey: NDArray[Any] = full[:, 0].astype(np.uint8)[raw.codes]
            return grey
    if raw.form == GREY and form == INDEX:
        return raw.codes
    if raw.form == GREY and form == COLOUR:
        return raw.codes.astype(np.int32) * 0x010101
    kinds = {
        GREY: "grey values",
        INDEX: "palette indices",
        COLOUR: "colours",
        OBJECTS: "objects",
        BOUNDARIES: "boundaries",
    }
    raise DataError(f"{where}: holds {kinds[raw.form]} where {kinds[form]} were expected, as in the other masks.")
