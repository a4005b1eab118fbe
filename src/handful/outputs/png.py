"""PNG pictures as bytes."""

from __future__ import annotations

import io
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from handful.outputs.palette import Colour


def png_bytes(pixels: NDArray[np.uint8], palette: Sequence[Colour] | None = None) -> bytes:
    """A PNG of grey (H, W) or colour (H, W, 3) pixels, or of palette numbers (H, W) when a palette is given."""
    picture = Image.fromarray(np.ascontiguousarray(pixels))
    if palette is not None:
        picture = picture.convert("L")
        picture.putpalette([value for colour in palette for value in colour])
    stream = io.BytesIO()
    # Level 6, Pillow's default, takes twice as long for masks that come out hardly smaller.
    picture.save(stream, "PNG", compress_level=4)
    return stream.getvalue()
