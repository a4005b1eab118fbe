"""A window of a mask that shows more than one class, for whatever looks at parts of the training images."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from handful.data.mask import VOID


def draw_window(whole: NDArray[np.uint8], edge: int, rng: np.random.Generator) -> list[tuple[int, int]]:
    """From and to which row, and which column, a window of a mask (H, W) goes that is at most `edge` pixels a side.

    Anywhere; but where that shows one class, or none, of several, round a pixel of one drawn evenly.
    """
    firsts = [int(rng.integers(max(size - edge, 0) + 1)) for size in whole.shape]
    shown = np.unique(whole[firsts[0] : firsts[0] + edge, firsts[1] : firsts[1] + edge])
    present = np.unique(whole)
    present = present[present != VOID]
    if len(shown[shown != VOID]) < min(len(present), 2):
        middle = np.divmod(rng.choice(np.flatnonzero(whole == rng.choice(present))), whole.shape[1])
        firsts = [
            min(max(int(place) - edge // 2, 0), max(size - edge, 0))
            for place, size in zip(middle, whole.shape, strict=True)
        ]
    return [(first, min(first + edge, size)) for first, size in zip(firsts, whole.shape, strict=True)]
