"""Who trains and who tests in a comparison: test images fixed once for all cells, training sets nested by seed."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace

from handful.data.audit import Audit
from handful.data.folds import make_folds
from handful.data.region import chance
from handful.data.split import Split, make_split
from handful.errors import SettingsError


def fixed_splits(
    audit: Audit, *, test: float | None = None, others: Audit | None = None, folds: int = 0, seed: int = 0
) -> tuple[Split, ...]:
    """One split, or one for each fold.

    test: a share below 1 or a number of images, out of all whatever part of the folders they are in; None respects the
    folders. others: a test set of its own. folds: every image is tested once; images that follow each other are cut
    into blocks. Raises SettingsError where there are too few images.
    """
    if folds:
        return tuple(
            replace(split, reason=f"{split.reason.rstrip('.')}: test on {', '.join(one.name for one in split.test)}.")
            for split in make_folds(audit, folds, seed=seed)
        )
    if others is not None:
        return (make_split(audit, test=others, seed=seed),)
    if test is None:
        return (make_split(audit, seed=seed),)
    count = len(audit.pairs)
    if test >= count:
        raise SettingsError(f"split.test = {test:g}: {audit.root} has only {count} images, and some must train.")
    return (make_split(pooled(audit), test_fraction=test if test < 1 else test / count, seed=seed),)


def split_of(audit: Audit, split: Split, count: int | None, seed: int, others: Audit | None = None) -> Split:
    """`split` with `count` of its training images (None: all of them) drawn by the seed; the same test images.

    Of one seed a larger set holds the smaller ones. Raises SettingsError where there are not so many.
    """
    if count is None:
        return split
    names = list(dict.fromkeys(region.name for region in (*split.train, *split.validation)))
    if others is None and any(region.name in names for region in split.test):
        raise SettingsError(f"axes.images: {audit.root} is a single image; there is no number of them to vary.")
    if count > len(names):
        raise SettingsError(f"axes.images = {count}: only {len(names)} images are left to train on.")
    names.sort(key=lambda name: chance(seed, "subset", audit.facts[name].content, name))
    if others is not None:
        made = make_split(only(audit, names[:count]), test=others, seed=seed)
        return replace(made, test=split.test, test_contents=split.test_contents)
    tested = [region.name for region in split.test]
    made = split_into(audit, names[:count], tested, seed)
    return replace(made, reason=f"{count} training images of {len(names)}, drawn by seed {seed}; {made.reason}")


def split_into(audit: Audit, training: Collection[str], tested: Sequence[str], seed: int) -> Split:
    """A split of one set with these images to train on (validation taken from them) and these to test on."""
    split = make_split(only(audit, training), test=only(audit, tested), seed=seed)
    by_name = {region.name: region for region in split.test}
    return replace(
        split,
        test=tuple(by_name[name] for name in tested if name in by_name),
        outside=False,
        contents=split.contents | {name: audit.facts[name].content for name in by_name},
        test_contents={},
    )


def only(audit: Audit, names: Collection[str]) -> Audit:
    """The audit of these images alone, in no part of their own."""
    kept = set(names)

    def groups(found: tuple[tuple[str, ...], ...]) -> tuple[tuple[str, ...], ...]:
        smaller = (tuple(name for name in group if name in kept) for group in found)
        return tuple(group for group in smaller if len(group) > 1)

    return replace(
        audit,
        pairs=tuple(replace(pair, part="all") for pair in audit.pairs if pair.name in kept),
        facts={name: facts for name, facts in audit.facts.items() if name in kept},
        thumbnails={name: one for name, one in audit.thumbnails.items() if name in kept},
        twins=groups(audit.twins),
        runs=groups(audit.runs),
    )


def pooled(audit: Audit) -> Audit:
    """The audit with all images in one pool, whatever part of the folders they are in."""
    return only(audit, [pair.name for pair in audit.pairs])
