"""How the masks of a data set are to be read, decided from the values in all of them together.

What can be read in only one way is read that way and said in words; what cannot is refused with the flag that settles
it. The order: what the user said (`told`), a list of classes near the data (`listed`), then the values themselves.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from handful.data.classlist import ClassList, find_class_lists, folders_near, read_class_list
from handful.data.labelling.reading import decide_drawn
from handful.data.listed import from_lists, with_names
from handful.data.mask import VOID, MaskReading, show_value
from handful.data.maskfile import BOUNDARIES, COLOUR, DRAWN, GREY, INDEX, OBJECTS, Tally
from handful.data.numbered import number_objects
from handful.data.pairs import Pair
from handful.data.polarity import settle_background
from handful.data.problem import WARNING, Problem
from handful.data.readings import (
    MOST_CLASSES,
    Decision,
    as_classes,
    as_labels,
    at_threshold,
    brightness,
    even_steps,
    two_values,
)
from handful.data.smeared import many_between, smeared, smeared_colours
from handful.data.told import told_values
from handful.data.values import Values, ambiguous, list_values, require_two, unify
from handful.errors import DataError, SettingsError

MASK_KINDS = ("classes", "instances", "threshold", "colours", "palette")
MOST_SEEN = 64  # values, beyond which masks without other signs are no masks
STRAY_SHARE = 0.005  # of a file's pixels; more than that is not an accident of the brush


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
    elif DRAWN in forms:
        decision = decide_drawn(tallies, lists, mask_kind, values)
    elif OBJECTS in forms and mask_kind in (None, "instances") and values is None:
        decision = _objects(tallies)
    else:
        unified = unify(tallies, mask_kind, values)
        if values is not None:
            decision = told_values(unified, values)
        elif mask_kind is not None:
            decision = _told_kind(unified, mask_kind, lists)
        else:
            decision = _find_out(unified, lists)
        return settle_background(decision, unified, foreground)
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
    text = "boundaries drawn by several people (.mat): a pixel is boundary where at least one of them drew it."
    return Decision(MaskReading("boundaries", ("background", "boundary"), 0, BOUNDARIES, description=text))


def _objects(tallies: Sequence[Tally]) -> Decision:
    files = sum(int((tally.values > 0).sum()) for tally in tallies)
    text = (
        f"one mask file for every object ({files} objects in {len(tallies)} images); where two overlap the "
        "smaller one wins."
    )
    return Decision(MaskReading("objects", ("background", "foreground"), 0, OBJECTS, instances=True, description=text))


def _told_kind(found: Values, mask_kind: str, lists: Sequence[ClassList]) -> Decision:
    if mask_kind == "threshold":
        if found.form != GREY:
            raise DataError(f"{found.tallies[0].where}: holds colours; --mask-kind threshold needs grey masks.")
        return at_threshold(found, "--mask-kind threshold")
    if mask_kind == "instances":
        return as_labels(found, "--mask-kind instances")
    decision = from_lists(found, lists)
    if decision is not None:
        return decision
    return as_classes(found, f"--mask-kind {mask_kind}")


def _find_out(found: Values, lists: Sequence[ClassList]) -> Decision:
    require_two(found)
    decision = from_lists(found, lists)
    if decision is not None:
        return decision
    if found.form == COLOUR:
        return _colours(found)
    if found.form == INDEX:
        if number_objects(found) == "yes":
            return as_labels(found, "every number is one connected object")
        return as_classes(found, "palette")
    return with_names(_grey(found), lists)


def _grey(found: Values) -> Decision:
    values = found.values
    if any(tally.lossy for tally in found.tallies) and len(values) > 2:
        return smeared(found)
    if len(values) == 2:
        return two_values(found, values[0], values[1])
    if _trimap(found):
        reading = MaskReading(
            "values", ("background", "foreground"), 0, GREY, ((1, 1), (2, 0), (3, VOID)),
            description="trimap: 1 is foreground, 2 is background, 3 (the rim between them) is void.",
        )  # fmt: skip
        return Decision(reading, named=True)
    decision = _two_ways(found)
    if decision is not None:
        return decision
    instances = number_objects(found)
    if instances == "yes":
        return as_labels(found, "every number is one connected object")
    if many_between(found):
        return smeared(found)
    strays = _strays(found)
    if strays is not None:
        return strays
    if _class_numbers(values, found):
        if instances == "perhaps":
            raise DataError(
                f"{found.tallies[0].where}: values {list_values(found)} may number classes or single objects: "
                "each is one "
                "connected piece. Say which with --mask-kind classes or --mask-kind instances."
            )
        return as_classes(found, "class numbers")
    if len(values) > MOST_SEEN:
        raise DataError(
            f"{found.where(values[len(values) // 2])} is one of {len(values)} values: they look like photographs or "
            "were smoothed. Check that these are the label files, or cut them at the middle with --mask-kind threshold."
        )
    raise ambiguous(found)


def _class_numbers(values: tuple[int, ...], found: Values) -> bool:
    """Whether these are class numbers, perhaps with 255 (or -1) for void, or grey levels in even steps.

    {0, 7, 255} is none: 7 may be a slip of the brush. {0, 1, 255} and {0, 3, 7, 12, 255} are.
    """
    if len(values) > MOST_CLASSES:
        return False
    small = [value for value in values if value not in (-1, 255)]
    if not small or small[0] < 0 or small[-1] > 254:
        return False
    if even_steps(values):
        return True
    contiguous = small == list(range(small[0], small[-1] + 1)) and small[0] in (0, 1)
    if 255 in values and small[-1] < 200:
        if contiguous and len(small) > 1:
            return True
        others = sum(found.pixels[value] for value in small if value)
        return len(small) >= 4 and found.pixels[255] < 10 * others
    if contiguous:
        return True
    if small[-1] < 100 and 255 not in values:
        return True
    pieces = sum(max(1, tally.pieces) for tally in found.tallies)  # a photograph falls into crumbs, classes do not
    return len(small) >= 8 and found.total > 50 * pieces


def _trimap(found: Values) -> bool:
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


def _strays(found: Values) -> Decision | None:
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
                f"value {show_value(value, found.form)} at row {row}, column {column} is neither {low} nor "
                f"{high} ({pixels}); "
                'left out as void. Repaint it, or name it with --values "0=background,255=leaf,7=void"',
                WARNING,
            )
        )
        table += [(int(value), VOID) for value in tally.values[other]]
    decision = two_values(found, low, high)
    reading = replace(decision.reading, table=tuple(sorted(set(table))))
    return Decision(reading, tuple(problems))


def _colours(found: Values) -> Decision:
    lossy = any(tally.lossy for tally in found.tallies)
    if not lossy and number_objects(found) == "yes":
        return as_labels(found, "every colour is one connected object")
    if len(found.values) == 2:
        dark, bright = sorted(found.values, key=brightness)
        return two_values(found, dark, bright)
    rare = [
        value for value in found.values if found.share(value) < 1e-4 and found.files[value] * 4 < len(found.tallies)
    ]
    if lossy or len(found.values) > 64 or len(rare) > 4:
        decision = smeared_colours(found)
        if decision is not None:
            return decision
        value = (rare or list(found.values))[0]
        raise DataError(
            f"{found.where(value)} is one of {len(found.values)} colours, too many for classes: the masks look "
            "smoothed or "
            "are photographs. Save them without smoothing, or list the classes in class_dict.csv (name,r,g,b)."
        )
    return as_classes(found, "colours")


def _two_ways(found: Values) -> Decision | None:
    """Some files use 0 and 1, others 0 and 255, for the same two classes: read alike, and said."""
    if found.form != GREY or found.values != (0, 1, 255):
        return None
    ones = [tally for tally in found.tallies if 1 in tally.values]
    others = [tally for tally in found.tallies if 255 in tally.values]
    if {id(tally) for tally in ones} & {id(tally) for tally in others}:
        return None
    reading = MaskReading("values", ("background", "foreground"), None, GREY, ((0, 0), (1, 1), (255, 1)))
    text = f"two values, 0 and 255 in {len(others)} files, 0 and 1 in {len(ones)}; 1 and 255 mean the same."
    few = min(ones, others, key=len)[0]
    warning = Problem(
        few.where,
        f"uses {'1' if few is ones[0] else '255'} where other files use {'255' if few is ones[0] else '1'}; "
        "both are read as "
        'the same class (if 255 is void say --values "0=background,1=foreground,255=void")',
        WARNING,
    )
    return Decision(replace(reading, description=text), (warning,))
