"""How the masks of a data set are to be read, decided from the values in all of them together.

What can be read in only one way is read that way and said in words; what cannot is refused with the flag that settles
it. The order: what the user said, a list of classes near the data, then the values themselves.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from handful.data.classlist import (
    BACKGROUND_NAMES,
    VOID_NAMES,
    ClassList,
    find_class_lists,
    folders_near,
    read_class_list,
)
from handful.data.mask import VOID, MaskReading, in_form, show_value
from handful.data.maskfile import BOUNDARIES, COLOUR, GREY, INDEX, OBJECTS, RawMask, Tally, tally_mask
from handful.data.pairs import Pair
from handful.data.problem import NOTE, WARNING, Problem
from handful.errors import DataError, SettingsError

MASK_KINDS = ("classes", "instances", "threshold", "colours", "palette")
SETTLE = (
    'Say what they are with --values "0=background,255=leaf,7=void", or how to read them with --mask-kind '
    "classes|instances|threshold|colours|palette."
)
# A bright class above this share of all pixels is taken for the background (membrane: 78 % of the pixels are cell).
BRIGHT_BACKGROUND = 0.6
# VOC 2012 paints the rim of every object in this colour and leaves it out of the score.
VOC_RIM = 0xE0E0C0
EXTREMES = 32  # a JPEG smears 0 and 255 by this much
STRAY_SHARE = 0.005  # of a file's pixels; more than that is not an accident of the brush
MOST_CLASSES = 254


@dataclass(frozen=True)
class Decision:
    """The reading, and what was noticed while deciding."""

    reading: MaskReading
    problems: tuple[Problem, ...] = ()


@dataclass(frozen=True)
class _Values:
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


def near_class_lists(root: Path | None, pairs: Sequence[Pair], class_file: Path | None) -> list[ClassList]:
    """The class list that was named, or all that lie near the masks, nearest first."""
    if class_file is not None:
        return [read_class_list(class_file)]
    if not pairs:
        return []
    return find_class_lists(folders_near(root or pairs[0].masks[0].path.parent, [pair.masks[0].path for pair in pairs]))


def decide(
    tallies: Sequence[Tally],
    lists: Sequence[ClassList] = (),
    *,
    values: str | None = None,
    mask_kind: str | None = None,
    foreground: str | None = None,
) -> Decision:
    """Decide from the tallies of all masks. Raises DataError for what is ambiguous, SettingsError for bad flags."""
    if not tallies:
        raise DataError("no mask could be read.")
    if mask_kind is not None and mask_kind not in MASK_KINDS:
        raise SettingsError(f"--mask-kind {mask_kind}: not known. Use one of {', '.join(MASK_KINDS)}.")
    if values is not None and mask_kind not in (None, "classes", "colours", "palette"):
        raise SettingsError(f"--values and --mask-kind {mask_kind} exclude each other; give one of them.")
    forms = {tally.form for tally in tallies}
    if BOUNDARIES in forms:
        decision = _boundaries(forms)
    elif OBJECTS in forms and mask_kind in (None, "instances") and values is None:
        decision = _objects(tallies)
    else:
        unified = _unify(tallies, mask_kind, values)
        if values is not None:
            decision = _told_values(unified, values)
        elif mask_kind is not None:
            decision = _told_kind(unified, mask_kind, lists)
        else:
            decision = _find_out(unified, lists)
        decision = _settle_background(decision, unified, foreground)
        return decision
    if foreground is not None and foreground not in decision.reading.classes:
        raise SettingsError(
            f"--foreground {foreground}: these masks have the classes {', '.join(decision.reading.classes)}."
        )
    return decision


def _boundaries(forms: set[str]) -> Decision:
    if len(forms) > 1:
        raise DataError(
            "some masks are boundary drawings (.mat) and others pictures; keep them in folders of their own."
        )
    return Decision(
        MaskReading(
            "boundaries", ("background", "boundary"), 0, BOUNDARIES,
            description="boundaries drawn by several people (.mat): a pixel is boundary where at least one of them drew it.",
        )
    )  # fmt: skip


def _objects(tallies: Sequence[Tally]) -> Decision:
    files = sum(int((tally.values > 0).sum()) for tally in tallies)
    text = f"one mask file for every object ({files} objects in {len(tallies)} images); where two overlap the smaller one wins."
    return Decision(MaskReading("objects", ("background", "foreground"), 0, OBJECTS, instances=True, description=text))


# ------------------------------------------------------------------------------------------------- one form


def _unify(tallies: Sequence[Tally], mask_kind: str | None, values: str | None) -> _Values:
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
    return _Values(converted, form, tuple(sorted(pixels)), pixels, files)


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
    table = np.zeros((256, 3), np.int64)
    if tally.palette is not None:
        table[: len(tally.palette)] = tally.palette[:256]
    return table[tally.values]


def _convert(tally: Tally, form: str) -> Tally:
    if tally.form == form or (tally.form == GREY and form == INDEX):
        return tally
    if tally.form == OBJECTS:
        raw = tally.raw()
        return _convert(tally_mask(RawMask((raw.codes > 0).astype(np.uint8) * 255, GREY), tally.where), form)
    codes = in_form(tally.raw(), form, tally.where)
    return tally_mask(RawMask(codes, form, None, tally.lossy), tally.where)


# ------------------------------------------------------------------------------------------------- told


def _told_values(found: _Values, text: str) -> Decision:
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
        return Decision(MaskReading("threshold", ordered, 0, GREY, threshold=middle, description=text))
    if others:
        raise DataError(
            f"{found.where(others[0])} is not named in --values. Add it, for example {show_value(others[0], found.form)}=void."
        )
    kind = {GREY: "values", INDEX: "palette", COLOUR: "colours"}[found.form]
    reading = MaskReading(kind, tuple(names), None, found.form, tuple(sorted(table)))
    return Decision(replace(reading, description=_describe_table(reading, "as --values says")))


def _told_kind(found: _Values, mask_kind: str, lists: Sequence[ClassList]) -> Decision:
    if mask_kind == "threshold":
        if found.form != GREY:
            raise DataError(f"{found.tallies[0].where}: holds colours; --mask-kind threshold needs grey masks.")
        return _threshold(found, "--mask-kind threshold")
    if mask_kind == "instances":
        return _labels(found, "--mask-kind instances")
    decision = _from_lists(found, lists)
    if decision is not None:
        return decision
    return _as_classes(found, f"--mask-kind {mask_kind}")


# ------------------------------------------------------------------------------------------------- found out


def _find_out(found: _Values, lists: Sequence[ClassList]) -> Decision:
    _require_two(found)
    decision = _from_lists(found, lists)
    if decision is not None:
        return decision
    if found.form == COLOUR:
        return _colours(found)
    if found.form == INDEX:
        if _instances(found) == "yes":
            return _labels(found, "every number is one connected object")
        return _as_classes(found, "palette")
    return _grey(found)


def _require_two(found: _Values) -> None:
    if len(found.values) == 1:
        value = found.values[0]
        shown = show_value(value, found.form)
        if value == 0:
            raise DataError(
                f"all {len(found.tallies)} masks are empty (value 0 everywhere); there is nothing to learn. Check that these "
                f"are the label files (first: {found.tallies[0].where})."
            )
        raise DataError(
            f"all {len(found.tallies)} masks hold one class only (value {shown} everywhere); at least two were expected. Check "
            f"that these are the label files (first: {found.tallies[0].where})."
        )


def _grey(found: _Values) -> Decision:
    values = found.values
    if any(tally.lossy for tally in found.tallies) and len(values) > 2:
        return _smeared(found)
    if len(values) == 2:
        return _two_values(found, values[0], values[1])
    if _trimap(found):
        reading = MaskReading(
            "values", ("background", "foreground"), 0, GREY, ((1, 1), (2, 0), (3, VOID)),
            description="trimap: 1 is foreground, 2 is background, 3 (the rim between them) is void.",
        )  # fmt: skip
        return Decision(reading)
    instances = _instances(found)
    if instances == "yes":
        return _labels(found, "every number is one connected object")
    if _many_between(found):
        return _smeared(found)
    strays = _strays(found)
    if strays is not None:
        return strays
    if _class_numbers(values, found):
        if instances == "perhaps":
            raise DataError(
                f"{found.tallies[0].where}: values {_listed(found)} may number classes or single objects: each is one "
                "connected piece. Say which with --mask-kind classes or --mask-kind instances."
            )
        return _as_classes(found, "class numbers")
    raise _ambiguous(found)


def _class_numbers(values: tuple[int, ...], found: _Values) -> bool:
    """Whether these are class numbers, perhaps with 255 (or -1) for void, or grey levels in even steps.

    {0, 7, 255} is none: 7 may be a slip of the brush. {0, 1, 255} and {0, 3, 7, 12, 255} are.
    """
    if len(values) > MOST_CLASSES:
        return False
    small = [value for value in values if value not in (-1, 255)]
    if not small or small[0] < 0 or small[-1] > 254:
        return False
    if _even_steps(values):
        return True
    contiguous = small == list(range(small[0], small[-1] + 1)) and small[0] in (0, 1)
    if 255 in values and small[-1] < 200:
        if contiguous and len(small) > 1:
            return True
        others = sum(found.pixels[value] for value in small if value)
        return len(small) >= 4 and found.pixels[255] < 10 * others
    if contiguous:
        return True
    return small[-1] < 100 and 255 not in values


def _even_steps(values: tuple[int, ...]) -> bool:
    """0, 85, 170, 255: classes as grey levels spread evenly, so that people can see them."""
    steps = np.diff(values)
    return len(values) >= 4 and values[0] == 0 and values[-1] in (254, 255) and int(steps.max() - steps.min()) <= 1


def _two_values(found: _Values, low: int, high: int) -> Decision:
    form = (
        "0 and 255" if (low, high) == (0, 255) else f"{show_value(low, found.form)} and {show_value(high, found.form)}"
    )
    kind = {GREY: "values", INDEX: "palette", COLOUR: "colours"}[found.form]
    reading = MaskReading(kind, ("background", "foreground"), None, found.form, ((low, 0), (high, 1)))
    noun = "colours" if found.form == COLOUR else "values"
    return Decision(replace(reading, description=f"two {noun}, {form}."))


def _many_between(found: _Values) -> bool:
    """Soft edges: most pixels near the two ends and many different values between, each of them rare."""
    low, high = found.values[0], found.values[-1]
    if high - low < 100 or high > 255:
        return False
    between = [value for value in found.values if low < value < high]
    return len(between) >= 8 and max(found.share(value) for value in between) < 0.05


def _smeared(found: _Values) -> Decision:
    """JPEG masks and soft edges: two heaps of values and little between them."""
    if found.form != GREY or max(found.values) > 255 or min(found.values) < 0:
        raise _ambiguous(found)
    top = max(found.values)
    if top <= 1:
        return _two_values(found, 0, 1)
    near = sum(found.pixels[v] for v in found.values if v <= EXTREMES or v >= top - EXTREMES) / found.total
    between = [v for v in found.values if EXTREMES < v < top - EXTREMES]
    peak = max((sum(found.pixels.get(v + d, 0) for d in range(-3, 4)) / found.total for v in between), default=0.0)
    if near < 0.85 or peak > 0.04 or top < 100:
        value = max(between, key=lambda v: found.pixels[v], default=top)
        raise DataError(
            f"{found.where(value)}: masks with soft edges must have two heaps of values, near 0 and near 255, but "
            f"{100 * (1 - near):.0f} % of the pixels lie between. If they are to be cut at the middle use --mask-kind "
            "threshold; if they number classes save them as PNG without smoothing."
        )
    lossy = any(tally.lossy for tally in found.tallies)
    return _threshold(found, "JPEG masks" if lossy else "masks with soft edges")


def _threshold(found: _Values, why: str) -> Decision:
    low, high = found.values[0], found.values[-1]
    if high == low:
        _require_two(found)
    threshold = 128.0 if 100 <= high <= 255 and low < 100 else (low + high + 1) / 2
    soft = 1 - found.share(low, high)
    between = f" ({100 * soft:.1f} % of the pixels are neither {low} nor {high})" if soft > 0 else ""
    text = f"{why}: {threshold:g} and above is bright, below is dark{between}."
    return Decision(
        MaskReading("threshold", ("background", "foreground"), None, GREY, threshold=threshold, description=text)
    )


def _trimap(found: _Values) -> bool:
    """Oxford-IIIT Pet: 1 object, 2 background, 3 the rim between; 1 and 2 hardly ever touch without a 3 between."""
    if found.values != (1, 2, 3):
        return False
    if all("trimap" in tally.where.lower() for tally in found.tallies):
        return True
    direct = through = 0
    for tally in found.tallies[:20]:
        codes = tally.raw().codes.astype(np.int16)
        for one, two in ((codes[:, 1:], codes[:, :-1]), (codes[1:], codes[:-1])):
            direct += int((one + two == 3).sum())
            through += int(((one != two) & ((one == 3) | (two == 3))).sum())
    return 20 * direct < through


def _instances(found: _Values) -> str:
    """Do the values number single objects: "yes", "no" or "perhaps"?

    Objects are in one piece each, their numbers run from 1 without gaps and their count differs from image to image;
    classes recur in every image in several pieces. Wide files (16 bit) hold objects more often than classes.
    """
    counted = [tally for tally in found.tallies if tally.pieces >= 0]
    if not counted:
        return "no"
    numbers = [np.count_nonzero(tally.values) for tally in counted]
    objects = sum(numbers)
    pieces = sum(tally.pieces for tally in counted)
    whole = objects / max(1, pieces)  # 1 where every value is one piece
    gapless = sum(int(tally.values.max()) == count for tally, count in zip(counted, numbers, strict=True)) / len(
        counted
    )
    varied = len(set(numbers)) > 1
    wide = any(tally.wide for tally in counted)
    distinct = sum(value not in (0, 255) for value in found.values)
    if max(found.values) > 255 and distinct > 20 and whole > 0.5:
        return "yes"
    if max(numbers) > 40 and whole > 0.8:
        return "yes"
    if whole < 0.8:
        return "no"
    if len(counted) >= 3 and objects >= 8 and whole >= 0.9:
        if varied and (gapless >= 0.8 or distinct > 1.5 * max(numbers)):
            return "yes" if wide or distinct > 8 or max(numbers) > 8 else "perhaps"
        return "yes" if wide and varied else "perhaps" if varied else "no"
    if whole >= 0.9 and (wide or objects > 12):
        return "yes" if (wide and objects > 5) or max(numbers) > 12 else "perhaps"
    return "perhaps" if whole >= 0.95 and objects > 2 * len(counted) and gapless == 1 else "no"


def _labels(found: _Values, why: str) -> Decision:
    most = max(int(np.count_nonzero(tally.values)) for tally in found.tallies)
    void = tuple((value, VOID) for value in found.values if value < 0)
    bits = "16-bit " if any(tally.wide for tally in found.tallies) else ""
    form = {GREY: "numbers", INDEX: "palette indices", COLOUR: "colours"}[found.form]
    text = f"{bits}instance labels: {form} for single objects, up to {most} in an image, 0 is background ({why})."
    return Decision(
        MaskReading("labels", ("background", "foreground"), 0, found.form, void, instances=True, description=text)
    )


def _strays(found: _Values) -> Decision | None:
    """A clean two-valued set with a few slips: the slips are void and each file is named. None where it is not that."""
    low, high = found.values[0], found.values[-1]
    clean = [tally for tally in found.tallies if set(tally.values.tolist()) <= {low, high}]
    dirty = [tally for tally in found.tallies if not set(tally.values.tolist()) <= {low, high}]
    if high - low < 100 or 4 * len(dirty) >= len(found.tallies) or not any(len(tally.values) == 2 for tally in clean):
        return None
    problems = []
    table = [(low, 0), (high, 1)]
    for tally in dirty:
        other = (tally.values != low) & (tally.values != high)
        if tally.counts[other].sum() > STRAY_SHARE * tally.counts.sum():
            return None
        value = int(tally.values[other][0])
        row, column = tally.place(value)
        count = int(tally.counts[other].sum())
        pixels = "1 pixel" if count == 1 else f"{count} pixels"
        problems.append(
            Problem(
                tally.where,
                f"value {show_value(value, found.form)} at row {row}, column {column} is neither {low} nor {high} ({pixels}); "
                'left out as void. Repaint it, or name it with --values "0=background,255=leaf,7=void"',
                WARNING,
            )
        )
        table += [(int(value), VOID) for value in tally.values[other]]
    decision = _two_values(found, low, high)
    reading = replace(decision.reading, table=tuple(sorted(set(table))))
    return Decision(reading, tuple(problems))


def _colours(found: _Values) -> Decision:
    if _instances(found) == "yes":
        return _labels(found, "every colour is one connected object")
    if any(tally.lossy for tally in found.tallies) and len(found.values) > 8:
        raise DataError(
            f"{found.tallies[0].where}: colour masks saved as JPEG have smeared colours ({len(found.values)} of them). Save "
            "them as PNG, or put a class_dict.csv (name,r,g,b) beside them."
        )
    if len(found.values) == 2:
        dark, bright = sorted(found.values, key=_brightness)
        decision = _two_values(found, dark, bright)
        return decision
    rare = [
        value for value in found.values if found.share(value) < 1e-4 and found.files[value] * 4 < len(found.tallies)
    ]
    if len(found.values) > 64 or len(rare) > 4:
        value = (rare or list(found.values))[0]
        raise DataError(
            f"{found.where(value)} is one of {len(found.values)} colours, too many for classes: the masks look smoothed or "
            "are photographs. Save them without smoothing, or list the classes in class_dict.csv (name,r,g,b)."
        )
    return _as_classes(found, "colours")


def _brightness(colour: int) -> float:
    return 0.299 * (colour >> 16 & 255) + 0.587 * (colour >> 8 & 255) + 0.114 * (colour & 255)


def _as_classes(found: _Values, why: str) -> Decision:
    """Every value a class, in order; 255 (in grey and palette masks) and -1 are void beside others."""
    values = [value for value in found.values if not _void_value(value, found)]
    if len(values) == 2:
        decision = _two_values(found, values[0], values[1])
        table = (*decision.reading.table, *((v, VOID) for v in found.values if v not in values))
        if found.form == COLOUR:
            values.sort(key=_brightness)
            table = ((values[0], 0), (values[1], 1), *table[2:])
        reading = replace(decision.reading, table=tuple(sorted(table)))
        return Decision(replace(reading, description=_describe_table(reading, why)))
    if len(values) > MOST_CLASSES or (found.values[-1] > 255 and found.form != COLOUR):
        raise _ambiguous(found)
    if len(values) < 2:
        _require_two(found)
        raise DataError(
            f"all masks hold one class only (value {values[0]}, all else is void); at least two were expected."
        )
    names = tuple(show_value(value, found.form) if found.form == COLOUR else f"class {value}" for value in values)
    table = [(value, number) for number, value in enumerate(values)]
    table += [(value, VOID) for value in found.values if value not in values]
    kind = {GREY: "values", INDEX: "palette", COLOUR: "colours"}[found.form]
    background = 0 if values[0] == 0 or found.form != COLOUR else None
    reading = MaskReading(kind, names, background, found.form, tuple(sorted(table)))
    return Decision(replace(reading, description=_describe_table(reading, why)))


def _void_value(value: int, found: _Values) -> bool:
    if value < 0:
        return True
    if found.form == COLOUR:
        return value == VOC_RIM
    return value == 255 and len(found.values) > 2 and not (found.form == GREY and _even_steps(found.values))


# ------------------------------------------------------------------------------------------------- lists


def _from_lists(found: _Values, lists: Sequence[ClassList]) -> Decision | None:
    """The first list whose values or colours are those of the masks; lists of something else are passed over."""
    if _instances(found) == "yes" and found.form != COLOUR and len(found.values) > 2:
        covering = [names for names in lists if len(names.entries) + 1 >= len(found.values)]
        if not covering:
            return None
    for names in lists:
        decision = _from_list(found, names)
        if decision is not None:
            return decision
    return None


def _from_list(found: _Values, names: ClassList) -> Decision | None:
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
            return None  # smeared values: the names come in when the threshold is set
        if inside < 0.995 or len(foreign) > len(known):
            if inside < 0.9:
                return None
            raise DataError(
                f"{found.where(foreign[0])} is not in {names.path.name}. Add it there, or name the values with --values."
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
    kind = {GREY: "values", INDEX: "palette", COLOUR: "colours"}[form]
    background = next((i for i, name in enumerate(ordered) if name.casefold() in BACKGROUND_NAMES), None)
    reading = MaskReading(kind, tuple(ordered), background, form, tuple(sorted({*table, *strays})))
    return Decision(
        replace(reading, description=_describe_table(reading, f"names from {names.path.name}")), tuple(problems)
    )


# ------------------------------------------------------------------------------------------------- background


def _settle_background(decision: Decision, found: _Values, foreground: str | None) -> Decision:
    """Which class is no object: named so, or the dark one, or the bright one where it covers most of the pixels."""
    reading = decision.reading
    if reading.kind in ("labels", "objects", "boundaries"):
        if foreground is not None and foreground not in reading.classes:
            raise SettingsError(
                f"--foreground {foreground}: in these masks every number is an object; classes are not known."
            )
        return decision
    if foreground is not None:
        return replace(decision, reading=_told_foreground(reading, foreground))
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


def _bright_share(found: _Values, reading: MaskReading) -> float:
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


def _told_foreground(reading: MaskReading, foreground: str) -> MaskReading:
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


# ------------------------------------------------------------------------------------------------- words


def _describe_table(reading: MaskReading, why: str) -> str:
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


def _listed(found: _Values) -> str:
    order = sorted(found.values, key=lambda value: -found.pixels[value])[:6]
    shown = ", ".join(f"{show_value(value, found.form)} ({100 * found.share(value):.2g} %)" for value in sorted(order))
    return shown + (f" and {len(found.values) - len(order)} more" if len(found.values) > len(order) else "")


def _ambiguous(found: _Values) -> DataError:
    ends = {found.values[0], found.values[-1]}
    odd = min((v for v in found.values if v not in ends), key=lambda v: found.pixels[v], default=found.values[0])
    return DataError(
        f"{found.where(odd)}: the masks hold {_listed(found)} and can be read in more than one way. {SETTLE}"
    )
