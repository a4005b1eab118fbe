"""Which images are held back: drawn so that they resemble the whole, like with like and neighbours in blocks."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from handful.data.audit import Audit
from handful.data.region import chance
from handful.names import plural

DRAWS = 8  # the draw that resembles the whole most is taken; more would make every seed choose the same images


def draw_images(names: Sequence[str], audit: Audit, fraction: float, seed: int, purpose: str) -> tuple[list[str], str]:
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
        units = units_of(names, audit)
        held = min(units, key=lambda unit: (len(unit), chance(seed, audit.facts[unit[0]].content)))
        draws = [[name for name in names if name in set(held)]]
    best = min(draws, key=lambda held: _unlike(held, names, features, audit))
    text = f"{purpose} on {plural(len(best), 'image')} of {total}"
    if runs and not loose:
        text += ", held back as blocks of consecutive images (their neighbours next to a block are still trained on)"
    elif runs:
        text += ", held back so that they resemble the whole, consecutive images in blocks"
    elif total > 2:
        text += ", held back so that they resemble the whole"
    else:
        text += ", held back"
    kept = sum(len(group) > 1 for group in units_of(names, audit))
    if kept:
        text += f" ({plural(kept, 'group')} of like images kept on one side)"
    return best, text


def units_of(names: Sequence[str], audit: Audit) -> list[list[str]]:
    """Names that must stay together, twins in one unit; in an order that only contents decide."""
    group_of = {name: group for group in audit.twins for name in group}
    units: dict[tuple[str, ...], list[str]] = {}
    for name in names:
        units.setdefault(group_of.get(name, (name,)), []).append(name)
    for unit in units.values():
        unit.sort(key=lambda name: audit.facts[name].content)
    return sorted(units.values(), key=lambda unit: audit.facts[unit[0]].content)


def _block(run: Sequence[str], length: float, audit: Audit, seed: int, purpose: str) -> Sequence[str]:
    """A stretch of consecutive names; its place follows from the seed and the contents of the run."""
    contents = sorted(audit.facts[name].content for name in run)
    size = math.floor(length + chance(seed, purpose, "size", contents[0]))
    size = max(size, 1 if length >= 0.5 else 0)
    if size == 0:
        return ()
    start = int(chance(seed, purpose, *contents) * (len(run) - size + 1))
    return run[start : start + size]


def _spread(
    names: Sequence[str], count: int, features: dict[str, NDArray[np.float64]], audit: Audit, seed: int, purpose: str
) -> set[str]:
    """About `count` names at even steps through units sorted by kind (size, colour, brightness, share of objects)."""
    if count <= 0:
        return set()
    units = units_of(names, audit)
    units.sort(key=lambda unit: (_kind(unit[0], audit), *features[unit[0]].tolist(), audit.facts[unit[0]].content))
    step = len(names) / count
    place = chance(seed, purpose, "start", *sorted(audit.facts[name].content for name in names)) * step
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
