"""Which images train, which validate and which are held back for the test, made once and kept.

The choice depends on the contents of the images and the seed alone: not on names, order or place, so that a renamed or
moved folder gives the same split. What resembles each other stays on one side, as far as the set allows; where it does
not, the reason says so.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from handful.data.check import SMALLEST_SIDE, Audit
from handful.data.likeness import find_twins
from handful.data.mask import VOID, read_mask
from handful.errors import DataError, SettingsError

TEST_FRACTION = 0.2
STRIP = 0.25  # of a single image, held back
DRAWS = 8  # the draw that resembles the whole most is taken; more would make every seed choose the same images
MOST_VALIDATION = 16


@dataclass(frozen=True)
class Region:
    """A part of an image: rows and columns as half-open ranges; a whole image is (0, H) and (0, W)."""

    name: str
    rows: tuple[int, int]
    columns: tuple[int, int]


@dataclass(frozen=True)
class Split:
    """Regions to train on, to validate on (may be empty: the trainer then looks at training pictures) and to test on.

    `reason`: how it was made, in words. `contents`: the content hash of every image by name. `outside`: the test
    images come from a data set of their own. `leaks`: training images that are (nearly) test images.
    """

    train: tuple[Region, ...]
    validation: tuple[Region, ...]
    test: tuple[Region, ...]
    reason: str
    seed: int = 0
    outside: bool = False
    leaks: tuple[str, ...] = ()
    contents: dict[str, str] = field(default_factory=dict)
    test_contents: dict[str, str] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """For split.json; from_dict gives an equal split back."""

        def rows(regions: Iterable[Region], contents: dict[str, str]) -> list[dict[str, Any]]:
            return [
                {"name": r.name, "rows": list(r.rows), "columns": list(r.columns), "content": contents.get(r.name, "")}
                for r in regions
            ]

        return {
            "reason": self.reason,
            "seed": self.seed,
            "outside": self.outside,
            "leaks": list(self.leaks),
            "train": rows(self.train, self.contents),
            "validation": rows(self.validation, self.contents),
            "test": rows(self.test, self.test_contents if self.outside else self.contents),
        }

    @classmethod
    def from_dict(cls, content: dict[str, Any]) -> Split:
        """The split that to_dict wrote. Raises DataError when something is missing or of the wrong kind."""
        try:
            regions = {
                side: tuple(
                    Region(
                        str(entry["name"]),
                        (int(entry["rows"][0]), int(entry["rows"][1])),
                        (int(entry["columns"][0]), int(entry["columns"][1])),
                    )
                    for entry in content[side]
                )
                for side in ("train", "validation", "test")
            }
            outside = bool(content["outside"])
            inner = [*content["train"], *content["validation"], *([] if outside else content["test"])]
            return cls(
                **regions,
                reason=str(content["reason"]),
                seed=int(content["seed"]),
                outside=outside,
                leaks=tuple(str(name) for name in content["leaks"]),
                contents={str(entry["name"]): str(entry["content"]) for entry in inner},
                test_contents={str(e["name"]): str(e["content"]) for e in content["test"]} if outside else {},
            )
        except (KeyError, TypeError, ValueError, IndexError) as error:
            raise DataError(f"split.json is damaged ({error!r}). Remove it to make a new split.") from error


def make_split(audit: Audit, *, test_fraction: float | None = None, seed: int = 0, test: Audit | None = None) -> Split:
    """Divide the images of an audit into training, validation and test.

    In this order: `test`, an audit of its own, is the test set; a fraction of 0 holds nothing back and trains on every
    image; folders named train, val and test are respected (val alone is the test); otherwise `test_fraction` of the
    images (default 0.2, at least one where there are two) is drawn so that it resembles the whole, equal and nearly
    equal images together and consecutive ones in blocks; of a single image a strip is held back.

    Raises SettingsError for a fraction outside 0..1 or together with `test`.
    """
    if test_fraction is not None and not 0 <= test_fraction < 1:
        raise SettingsError(f"--test-fraction {test_fraction:g}: must be at least 0 and less than 1.")
    if test is not None and test_fraction:
        raise SettingsError("--test and --test-fraction exclude each other; give one of them.")
    names = [pair.name for pair in audit.pairs]
    parts = _parts(audit)
    words: list[str] = []
    outer: dict[str, Region] = {}
    regions: dict[str, list[Region]] | None = None
    if test is not None:
        held: list[str] = []
        training, validation = parts["train"] + parts["test"], parts["val"]
        outer, text = _others(audit, test)
        words.append(text)
    elif test_fraction == 0:
        held, training, validation = [], names, []
        words.append(f"trained on all {_images(len(names))} (test fraction 0): no test, so no honest score")
    elif parts["test"]:
        held, training, validation = parts["test"], parts["train"], parts["val"]
        own = "test" if any(pair.part == "test" for pair in audit.pairs) else "val"
        words.append(f"test on the {_images(len(held))} of the folders' own {own} part")
    elif len(_units(names, audit)) == 1:
        held, validation = [], []
        training = names
        regions, text = _inside(audit, seed)
        words.append(text)
    else:
        held, text = _draw(names, audit, TEST_FRACTION if test_fraction is None else test_fraction, seed, "test")
        training, validation = [name for name in names if name not in set(held)], []
        words.append(text)
    if regions is None and test_fraction != 0:
        training, validation = _validation(training, validation, audit, seed, words)
    leaks = _leaks(training + validation, held, audit, test, outer)
    if leaks:
        shown = ", ".join(leaks[:3]) + (" ..." if len(leaks) > 3 else "")
        words.append(
            f"careful: {_images(len(leaks))} to train on ({shown}) {'is' if len(leaks) == 1 else 'are'} in the "
            "test too, so its score flatters"
        )
    whole = _whole(audit)
    split = Split(
        train=tuple(regions["train"]) if regions is not None else tuple(whole[name] for name in training),
        validation=tuple(whole[name] for name in validation),
        test=tuple(regions["test"]) if regions is not None
        else tuple(outer.values()) if test is not None
        else tuple(whole[name] for name in held),
        reason="; ".join(words) + ".",
        seed=seed,
        outside=test is not None,
        leaks=tuple(leaks),
        contents={name: facts.content for name, facts in audit.facts.items()},
        test_contents={name: test.facts[name].content for name in outer} if test is not None else {},
    )  # fmt: skip
    used = {region.name for region in (*split.train, *split.validation, *(() if split.outside else split.test))}
    return replace(split, contents={name: content for name, content in split.contents.items() if name in used})


def keep_split(old: Split, audit: Audit, *, test: Audit | None = None) -> Split | None:
    """The old split on the images as they are named now, when all of them are still there by content; None otherwise.

    Images that the old split does not know are trained on.
    """
    inner = _rename(old.contents, audit)
    outer = _rename(old.test_contents, test) if old.outside and test is not None else {}
    if inner is None or outer is None or old.outside != (test is not None):
        return None
    known = set(inner.values())
    fresh = [region for name, region in _whole(audit).items() if name not in known]

    def renamed(regions: Iterable[Region], names: dict[str, str]) -> tuple[Region, ...]:
        return tuple(replace(region, name=names[region.name]) for region in regions)

    reason = old.reason
    if fresh:
        reason = f"{reason.rstrip('.')}; {_images(len(fresh))} new since then, trained on."
    contents = {name: audit.facts[name].content for name in (*known, *(region.name for region in fresh))}
    return replace(
        old,
        train=(*renamed(old.train, inner), *fresh),
        validation=renamed(old.validation, inner),
        test=renamed(old.test, outer if old.outside else inner),
        leaks=tuple(inner.get(name, name) for name in old.leaks),
        reason=reason,
        contents=contents,
        test_contents={outer[name]: content for name, content in old.test_contents.items()} if outer else {},
    )


def _rename(contents: dict[str, str], audit: Audit | None) -> dict[str, str] | None:
    """Old name to present name by content; the same name is preferred among equal images. None if one is gone."""
    if audit is None:
        return None
    free: dict[str, list[str]] = {}
    for name, facts in audit.facts.items():
        free.setdefault(facts.content, []).append(name)
    renamed: dict[str, str] = {}
    for name in sorted(contents, key=lambda name: (name not in audit.facts, name)):
        choices = free.get(contents[name], [])
        if not choices:
            return None
        choice = name if name in choices else choices[0]
        choices.remove(choice)
        renamed[name] = choice
    return renamed


# ------------------------------------------------------------------------------------------------- parts


def _parts(audit: Audit) -> dict[str, list[str]]:
    """Names by side as the folders say; val without test is the test. All train where there is one part only."""
    parts: dict[str, list[str]] = {"train": [], "val": [], "test": []}
    for pair in audit.pairs:
        parts["train" if pair.part == "all" else pair.part].append(pair.name)
    if not parts["train"]:
        return {"train": [pair.name for pair in audit.pairs], "val": [], "test": []}
    if parts["val"] and not parts["test"]:
        return {"train": parts["train"], "val": [], "test": parts["val"]}
    return parts


def _whole(audit: Audit) -> dict[str, Region]:
    return {name: Region(name, (0, facts.height), (0, facts.width)) for name, facts in audit.facts.items()}


def _others(audit: Audit, test: Audit) -> tuple[dict[str, Region], str]:
    """The test set without the very images that are trained on (unless there are no others), and that in words."""
    known = {facts.content for facts in audit.facts.values()}
    whole = _whole(test)
    others = {name: region for name, region in whole.items() if test.facts[name].content not in known}
    text = f"test on {_images(len(others or whole))} of {test.root}"
    if others and len(others) < len(whole):
        return others, f"{text}, leaving out {len(whole) - len(others)} that are trained on"
    return others or whole, text


def _leaks(
    training: Sequence[str], held: Sequence[str], audit: Audit, test: Audit | None, outer: dict[str, Region]
) -> list[str]:
    """Training images that are in the test too, equal or nearly so."""
    if test is None:
        there = set(held)
        return sorted({name for group in audit.twins if there & set(group) for name in group if name in set(training)})
    contents = {f"train/{name}": audit.facts[name].content for name in training}
    contents |= {f"test/{name}": test.facts[name].content for name in outer}
    thumbs = {f"train/{name}": thumb for name, thumb in audit.thumbnails.items() if f"train/{name}" in contents}
    thumbs |= {f"test/{name}": thumb for name, thumb in test.thumbnails.items() if name in outer}
    found = []
    for group in find_twins(contents, thumbs):
        if any(name.startswith("test/") for name in group):
            found += [name.removeprefix("train/") for name in group if name.startswith("train/")]
    return sorted(found)


# ------------------------------------------------------------------------------------------------- drawing


def _units(names: Sequence[str], audit: Audit) -> list[list[str]]:
    """Names that must stay together, twins in one unit; in an order that only contents decide."""
    group_of = {name: group for group in audit.twins for name in group}
    units: dict[tuple[str, ...], list[str]] = {}
    for name in names:
        units.setdefault(group_of.get(name, (name,)), []).append(name)
    for unit in units.values():
        unit.sort(key=lambda name: audit.facts[name].content)
    return sorted(units.values(), key=lambda unit: audit.facts[unit[0]].content)


def _chance(seed: int, *words: str) -> float:
    """A number in [0, 1) that depends on its arguments alone, the same on every machine."""
    digest = hashlib.sha256("\n".join((str(seed), *words)).encode()).digest()
    return int.from_bytes(digest[:7], "big") / 2**56


def _draw(names: Sequence[str], audit: Audit, fraction: float, seed: int, purpose: str) -> tuple[list[str], str]:
    """Draw about `fraction` of the names: blocks from runs, the rest spread over kinds of images. Never all of them."""
    chosen_names = set(names)
    runs = [[name for name in run if name in chosen_names] for run in audit.runs]
    runs = [run for run in runs if len(run) >= 3]
    in_runs = {name for run in runs for name in run}
    loose = [name for name in names if name not in in_runs]
    runs.sort(key=lambda run: min(audit.facts[name].content for name in run))
    features = _features(names, audit)
    total = len(names)
    wanted = min(max(1, round(fraction * total)), total - 1)

    def draw(turn: int) -> list[str]:
        held: set[str] = set()
        for run in runs:
            held |= set(_block(run, wanted * len(run) / total, audit, seed, f"{purpose} {turn}"))
        if loose:
            count = wanted - len(held) if runs else wanted
            held |= _spread(loose, count, features, audit, seed, f"{purpose} {turn}")
        for group in audit.twins:  # a block may cut through twins: all go with it
            if held & set(group):
                held |= set(group) & chosen_names
        return [name for name in names if name in held]

    draws = [held for held in map(draw, range(DRAWS)) if 0 < len(held) < total]
    if not draws:
        units = _units(names, audit)
        held = min(units, key=lambda unit: (len(unit), _chance(seed, audit.facts[unit[0]].content)))
        draws = [[name for name in names if name in set(held)]]
    best = min(draws, key=lambda held: _unlike(held, names, features, audit))
    text = f"{purpose} on {_images(len(best))} of {total}"
    if runs and not loose:
        text += ", held back as blocks of consecutive images (their neighbours next to a block are still trained on)"
    elif runs:
        text += ", held back so that they resemble the whole, consecutive images in blocks"
    elif total > 2:
        text += ", held back so that they resemble the whole"
    else:
        text += ", held back"
    kept = sum(len(group) > 1 for group in _units(names, audit))
    if kept:
        text += f" ({kept} group{'s' if kept > 1 else ''} of like images kept on one side)"
    return best, text


def _block(run: Sequence[str], length: float, audit: Audit, seed: int, purpose: str) -> Sequence[str]:
    """A stretch of consecutive names; its place follows from the seed and the contents of the run."""
    contents = sorted(audit.facts[name].content for name in run)
    size = math.floor(length + _chance(seed, purpose, "size", contents[0]))
    size = max(size, 1 if length >= 0.5 else 0)
    if size == 0:
        return ()
    start = int(_chance(seed, purpose, *contents) * (len(run) - size + 1))
    return run[start : start + size]


def _spread(
    names: Sequence[str], count: int, features: dict[str, NDArray[np.float64]], audit: Audit, seed: int, purpose: str
) -> set[str]:
    """About `count` names at even steps through units sorted by kind (size, colour, brightness, share of objects)."""
    if count <= 0:
        return set()
    units = _units(names, audit)
    units.sort(key=lambda unit: (_kind(unit[0], audit), *features[unit[0]].tolist(), audit.facts[unit[0]].content))
    step = len(names) / count
    place = _chance(seed, purpose, "start", *sorted(audit.facts[name].content for name in names)) * step
    held: set[str] = set()
    passed = 0.0
    for unit in units:
        passed += len(unit)
        if place < passed and len(held) < count:
            held |= set(unit)
            while place < passed:
                place += step
    return held


def _kind(name: str, audit: Audit) -> tuple[bool, int, int]:
    """The modality, roughly: colour or grey, size, dark or bright."""
    facts = audit.facts[name]
    return facts.grey, facts.height * facts.width, int(facts.mean * 4)


def _features(names: Sequence[str], audit: Audit) -> dict[str, NDArray[np.float64]]:
    """Standardised brightness, contrast, size, colour and class shares of each image."""
    rows = []
    for name in names:
        facts = audit.facts[name]
        shares = np.array(facts.class_pixels, np.float64) / max(1, sum(facts.class_pixels))
        rows.append([facts.mean, facts.std, math.log(facts.height * facts.width), float(facts.grey), *shares])
    table = np.array(rows, np.float64)
    spread = table.std(axis=0)
    table = (table - table.mean(axis=0)) / np.where(spread > 1e-9, spread, 1)
    return {name: np.round(row, 9) for name, row in zip(names, table, strict=True)}


def _unlike(held: Sequence[str], names: Sequence[str], features: dict[str, NDArray[np.float64]], audit: Audit) -> float:
    """How far the drawn images are from the whole; a class that one side lacks counts most."""
    there = set(held)
    inside = np.mean([features[name] for name in held], axis=0)
    distance = float(np.abs(inside).mean())
    rest = [name for name in names if name not in there]
    for side in (held, rest):
        present = np.sum([audit.facts[name].class_pixels for name in side], axis=0) > 0
        everywhere = np.sum([audit.facts[name].class_pixels for name in names], axis=0) > 0
        distance += 10 * int((everywhere & ~present).sum())
    return round(distance, 9)  # sums differ in the last bits with the order of the names


# ------------------------------------------------------------------------------------------------- validation


def _validation(
    training: list[str], validation: list[str], audit: Audit, seed: int, words: list[str]
) -> tuple[list[str], list[str]]:
    if validation:
        words.append(f"validation on the {_images(len(validation))} of the folders' own val part")
        return training, validation
    count = len(training)
    if count < 8 or len(_units(training, audit)) < 2:
        few = f"there {'is' if count == 1 else 'are'} only {_images(count)} to train on"
        words.append(f"no images set aside for validation, since {few if count < 8 else 'all are alike'}")
        return training, []
    wanted = min(MOST_VALIDATION, round(0.12 * count)) if count >= 24 else max(1, round(0.15 * count))
    held, _ = _draw(training, audit, wanted / count, seed, "validation")
    there = set(held)
    words.append(f"validation on {_images(len(held))}, training on {_images(count - len(held))}")
    return [name for name in training if name not in there], held


def _images(count: int) -> str:
    return f"{count} image{'' if count == 1 else 's'}"


# ------------------------------------------------------------------------------------------------- one image


def _inside(audit: Audit, seed: int) -> tuple[dict[str, list[Region]], str]:
    """Hold back a strip (or a corner) of the only picture there is, so that both parts have every class."""
    first = audit.pairs[0]
    facts = audit.facts[first.name]
    whole = list(_whole(audit).values())
    sizes = {(region.rows, region.columns) for region in whole}
    options = _ways_to_cut(facts.height, facts.width)
    if not options or len(sizes) > 1:
        why = (
            "the images are copies of each other"
            if len(sizes) > 1
            else f"the image is too small ({facts.width}x{facts.height})"
        )
        return {"train": whole, "test": []}, f"nothing held back for a test: {why}"
    mask = read_mask(first, audit.reading).classes
    present = {int(number) for number in np.unique(mask) if number != VOID}

    def lacking(parts: list[tuple[slice, slice]]) -> set[int]:
        there: set[int] = set()
        for part in parts:
            there |= {int(number) for number in np.unique(mask[part])}
        return present - there

    def judge(option: tuple[str, tuple[slice, slice], list[tuple[slice, slice]]]) -> tuple[float, float, float]:
        name, test, train = option
        missing = len(lacking([test])) + len(lacking(train))
        shares = _shares(mask[test], present) - _shares(mask, present)
        return missing, len(train) - 1, float(np.abs(shares).max()) + 0.02 * _chance(seed, facts.content, name)

    name, test, train = min(options, key=judge)
    regions = {
        "train": [_region(pair.name, part) for pair in audit.pairs for part in train],
        "test": [_region(pair.name, test) for pair in audit.pairs],
    }
    height, width = mask[test].shape
    share = height * width / mask.size
    text = (
        f"there is only one image: its {name} ({width}x{height} pixels, {100 * share:.0f} %) is held back for the test"
    )
    if len(audit.pairs) > 1:
        text = (
            f"all {len(audit.pairs)} images are the same picture: the {name} of each ({100 * share:.0f} %) "
            "is held back for the test"
        )
    missing = lacking([test]) | lacking(train)
    if missing:
        names = ", ".join(audit.reading.classes[number] for number in sorted(missing))
        text += f" (not every class is in both parts: {names})"
    return regions, f"{text}; a score within one image says little about other images"


def _ways_to_cut(height: int, width: int) -> list[tuple[str, tuple[slice, slice], list[tuple[slice, slice]]]]:
    """(name, test, train) of the strips along the four edges and the four corners that leave both sides usable."""
    rows, columns = max(SMALLEST_SIDE, round(STRIP * height)), max(SMALLEST_SIDE, round(STRIP * width))
    ways: list[tuple[str, tuple[slice, slice], list[tuple[slice, slice]]]] = []
    if height - rows >= SMALLEST_SIDE:
        top, bottom = slice(0, rows), slice(height - rows, height)
        ways.append(("upper strip", (top, slice(0, width)), [(slice(rows, height), slice(0, width))]))
        ways.append(("lower strip", (bottom, slice(0, width)), [(slice(0, height - rows), slice(0, width))]))
    if width - columns >= SMALLEST_SIDE:
        left, right = slice(0, columns), slice(width - columns, width)
        ways.append(("left strip", (slice(0, height), left), [(slice(0, height), slice(columns, width))]))
        ways.append(("right strip", (slice(0, height), right), [(slice(0, height), slice(0, width - columns))]))
    middle_row, middle_column = height // 2, width // 2
    if min(middle_row, middle_column) >= SMALLEST_SIDE:
        for up in (True, False):
            for left_side in (True, False):
                ys = slice(0, middle_row) if up else slice(middle_row, height)
                other = slice(middle_row, height) if up else slice(0, middle_row)
                xs = slice(0, middle_column) if left_side else slice(middle_column, width)
                beside = slice(middle_column, width) if left_side else slice(0, middle_column)
                name = f"{'upper' if up else 'lower'} {'left' if left_side else 'right'} quarter"
                ways.append((name, (ys, xs), [(other, slice(0, width)), (ys, beside)]))
    return ways


def _region(name: str, part: tuple[slice, slice]) -> Region:
    rows, columns = part
    return Region(name, (rows.start, rows.stop), (columns.start, columns.stop))


def _shares(mask: NDArray[np.uint8], present: set[int]) -> NDArray[np.float64]:
    counts = np.bincount(mask.ravel(), minlength=256)[sorted(present)].astype(np.float64)
    shares: NDArray[np.float64] = counts / max(1.0, counts.sum())
    return shares
