"""Masks whose values or colours a list of classes near the data explains."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from handful.data.classlist import BACKGROUND_NAMES, VOID_NAMES, ClassList
from handful.data.mask import VOID, MaskReading
from handful.data.maskfile import COLOUR
from handful.data.numbered import number_objects
from handful.data.problem import WARNING, Problem
from handful.data.readings import KIND_OF, MOST_CLASSES, VOC_RIM, Decision, describe_table
from handful.data.smeared import share_near
from handful.data.values import Values
from handful.errors import DataError


def from_lists(found: Values, lists: Sequence[ClassList]) -> Decision | None:
    """The first list whose values or colours are those of the masks; lists of something else are passed over."""
    if number_objects(found) == "yes" and found.form != COLOUR and len(found.values) > 2:
        covering = [names for names in lists if len(names.entries) + 1 >= len(found.values)]
        if not covering:
            return None
    for names in lists:
        decision = _from_list(found, names)
        if decision is not None:
            return decision
    return None


def _from_list(found: Values, names: ClassList) -> Decision | None:
    form = found.form
    entries = names.entries
    coloured = all(entry.colour is not None for entry in entries)
    valued = all(entry.value is not None for entry in entries)
    codes: list[int]
    if form == COLOUR:
        if not coloured:
            return None
        codes = [entry.colour for entry in entries if entry.colour is not None]
    elif valued:
        codes = [entry.value for entry in entries if entry.value is not None]
    else:
        codes = list(range(len(entries)))
    listed = [(code, entry.name) for code, entry in zip(codes, entries, strict=True)]
    if not valued and found.values == (0, 1) and len(entries) > 3:
        return None  # a list for something else (YOLO boxes): two classes do not need that many names
    if form != COLOUR and not valued:
        used = [value for value in found.values if value not in (-1, 255) or (value == 255 and len(found.values) == 2)]
        if len(used) == 2 and len(entries) in (1, 2) and used != [0, 1]:
            two = [entry.name for entry in entries] if len(entries) == 2 else ["background", entries[0].name]
            listed = [(used[0], two[0]), (used[1], two[1])]
        elif used and used[-1] == len(entries) and entries[0].name.casefold() not in BACKGROUND_NAMES:
            listed = [(0, "background"), *((number + 1, entry.name) for number, entry in enumerate(entries))]
    known = {code for code, _ in listed}
    if form != COLOUR and 255 in found.values and 255 not in known and len(found.values) > 2:
        listed.append((255, "void"))
    if form != COLOUR and -1 in found.values:
        listed.append((-1, "void"))
    if form == COLOUR and VOC_RIM in found.values and VOC_RIM not in known:
        listed.append((VOC_RIM, "void"))
    if form != COLOUR and valued and 0 in found.values and 0 not in known:
        listed.insert(0, (0, "background"))
    known = {code for code, _ in listed}
    foreign = [value for value in found.values if value not in known]
    if form == COLOUR and (any(tally.lossy for tally in found.tallies) or len(foreign) > 32):
        return _smeared(found, listed, names)
    inside = found.share(*(value for value in found.values if value in known))
    if len(foreign) == len(found.values) or inside < 0.5:
        return None
    classes = [(code, name) for code, name in listed if name.casefold() not in VOID_NAMES]
    if len({name for _, name in classes}) < 2 or len(classes) > MOST_CLASSES:
        return None
    problems: list[Problem] = []
    strays: list[tuple[int, int]] = []
    if foreign:
        if any(tally.lossy for tally in found.tallies) and form != COLOUR and len(found.values) > 8:
            return None  # smeared values: see with_names
        if inside < 0.995 or len(foreign) > len(known):
            if inside < 0.9:
                return None
            raise DataError(
                f"{found.where(foreign[0])} is not in {names.path.name}. Add it there, or name the values with "
                "--values."
            )
        for value in foreign:
            problems.append(
                Problem(
                    found.holder(value).where,
                    f"{found.where(value).split(': ', 1)[1]} is not in {names.path.name}; left out as void",
                    WARNING,
                )
            )
            strays.append((value, VOID))
    ordered = list(dict.fromkeys(name for _, name in classes))
    if len(ordered) == 2 and form != COLOUR:
        ordered = list(dict.fromkeys(name for _, name in sorted(classes)))
    table = [(code, VOID if name.casefold() in VOID_NAMES else ordered.index(name)) for code, name in listed]
    kind = KIND_OF[form]
    background = next((i for i, name in enumerate(ordered) if name.casefold() in BACKGROUND_NAMES), None)
    reading = MaskReading(kind, tuple(ordered), background, form, tuple(sorted({*table, *strays})))
    return Decision(
        replace(reading, description=describe_table(reading, f"names from {names.path.name}")),
        tuple(problems),
        named=True,
    )


def _smeared(found: Values, listed: list[tuple[int, str]], names: ClassList) -> Decision | None:
    """Colours of the list that JPEG or smoothing has smeared: the nearest one counts."""
    if share_near(found, [code for code, _ in listed]) < 0.9:
        return None
    classes = list(dict.fromkeys(name for _, name in listed if name.casefold() not in VOID_NAMES))
    table = tuple(sorted((code, VOID if n.casefold() in VOID_NAMES else classes.index(n)) for code, n in listed))
    background = next((i for i, name in enumerate(classes) if name.casefold() in BACKGROUND_NAMES), None)
    reading = MaskReading("colours", tuple(classes), background, COLOUR, table, nearest=True)
    why = f"names from {names.path.name}; smeared colours are read as the nearest"
    return Decision(replace(reading, description=describe_table(reading, why)), named=True)


def with_names(decision: Decision, lists: Sequence[ClassList]) -> Decision:
    """Two smeared classes under the names of the first list of two, dark first, or of one, which is the object."""
    if decision.reading.kind != "threshold":
        return decision
    for names in lists:
        listed = [entry.name for entry in names.entries if entry.name.casefold() not in VOID_NAMES]
        if len(listed) in (1, 2):
            classes = ("background", *listed)[-2:]
            source = f"Names from {names.path.name}: dark is {classes[0]}, bright {classes[1]}."
            text = f"{decision.reading.description} {source}"
            return replace(decision, reading=replace(decision.reading, classes=classes, description=text), named=True)
    return decision
