"""A single image: a strip of it is held back for the test."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from handful.data.audit import Audit
from handful.data.check import SMALLEST_SIDE
from handful.data.mask import VOID, read_mask
from handful.data.region import Region, chance, whole_regions

STRIP = 0.25  # of a single image, held back


def cut_inside(audit: Audit, seed: int) -> tuple[dict[str, list[Region]], str]:
    """Hold back a strip (or a corner) of the only picture there is, so that both parts have every class."""
    first = audit.pairs[0]
    facts = audit.facts[first.name]
    whole = list(whole_regions(audit).values())
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
        return missing, len(train) - 1, float(np.abs(shares).max()) + 0.02 * chance(seed, facts.content, name)

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
