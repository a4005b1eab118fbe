"""masks/NAME.png: the class of every pixel."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from handful.outputs.palette import class_colours
from handful.outputs.png import png_bytes


def mask_png(mask: NDArray[np.uint8], classes: int, background: int | None = 0) -> bytes:
    """A mask (H, W) of class numbers as a PNG that any program shows.

    Two classes: grey, 0 and 255. More: a palette picture whose index is the class number.
    """
    if classes == 2:
        return png_bytes(np.where(mask == 1, np.uint8(255), np.uint8(0)))
    return png_bytes(mask, class_colours(classes, background))
