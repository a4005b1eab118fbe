"""The audit: read every file once, decide how the masks are read, and list everything that is wrong, in words."""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
from numpy.typing import NDArray

from handful.data.audit import Audit, ImageFacts
from handful.data.decide import decide, near_class_lists
from handful.data.decode import quiet, within
from handful.data.findings import channel_problems, set_problems, twin_problems
from handful.data.image import as_unit, read_picture
from handful.data.likeness import find_twins, in_sequence, thumbnail
from handful.data.mask import VOID, Mask, MaskReading, apply_reading
from handful.data.maskfile import Tally, read_raw_mask, tally_mask
from handful.data.pairs import Layout, Pair, find_pairs
from handful.data.problem import ERROR, NOTE, WARNING, Problem
from handful.data.readings import Decision
from handful.data.sample import size_mismatch
from handful.data.shifted import LOOKED_AT, Offset, best_offset, shift_problems
from handful.data.summary import summary_lines
from handful.errors import DataError

__all__ = ["Audit", "ImageFacts", "Problem", "check_data", "content_hash", "summary_lines"]

SMALLEST_SIDE = 16  # pixels; four halvings of a net leave one
LEAST_READ = 8  # pairs, however slow they are
UNREAD = "{} of {} images were left out: reading them all would take too much of the time. Give more of it to use them"
FLAT = 2 / 255  # an image whose standard deviation is below two of its grey values shows nothing
SPECK = 0.01  # connected pieces below this part of the largest are dust of JPEG or brush, not objects


@dataclass(frozen=True)
class _Look:
    """What reading one pair brought: facts about the image, and the mask still undecided."""

    pair: Pair
    shape: tuple[int, int] = (0, 0)
    channels: int = 0
    dtype: str = ""
    bits: int = 0
    content: str = ""
    low: float = 0.0
    high: float = 0.0
    mean: float = 0.0
    std: float = 0.0
    grey: bool = False
    empty: tuple[int, ...] = ()  # channels that hold one value only
    offset: Offset | None = None  # by which its mask seems to be off
    thumb: NDArray[np.uint8] | None = None
    tally: Tally | None = None
    problems: tuple[Problem, ...] = ()

    @property
    def usable_image(self) -> bool:
        return self.thumb is not None

    @property
    def usable(self) -> bool:
        return self.tally is not None and not any(problem.severity == ERROR for problem in self.problems)


def check_data(
    data: str | Path | None,
    *,
    images: str | None = None,
    masks: str | None = None,
    values: str | None = None,
    mask_kind: str | None = None,
    foreground: str | None = None,
    class_file: Path | None = None,
    reading: MaskReading | None = None,
    progress: Callable[[int, int], None] | None = None,
    until: float | None = None,
) -> Audit:
    """Find, read and check a data set. Every file is read once, in threads; `progress(done, total)` after each pair.

    What is not read by `until` (time.monotonic), but for LEAST_READ pairs, is left out and said; the order is drawn by
    chance then, always the same, so that what is read is of all parts of the set.
    Pairs with errors are left out and listed. Raises DataError when nothing is usable, when masks can be read in more
    than one way, when all are empty or hold one class only; SettingsError for flags that fit nothing.

    With a `reading` nothing is decided: masks are read as those of another data set were (a test set as the training
    set), and may all be empty.
    """
    layout = find_pairs(data, images=images, masks=masks)
    root = layout.root
    with quiet(), ThreadPoolExecutor(min(8, os.cpu_count() or 1)) as pool:
        every = max(len(layout.pairs) // LOOKED_AT, 1)
        order = list(range(len(layout.pairs)))
        if until is not None:
            Random(0).shuffle(order)

        def read(place: int) -> _Look | None:
            if until is not None and place >= LEAST_READ and time.monotonic() > until:
                return None
            return _look(layout.pairs[order[place]], root, closely=order[place] % every == 0)

        found: dict[int, _Look] = {}
        for place, one in enumerate(pool.map(read, range(len(order)))):
            if one is not None:
                found[order[place]] = one
            if progress is not None:
                progress(place + 1, len(order))
        looks = [found[number] for number in sorted(found)]
        problems = [*layout.problems, *(problem for look in looks for problem in look.problems)]
        if len(looks) < len(order):
            words = UNREAD.format(len(order) - len(looks), len(order))
            problems.append(Problem(root.name or str(root), words, WARNING))
        usable = [look for look in looks if look.usable]
        if not usable:
            raise DataError(_nothing_usable(root, problems))
        if reading is not None:
            decision = Decision(reading)
        else:
            lists = near_class_lists(root, [look.pair for look in usable], class_file)
            tallies = [look.tally for look in usable if look.tally is not None]
            decision = decide(tallies, lists, values=values, mask_kind=mask_kind, foreground=foreground)
        problems += decision.problems
        outcomes = list(pool.map(lambda look: _facts(look, decision.reading), usable))
    facts: dict[str, ImageFacts] = {}
    for look, outcome in zip(usable, outcomes, strict=True):
        if isinstance(outcome, Problem):
            problems.append(outcome)
            continue
        facts[look.pair.name] = outcome
    if not facts:
        raise DataError(_nothing_usable(root, problems))
    usable = [look for look in usable if look.pair.name in facts]
    audit = _audit(layout, decision.reading, usable, facts, problems)
    if reading is None:
        _require_two_classes(audit)
    return audit


def _audit(
    layout: Layout, reading: MaskReading, looks: list[_Look], facts: dict[str, ImageFacts], problems: list[Problem]
) -> Audit:
    root = layout.root
    shown = {look.pair.name: within(look.pair.image.path, root) + _page(look.pair) for look in looks}
    masks = {look.pair.name: look.tally.where for look in looks if look.tally is not None}
    thumbs = {look.pair.name: look.thumb for look in looks if look.thumb is not None}
    twins = find_twins({name: fact.content for name, fact in facts.items()}, thumbs)
    runs = _runs(layout, looks, thumbs)
    twins = _without_runs(twins, runs, facts)
    problems = [*problems, *twin_problems(twins, facts, shown), *set_problems(reading, facts, shown, masks)]
    problems += shift_problems({look.pair.name: look.offset for look in looks if look.offset is not None})
    problems += channel_problems([look.empty for look in looks], max(fact.channels for fact in facts.values()))
    contents = sorted(fact.content + fact.mask_content for fact in facts.values())
    rank = {ERROR: 0, WARNING: 1, NOTE: 2}
    return Audit(
        root=str(root),
        layout=layout.description,
        reading=reading,
        pairs=tuple(look.pair for look in looks),
        facts=facts,
        problems=tuple(sorted(problems, key=lambda problem: rank[problem.severity])),
        stack=layout.stack or bool(runs),
        twins=tuple(twins),
        channels=_channels(facts),
        fingerprint=hashlib.sha256("\n".join(contents).encode()).hexdigest(),
        runs=tuple(runs),
        thumbnails=thumbs,
    )


def _require_two_classes(audit: Audit) -> None:
    if sum(pixels > 0 for pixels in audit.class_pixels) >= 2:
        return
    reading = audit.reading
    only = next((name for name, n in zip(reading.classes, audit.class_pixels, strict=True) if n), "void")
    if reading.background is not None and only == reading.classes[reading.background] and not audit.void_share:
        raise DataError(f"{audit.root}: all masks are empty ({only} everywhere); there is nothing to learn.")
    raise DataError(f"{audit.root}: all masks hold one class only ({only}); at least two were expected.")


# ------------------------------------------------------------------------------------------------- one pair


def content_hash(pixels: NDArray[Any]) -> str:
    """SHA-256 of an array: its shape, type and values, and nothing else."""
    digest = hashlib.sha256(f"{pixels.shape} {pixels.dtype.newbyteorder('=').str}".encode())
    digest.update(np.ascontiguousarray(pixels).data)
    return digest.hexdigest()


def _page(pair: Pair) -> str:
    return "" if pair.image.page is None else f" page {pair.image.page}"


def _look(pair: Pair, root: Path, *, closely: bool) -> _Look:
    where = within(pair.image.path, root) + _page(pair)
    mask_where = within(pair.masks[0].path, root) + _page(pair)
    if len(pair.masks) > 1:
        mask_where = within(pair.masks[0].path.parent, root)
    if pair.drawing is not None:  # one file for many images
        mask_where = f"{mask_where} ({where})"
    problems: list[Problem] = []
    look = _Look(pair)
    try:
        picture = read_picture(pair.image)
    except DataError as error:
        problems.append(_as_problem(error, where))
    else:
        look = _look_at_image(pair, picture.pixels, picture.bits, where, problems)
        if picture.note:
            problems.append(Problem(where, picture.note, NOTE))
    tally = None
    try:
        if pair.drawing is None or look.content:  # a drawing has no size of its own: its image has been refused above
            raw = read_raw_mask(pair)
            tally = tally_mask(raw, mask_where)
            if closely and look.usable_image:
                look = replace(look, offset=best_offset(picture.pixels, raw.codes))
    except DataError as error:
        if pair.drawing is not None:
            head, _, message = str(error).partition(": ")  # which names the place in the file
            problems.append(Problem(head, message, ERROR))
        else:
            problems.append(_as_problem(error, mask_where))
    if tally is not None and look.content and tally.shape != look.shape:
        text = size_mismatch(where, look.shape, pair.masks[0].path.name, tally.shape)
        problems.append(Problem(where, text.removeprefix(f"{where}: "), ERROR))
    return replace(look, tally=tally, problems=tuple(problems))


def _as_problem(error: DataError, where: str) -> Problem:
    """The error of a decoder without the absolute path that it begins with: `where` says it shorter."""
    text = str(error)
    head, sign, message = text.partition(": ")
    if sign and Path(head.split(" page ")[0]).name == Path(where.split(" page ")[0]).name:
        return Problem(where, message, ERROR)
    if sign and os.sep in head:
        return Problem(f"{where}/{Path(head).name}" if not Path(where).suffix else where, message, ERROR)
    return Problem(where, text, ERROR)


def _look_at_image(pair: Pair, pixels: NDArray[Any], bits: int, where: str, problems: list[Problem]) -> _Look:
    height, width, channels = pixels.shape
    if min(height, width) < SMALLEST_SIDE:
        problems.append(
            Problem(
                where,
                f"is {width}x{height} pixels; the smallest side that can be used is {SMALLEST_SIDE}. Remove it or take "
                "a larger picture",
                ERROR,
            )
        )
        return _Look(pair, (height, width), channels, content=content_hash(pixels))
    if pixels.dtype.kind == "f" and not np.isfinite(pixels).all():
        bad = ~np.isfinite(pixels)
        row, column, _ = np.argwhere(bad)[0]
        kind = "NaN" if np.isnan(pixels).any() else "infinite"
        problems.append(
            Problem(
                where,
                f"{int(bad.sum())} values are {kind} (first at row {row}, column {column}). Fill them in and save the "
                "image again",
                ERROR,
            )
        )
        return _Look(pair, (height, width), channels, content=content_hash(pixels))
    low, high, mean, std = _grey_values(pixels)
    flat = {1: FLAT, 2: FLAT / 257}.get(pixels.dtype.itemsize, 0.0) if pixels.dtype.kind in "ui" else 0.0
    if std <= max(flat, 1e-6 * max(abs(low), abs(high))):
        problems.append(
            Problem(
                where,
                f"is almost constant (values from {low:.3g} to {high:.3g}, deviation {std:.2g}, where white is 1); "
                "it shows nothing to learn from",
                WARNING,
            )
        )
    grey = channels == 1 or (channels == 3 and bool((pixels == pixels[:, :, :1]).all()))
    return _Look(
        pair,
        (height, width),
        channels,
        str(pixels.dtype),
        bits,
        content_hash(pixels),
        low,
        high,
        mean,
        std,
        grey,
        _empty_channels(pixels),
        thumb=thumbnail(pixels),
    )


def _empty_channels(pixels: NDArray[Any]) -> tuple[int, ...]:
    """Numbers of the channels, where there are several, that hold one value only."""
    if pixels.shape[2] == 1:
        return ()
    # Nearly always none is left after a glance at every 64th pixel.
    thin = [channel for channel in range(pixels.shape[2]) if np.ptp(pixels[::8, ::8, channel]) == 0]
    return tuple(channel for channel in thin if np.ptp(pixels[:, :, channel]) == 0)


def _grey_values(pixels: NDArray[Any]) -> tuple[float, float, float, float]:
    if pixels.dtype == np.uint8:
        histogram = np.bincount(pixels.ravel(), minlength=256)
        values = np.arange(256) / 255
        used = np.flatnonzero(histogram)
        mean = float(histogram @ values) / pixels.size
        variance = float(histogram @ (values - mean) ** 2) / pixels.size
        return float(values[used[0]]), float(values[used[-1]]), mean, variance**0.5
    unit = as_unit(pixels)
    return float(unit.min()), float(unit.max()), float(unit.mean(dtype=np.float64)), float(unit.std(dtype=np.float64))


def _facts(look: _Look, reading: MaskReading) -> ImageFacts | Problem:
    if look.tally is None:
        return Problem(look.pair.name, "its mask was not read", ERROR)
    try:
        mask = apply_reading(look.tally.raw(), reading, look.tally.where)
    except DataError as error:
        return _as_problem(error, look.tally.where)
    counts = np.bincount(mask.classes.ravel(), minlength=256)
    objects, areas = _count_objects(mask, reading)
    digest = content_hash(mask.classes)
    if mask.labels is not None:
        digest = hashlib.sha256((digest + content_hash(mask.labels)).encode()).hexdigest()
    return ImageFacts(
        name=look.pair.name,
        height=look.shape[0],
        width=look.shape[1],
        channels=look.channels,
        dtype=look.dtype,
        bit_depth=look.bits,
        content=look.content,
        mask_content=digest,
        low=look.low,
        high=look.high,
        mean=look.mean,
        std=look.std,
        grey=look.grey,
        class_pixels=tuple(int(count) for count in counts[: len(reading.classes)]),
        void_pixels=int(counts[VOID]),
        objects=objects,
        object_areas=areas,
    )


def _count_objects(mask: Mask, reading: MaskReading) -> tuple[int, tuple[float, int, int]]:
    labels = mask.labels
    if labels is None:
        from skimage.measure import label

        if len(reading.objects) == 1:  # nine in ten sets, and a third of the time
            labels = label(mask.classes == reading.objects[0], connectivity=2)
        else:
            nothing = 254 if reading.background is None else reading.background
            classes = np.where(mask.classes == VOID, nothing, mask.classes).astype(np.int32)
            labels = label(classes, background=nothing, connectivity=2)
        areas = np.bincount(labels.ravel())[1:]
        areas = areas[areas >= SPECK * areas.max(initial=0)]
        return _areas(areas)
    if int(labels.max(initial=0)) < 10 * labels.size + 1000 and int(labels.min(initial=0)) >= 0:
        areas = np.bincount(labels.ravel())[1:]
        areas = areas[areas > 0]
    else:
        areas = np.unique(labels[labels != 0], return_counts=True)[1]
    return _areas(areas)


def _areas(areas: NDArray[np.integer[Any]]) -> tuple[int, tuple[float, int, int]]:
    if not areas.size:
        return 0, (0.0, 0, 0)
    return int(areas.size), (float(np.median(areas)), int(areas.min()), int(areas.max()))


# ------------------------------------------------------------------------------------------------- the set


def _channels(facts: dict[str, ImageFacts]) -> int:
    if all(fact.grey for fact in facts.values()):
        return 1
    counts = {fact.channels for fact in facts.values()}
    if len(counts) == 1:
        return counts.pop()
    return 3 if counts <= {1, 3, 4} else max(counts)


def _runs(layout: Layout, looks: list[_Look], thumbs: dict[str, NDArray[np.uint8]]) -> list[tuple[str, ...]]:
    """Slices of one file are consecutive by nature; numbered images where they resemble their neighbours."""
    files: dict[Path, list[str]] = {}
    for look in looks:
        if look.pair.image.page is not None:
            files.setdefault(look.pair.image.path, []).append(look.pair.name)
    runs = [tuple(names) for names in files.values() if len(names) > 1]
    if layout.stack:
        return runs
    parts: dict[str, list[str]] = {}
    for look in looks:
        parts.setdefault(look.pair.part, []).append(look.pair.name)
    return [run for names in parts.values() for run in in_sequence(names, thumbs)]


def _without_runs(
    twins: list[tuple[str, ...]], runs: list[tuple[str, ...]], facts: dict[str, ImageFacts]
) -> list[tuple[str, ...]]:
    """Neighbours in a sequence look alike by nature: only equal pixels make twins of them."""
    if not runs:
        return twins
    run_of = {name: number for number, run in enumerate(runs) for name in run}
    kept = []
    for group in twins:
        same_run = {run_of.get(name, -1) for name in group}
        if len(same_run) == 1 and same_run != {-1}:
            contents: dict[str, list[str]] = {}
            for name in group:
                contents.setdefault(facts[name].content, []).append(name)
            kept += [tuple(names) for names in contents.values() if len(names) > 1]
        else:
            kept.append(group)
    return kept


def _nothing_usable(root: Path, problems: Sequence[Problem]) -> str:
    errors = [str(problem) for problem in problems if problem.severity == ERROR]
    if len(errors) == 1:
        return f"{root}: no pair can be used. {errors[0]}"
    listed = "\n  ".join(errors[:5])
    more = f"\n  and {len(errors) - 5} more" if len(errors) > 5 else ""
    return f"{root}: no pair can be used, for these reasons:\n  {listed}{more}"
