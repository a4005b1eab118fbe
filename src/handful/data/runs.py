"""Run lengths of a mask as COCO counts them: how many pixels of nothing, of object, of nothing, ... one after another.

COCO goes down the columns and may pack the numbers into text, five bits a character (pycocotools, maskApi.c). CVAT goes
along the rows.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from handful.errors import DataError

Order = Literal["C", "F"]


def run_lengths(mask: NDArray[np.bool_], order: Order = "F") -> NDArray[np.int64]:
    """Run lengths of a mask (H, W), the first one of nothing (0 where the first pixel is object); their sum is H W."""
    flat = np.concatenate([[False], mask.ravel(order=order)])
    starts = np.flatnonzero(flat[1:] != flat[:-1])
    return np.diff(np.concatenate([[0], starts, [mask.size]]))


def from_runs(runs: Sequence[int] | NDArray[np.int64], shape: tuple[int, int], order: Order = "F") -> NDArray[np.bool_]:
    """The mask (H, W) of these run lengths. Raises DataError where they do not fill it exactly."""
    try:
        lengths = np.asarray(runs, np.int64)
    except (OverflowError, TypeError, ValueError) as error:
        raise DataError("run lengths are not whole numbers") from error
    size = shape[0] * shape[1]
    # Each against the size first: the sum of a few huge ones would wrap around.
    if lengths.ndim != 1 or (lengths < 0).any() or (lengths > size).any() or int(lengths.sum()) != size:
        raise DataError(f"run lengths do not add up to {shape[1]}x{shape[0]} pixels")
    return np.repeat(np.arange(len(lengths)) % 2 == 1, lengths).reshape(shape, order=order)


def column_runs(
    inside: NDArray[np.bool_], top: int, left: int, height: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Starts and lengths of the runs of an object down the columns of an image of this height, from pixel 0 on.

    inside (h, w) is a window of the image at (top, left): no more than the window is looked at.
    """
    framed = np.pad(inside.T, ((0, 0), (1, 1))).astype(np.int8)
    change = np.diff(framed, axis=1)
    column, first = np.nonzero(change == 1)
    after = np.nonzero(change == -1)[1]
    starts, lengths = (left + column) * height + top + first, after - first
    # A run that ends at the foot of a column goes on where the next one begins at its head.
    new = np.concatenate([[True], starts[1:] != (starts + lengths)[:-1]])[: len(starts)]
    return starts[new], np.add.reduceat(lengths, np.flatnonzero(new)) if len(lengths) else lengths


def counts_of(starts: NDArray[np.int64], lengths: NDArray[np.int64], size: int) -> NDArray[np.int64]:
    """The run lengths, as `run_lengths` gives them, of runs in an image of `size` pixels."""
    ends = np.concatenate([[0], starts + lengths])
    counts = np.empty(2 * len(starts) + 1, np.int64)
    counts[:-1:2], counts[1::2], counts[-1] = starts - ends[:-1], lengths, size - ends[-1]
    return counts if counts[-1] or not len(starts) else counts[:-1]


def runs_to_text(runs: Sequence[int] | NDArray[np.int64]) -> str:
    """COCO's compressed counts: from the fourth on the difference to the count two before, in groups of five bits."""
    counts = [int(count) for count in runs]
    letters: list[str] = []
    for place, count in enumerate(counts):
        rest = count - counts[place - 2] if place > 2 else count
        more = True
        while more:
            bits = rest & 31
            rest >>= 5
            more = rest != (-1 if bits & 16 else 0)
            letters.append(chr(48 + bits + 32 * more))
    return "".join(letters)


def runs_from_text(text: str) -> NDArray[np.int64]:
    """The run lengths that `runs_to_text` packed. Raises DataError for text that is none."""
    counts: list[int] = []
    value = shift = 0
    for letter in text:
        bits = ord(letter) - 48
        if not 0 <= bits < 64 or shift > 60:
            raise DataError("compressed run lengths are damaged")
        value |= (bits & 31) << shift
        shift += 5
        if bits & 32:
            continue
        if bits & 16:
            value -= 1 << shift
        counts.append(value + counts[-2] if len(counts) > 2 else value)
        if not 0 <= counts[-1] < 2**48:
            raise DataError("compressed run lengths are damaged")
        value = shift = 0
    if shift:
        raise DataError("compressed run lengths are cut short")
    return np.array(counts, np.int64)
