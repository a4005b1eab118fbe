"""Which mask belongs to which image, from their names alone: never from their order."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from handful.data.roles import IMAGE_WORDS, MASK_WORDS, preference, words_of

_JOINERS = r"[\s_\-.()]*"
_ENDS = "|".join(
    sorted(
        MASK_WORDS
        | IMAGE_WORDS
        | {
            "labelids",
            "labeltrainids",
            "instanceids",
            "color",
            "colour",
            "gtfine",
            "gtcoarse",
            "leftimg8bit",
            "class",
            "binary",
            "bw",
        },
        key=len,
        reverse=True,
    )
)
# A word counts at an end of the name where a sign or a digit sets it off: `mask_cat`, `label12`, not `maskot`.
_LEAD = re.compile(rf"^(?:(?:{_ENDS})(?=[\d\s_\-.(]){_JOINERS})+")
_TAIL = re.compile(rf"(?:(?:[\s_\-.()]+|(?<=\d))(?:{_ENDS}))+$")
_OBSERVER = re.compile(r"[\s_\-.]+(?:manual\d?|(?:1st|2nd|3rd)_?(?:ho|manual)?)$")


@dataclass(frozen=True)
class Match:
    """`partners[i]`: which masks belong to image i, all of one kind. `spare`: masks of images that already have a
    better one (a second annotator, a colour rendering). `rule` says in words how names were compared."""

    partners: tuple[tuple[int, ...], ...]
    spare: tuple[int, ...]
    rule: str

    @property
    def found(self) -> int:
        """How many images have a mask."""
        return sum(bool(masks) for masks in self.partners)


def match_names(images: Sequence[str], masks: Sequence[str]) -> Match:
    """Pair file stems: same stem, then prefix or suffix (learnt from the set), then numbers; case is ignored.

    The first rule that gives every image or every mask a partner is taken, otherwise the one that pairs most. One
    image and one mask always belong together.
    """
    image_stems, mask_stems = [name.casefold() for name in images], [name.casefold() for name in masks]
    if not image_stems or not mask_stems:
        return Match(tuple(() for _ in images), (), "")
    rules: list[Callable[[], Match]] = [
        lambda: _by_key(image_stems, mask_stems, _same, _same, "the same name"),
        lambda: _by_affix(image_stems, mask_stems),
        lambda: _by_key(image_stems, mask_stems, _bare, _bare, "the same name but for words such as mask or image"),
        lambda: _by_key(
            image_stems, mask_stems, _without_ends(image_stems), _without_ends(mask_stems), "prefix or suffix"
        ),
        lambda: _by_number(image_stems, mask_stems),
    ]
    best: Match | None = None
    for rule in rules:
        match = rule()
        if match.found == len(images) or sum(map(len, match.partners)) + len(match.spare) == len(masks):
            return match
        if best is None or match.found > best.found:
            best = match
    if len(images) == len(masks) == 1:
        return Match(((0,),), (), "one image and one mask")
    return best if best is not None else Match(tuple(() for _ in images), (), "")


def _same(stem: str) -> str:
    return stem


def _bare(stem: str) -> str:
    """The stem without role words at its ends: `mask_cat.0` and `cat.0` agree, so do `img12` and `label12`."""
    stem = _OBSERVER.sub("", stem)
    bare = _TAIL.sub("", _LEAD.sub("", stem)).strip(" _-.")
    return bare or stem


def _without_ends(stems: Sequence[str]) -> Callable[[str], str]:
    """Cut off what all stems have in common at their start and end; digits are never cut."""
    prefix, suffix = stems[0], stems[0]
    for stem in stems[1:]:
        while not stem.startswith(prefix):
            prefix = prefix[:-1]
        while not stem.endswith(suffix):
            suffix = suffix[1:]
    prefix = prefix.rstrip("0123456789") if len(stems) > 1 else ""
    suffix = suffix.lstrip("0123456789") if len(stems) > 1 else ""
    shortest = min(map(len, stems))
    if len(prefix) + len(suffix) >= shortest:
        suffix = ""

    def cut(stem: str) -> str:
        return stem[len(prefix) : len(stem) - len(suffix)].strip(" _-.")

    return cut


def _by_key(
    images: Sequence[str],
    masks: Sequence[str],
    image_key: Callable[[str], str],
    mask_key: Callable[[str], str],
    rule: str,
) -> Match:
    keys: dict[str, list[int]] = {}
    for index, stem in enumerate(images):
        keys.setdefault(image_key(stem), []).append(index)
    partners: list[list[int]] = [[] for _ in images]
    spare: list[int] = []
    for index, stem in enumerate(masks):
        owners = keys.get(mask_key(stem), [])
        if len(owners) != 1:
            continue
        partners[owners[0]].append(index)
    for owner, found in enumerate(partners):
        if len(found) > 1:
            found.sort(key=lambda index: (preference(masks[index]), masks[index]))
            spare += found[1:]
            partners[owner] = found[:1]
    return Match(tuple(map(tuple, partners)), tuple(spare), rule)


def _by_affix(images: Sequence[str], masks: Sequence[str]) -> Match:
    """Learn what masks add to the names of their images (or leave off), by vote."""
    added = _votes(images, masks)
    removed = _votes(masks, images)
    options = [
        _apply_affixes(images, masks, [affix for affix, _ in added]),
        _apply_removed(images, masks, [affix for affix, _ in removed[:1]]),
    ]
    return max(options, key=lambda match: match.found)


def _votes(short: Sequence[str], long: Sequence[str]) -> list[tuple[tuple[str, str], int]]:
    """(prefix, suffix) by which names in `long` extend names in `short`, commonest first, at least a tenth as common
    as the first. A name that continues a number ("1" in "mask_11") does not count."""
    step = max(1, len(short) // 60)
    votes: Counter[tuple[str, str]] = Counter()
    for stem in short[::step]:
        seen = set()
        for name in long:
            place = name.find(stem)
            if place < 0 or name == stem:
                continue
            before, after = name[:place], name[place + len(stem) :]
            if (before and before[-1].isdigit() and stem[0].isdigit()) or (
                after and after[0].isdigit() and stem[-1].isdigit()
            ):
                continue
            seen.add((before, after))
        votes.update(seen)
    if not votes:
        return []
    most = max(votes.values())
    kept = [(affix, count) for affix, count in votes.items() if 10 * count >= most]
    return sorted(kept, key=lambda entry: (-entry[1], preference(" ".join(entry[0])), entry[0]))


def _apply_affixes(images: Sequence[str], masks: Sequence[str], affixes: Sequence[tuple[str, str]]) -> Match:
    """Masks whose affix is the chosen one, or that with a number (`_mask`, `_mask_1`: further objects), are used."""
    names = {stem: index for index, stem in enumerate(images)}
    by_affix: dict[tuple[str, str], dict[int, int]] = {}
    for index, mask in enumerate(masks):
        for before, after in affixes:
            if len(before) + len(after) < len(mask) and mask.startswith(before) and mask.endswith(after):
                owner = names.get(mask[len(before) : len(mask) - len(after)])
                if owner is not None:
                    by_affix.setdefault((before, after), {})[owner] = index
                    break
    if not by_affix:
        return Match(tuple(() for _ in images), (), "")
    most = max(len(found) for found in by_affix.values())
    main = min(
        (affix for affix, found in by_affix.items() if 2 * len(found) >= most),
        key=lambda affix: (preference(" ".join(affix)), -len(by_affix[affix]), affix),
    )
    family = [affix for affix in by_affix if _kin(main, affix)]
    partners: list[list[int]] = [[] for _ in images]
    spare: list[int] = []
    for affix, found in by_affix.items():
        for owner, index in found.items():
            if affix in family:
                partners[owner].append(index)
            else:
                spare.append(index)
    before, after = main
    words = " and ".join(
        text for text in (f"prefix {before!r}" if before else "", f"suffix {after!r}" if after else "") if text
    )
    return Match(tuple(tuple(sorted(found)) for found in partners), tuple(spare), words)


def _kin(main: tuple[str, str], other: tuple[str, str]) -> bool:
    """The same affix but for a number at its end: further objects of one image."""
    if main == other:
        return True
    plain = [re.sub(r"[\s_\-.]*\d+$", "", affix[1]) for affix in (main, other)]
    return main[0] == other[0] and plain[0] == plain[1] and bool(words_of(plain[0]))


def _apply_removed(images: Sequence[str], masks: Sequence[str], affixes: Sequence[tuple[str, str]]) -> Match:
    names = {stem: index for index, stem in enumerate(masks)}
    partners: list[tuple[int, ...]] = [() for _ in images]
    for index, image in enumerate(images):
        for before, after in affixes:
            if len(before) + len(after) < len(image) and image.startswith(before) and image.endswith(after):
                owner = names.get(image[len(before) : len(image) - len(after)])
                if owner is not None:
                    partners[index] = (owner,)
    if not affixes:
        return Match(tuple(partners), (), "")
    before, after = affixes[0]
    return Match(tuple(partners), (), f"images add {(before + ' ' + after).strip()!r} to the name of the mask")


def _by_number(images: Sequence[str], masks: Sequence[str]) -> Match:
    """The numbers in the names agree one to one; numbers that all names share are left out of the comparison."""
    image_keys, mask_keys = _numbers(images), _numbers(masks)
    nothing = Match(tuple(() for _ in images), (), "")
    if len(set(image_keys)) < len(images) or len(set(mask_keys)) < len(masks) or () in image_keys:
        return nothing
    if not (set(image_keys) <= set(mask_keys) or set(mask_keys) <= set(image_keys)):
        return nothing
    places = {key: index for index, key in enumerate(mask_keys)}
    return Match(tuple((places[key],) if key in places else () for key in image_keys), (), "the numbers in the names")


def _numbers(stems: Sequence[str]) -> list[tuple[int, ...]]:
    rows = [tuple(int(digits) for digits in re.findall(r"\d+", stem)) for stem in stems]
    if len({len(row) for row in rows}) != 1 or len(rows) < 2:
        return rows
    moving = [i for i in range(len(rows[0])) if len({row[i] for row in rows}) > 1]
    return [tuple(row[i] for i in moving) for row in rows]
