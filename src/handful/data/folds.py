"""Every image tested once, by a model that was not trained on it: the way to a score where few images can be spared."""

from __future__ import annotations

from itertools import pairwise

from handful.data.audit import Audit
from handful.data.check import SMALLEST_SIDE
from handful.data.draw import units_of
from handful.data.region import Region, chance, whole_regions
from handful.data.split import Split
from handful.errors import SettingsError
from handful.names import plural

LEAVE_ONE_OUT = "loo"
FEW = 5  # test images: with fewer `advice` names folds


def make_folds(audit: Audit, folds: int | str, *, seed: int = 0) -> tuple[Split, ...]:
    """One split a fold; each image is in the test of exactly one of them, and nothing is kept for validation.

    folds: a number, or "loo" for as many as there are images. Copies of an image stay in one fold; slices that follow
    each other are cut into stretches; a single image is cut into strips along its longer side.

    Raises SettingsError where there are not enough images, or the only image is too small.
    """
    names = [pair.name for pair in audit.pairs]
    units = units_of(names, audit)
    if len(units) == 1:
        return _strips(audit, 4 if folds == LEAVE_ONE_OUT else int(folds), seed)
    number = len(units) if folds == LEAVE_ONE_OUT else int(folds)
    if number > len(units):
        kinds = plural(len(names), "image") + (f", of which {len(units)} differ" if len(units) < len(names) else "")
        raise SettingsError(f"--folds {folds}: {audit.root} has {kinds}. Give --folds {len(units)} at most, or loo.")
    fold_of = _deal(audit, units, number, seed)
    whole = whole_regions(audit)
    contents = {name: facts.content for name, facts in audit.facts.items()}
    return tuple(
        Split(
            train=tuple(whole[name] for name in names if fold_of[name] != fold),
            validation=(),
            test=tuple(whole[name] for name in names if fold_of[name] == fold),
            reason=f"fold {fold + 1} of {number}.",
            seed=seed,
            contents=contents,
        )
        for fold in range(number)
    )


def _deal(audit: Audit, units: list[list[str]], number: int, seed: int) -> dict[str, int]:
    """The fold of each name: stretches of runs, and the rest dealt out in the order of their kind."""
    fold_of: dict[str, int] = {}
    for run in audit.runs:
        cuts = [round(fold * len(run) / number) for fold in range(number + 1)]
        for fold, (low, high) in enumerate(pairwise(cuts)):
            fold_of |= dict.fromkeys(run[low:high], fold)

    def kind(unit: list[str]) -> tuple[bool, int, int, float]:
        facts = audit.facts[unit[0]]
        order = chance(seed, "folds", facts.content)
        return facts.grey, facts.height * facts.width, int(facts.mean * 4), order

    filled = [sum(fold == one for one in fold_of.values()) for fold in range(number)]
    # The largest groups of copies first, so that no fold is left without images by them.
    for unit in sorted(units, key=lambda unit: (-len(unit), kind(unit))):
        known = [fold_of[name] for name in unit if name in fold_of]
        fold = known[0] if known else filled.index(min(filled))
        for name in unit:
            filled[fold] += name not in fold_of
            fold_of[name] = fold
    return fold_of


def _strips(audit: Audit, number: int, seed: int) -> tuple[Split, ...]:
    """The only image (and its copies) in strips: one tests, the others train."""
    whole = list(whole_regions(audit).values())
    height, width = whole[0].rows[1], whole[0].columns[1]
    if any((region.rows, region.columns) != (whole[0].rows, whole[0].columns) for region in whole):
        raise SettingsError("--folds: the images are copies of each other in other sizes. Leave --folds out.")
    if number < 2 or max(height, width) < number * SMALLEST_SIDE:
        most = max(height, width) // SMALLEST_SIDE
        raise SettingsError(
            f"--folds {number}: the only image, {width}x{height}, can be cut into 2 to {most} strips of "
            f"{SMALLEST_SIDE} pixels."
            if most > 1
            else f"--folds: the only image, {width}x{height}, is too small to be cut."
        )
    cuts = [round(fold * max(height, width) / number) for fold in range(number + 1)]

    def part(name: str, low: int, high: int) -> Region:
        return Region(name, (low, high), (0, width)) if height > width else Region(name, (0, height), (low, high))

    def others(name: str, fold: int) -> list[Region]:
        parts = [(0, cuts[fold]), (cuts[fold + 1], cuts[-1])]
        return [part(name, low, high) for low, high in parts if high > low]

    return tuple(
        Split(
            train=tuple(region for one in whole for region in others(one.name, fold)),
            validation=(),
            test=tuple(part(one.name, *cuts[fold : fold + 2]) for one in whole),
            reason=f"strip {fold + 1} of {number} of the only image.",
            seed=seed,
            contents={one.name: audit.facts[one.name].content for one in whole},
        )
        for fold in range(number)
    )


def advice(audit: Audit, split: Split) -> str:
    """In words, where folds would tell more than the few images held back; "" where they would not."""
    count = len(audit.pairs)
    if split.outside or len(split.test) >= FEW or len(units_of([pair.name for pair in audit.pairs], audit)) < 3:
        return ""
    folds = LEAVE_ONE_OUT if count <= FEW else str(FEW)
    return (
        f"only {plural(len(split.test), 'image')} to score on: --folds {folds} scores all {count}, each by a model "
        "that never saw it, and trains the model you keep on all of them; it shares the time among the trainings"
    )


def fold_words(parts: tuple[Split, ...]) -> str:
    """How every image is tested, in words."""
    count = len({region.name for split in parts for region in split.test})
    if len(parts[0].test) and parts[0].test[0].name in {region.name for region in parts[0].train}:
        return f"the only image in {len(parts)} strips: each is scored by a model trained on the others."
    sizes = sorted({len(split.test) for split in parts})
    each = f"{sizes[0]}" if len(sizes) == 1 else f"{sizes[0]} to {sizes[-1]}"
    return (
        f"trained on all {plural(count, 'image')}; each is scored by a model that was not trained on it, in "
        f"{len(parts)} folds of {each}."
    )
