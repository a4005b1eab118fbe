"""Which images train, which validate and which are held back for the test, made once and kept.

The choice depends on the contents of the images and the seed alone: not on names, order or place, so that a renamed or
moved folder gives the same split. What resembles each other stays on one side, as far as the set allows; where it does
not, the reason says so.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from handful.data.audit import Audit
from handful.data.draw import draw_images, units_of
from handful.data.inside import cut_inside
from handful.data.likeness import find_twins
from handful.data.region import Region, whole_regions
from handful.errors import DataError, SettingsError
from handful.names import plural

__all__ = ["Region", "Split", "keep_split", "make_split"]

TEST_FRACTION = 0.2
MOST_TEST = 200  # images: more hardly narrow the interval, and are missing in training and take long to score
LEAST_FOR_VALIDATION = 12  # images to train on: with fewer, each is worth more as a lesson than as a judge
MOST_VALIDATION = 16


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
        except (LookupError, TypeError, ValueError, OverflowError) as error:
            raise DataError(f"split.json is damaged ({error!r}). Remove it to make a new split.") from error


def make_split(audit: Audit, *, test_fraction: float | None = None, seed: int = 0, test: Audit | None = None) -> Split:
    """Divide the images of an audit into training, validation and test.

    In this order: `test`, an audit of its own, is the test set; a fraction of 0 holds nothing back and trains on every
    image; folders named train, val and test are respected (val alone is the test); otherwise `test_fraction` of the
    images (default 0.2, at least one where there are two, at most 200) is drawn so that it resembles the whole, equal
    and nearly equal images together and consecutive ones in blocks; of a single image a strip is held back.

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
        words.append(f"trained on all {plural(len(names), 'image')} (test fraction 0): no test, so no honest score")
    elif parts["test"]:
        held, training, validation = parts["test"], parts["train"], parts["val"]
        own = "test" if any(pair.part == "test" for pair in audit.pairs) else "val"
        words.append(f"test on the {plural(len(held), 'image')} of the folders' own {own} part")
    elif len(units_of(names, audit)) == 1:
        held, validation = [], []
        training = names
        regions, text = cut_inside(audit, seed)
        words.append(text)
    else:
        fraction = min(TEST_FRACTION, MOST_TEST / len(names)) if test_fraction is None else test_fraction
        held, text = draw_images(names, audit, fraction, seed, "test")
        training, validation = [name for name in names if name not in set(held)], []
        words.append(text)
    if regions is None and test_fraction != 0:
        training, validation = _validation(training, validation, audit, seed, words)
    leaks = _leaks(training + validation, held, audit, test, outer)
    if leaks:
        shown = ", ".join(leaks[:3]) + (" ..." if len(leaks) > 3 else "")
        words.append(
            f"careful: {plural(len(leaks), 'image')} to train on ({shown}) {'is' if len(leaks) == 1 else 'are'} in the "
            "test too, so its score flatters"
        )
    whole = whole_regions(audit)
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
    fresh = [region for name, region in whole_regions(audit).items() if name not in known]

    def renamed(regions: Iterable[Region], names: dict[str, str]) -> tuple[Region, ...]:
        return tuple(replace(region, name=names[region.name]) for region in regions)

    reason = old.reason
    if fresh:
        reason = f"{reason.rstrip('.')}; {plural(len(fresh), 'image')} new since then, trained on."
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


def _others(audit: Audit, test: Audit) -> tuple[dict[str, Region], str]:
    """The test set without the very images that are trained on (unless there are no others), and that in words."""
    known = {facts.content for facts in audit.facts.values()}
    whole = whole_regions(test)
    others = {name: region for name, region in whole.items() if test.facts[name].content not in known}
    text = f"test on {plural(len(others or whole), 'image')} of {test.root}"
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


def _validation(
    training: list[str], validation: list[str], audit: Audit, seed: int, words: list[str]
) -> tuple[list[str], list[str]]:
    if validation:
        words.append(f"validation on the {plural(len(validation), 'image')} of the folders' own val part")
        return training, validation
    count = len(training)
    if count < LEAST_FOR_VALIDATION or len(units_of(training, audit)) < 2:
        few = f"there {'is' if count == 1 else 'are'} only {plural(count, 'image')} to train on"
        words.append(
            f"no images set aside for validation, since {few if count < LEAST_FOR_VALIDATION else 'all are alike'}"
        )
        return training, []
    wanted = min(MOST_VALIDATION, round(0.12 * count)) if count >= 24 else max(1, round(0.15 * count))
    held, _ = draw_images(training, audit, wanted / count, seed, "validation")
    there = set(held)
    words.append(f"validation on {plural(len(held), 'image')}, training on {plural(count - len(held), 'image')}")
    return [name for name in training if name not in there], held
