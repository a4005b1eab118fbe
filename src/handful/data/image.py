"""An image file as an array of (rows, columns, channels), in the file's own type."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from handful.data.decode import ImageFile, decode

__all__ = ["ImageFile", "Picture", "as_unit", "read_image", "read_picture"]


@dataclass(frozen=True)
class Picture:
    """An image (H, W, C) with what reading it brought to light: bits a channel as stored and a note, or ""."""

    pixels: NDArray[Any]
    bits: int
    note: str = ""


def read_image(file: ImageFile) -> NDArray[Any]:
    """The image as (H, W, C) in the file's own type (uint8, uint16, float32, ...), C from 1 to n.

    A palette becomes its colours (one channel where all are grey), 1, 2 and 4 bit become 0..255, CMYK becomes RGB. An
    alpha channel is dropped; a fourth channel of a TIFF stays unless it is opaque everywhere, since satellites put
    infrared there. An EXIF rotation is applied, as viewers and labelling programs do. Channels come last whatever the
    file's order. 16-bit colour PNG keeps its upper 8 bits (all that Pillow hands over).

    Raises DataError, naming the file, when it cannot be read.
    """
    return read_picture(file).pixels


def read_picture(file: ImageFile) -> Picture:
    """As read_image, with the bit depth and a note about what was left out."""
    decoded = decode(file)
    pixels = decoded.pixels
    if decoded.palette is not None:
        return Picture(_colours(pixels, decoded.palette), decoded.bits)
    if pixels.ndim == 2:
        pixels = pixels[:, :, None]
    note = ""
    if decoded.alpha and pixels.shape[2] > 1:
        alpha = pixels[:, :, -1]
        opaque = bool((alpha == _white(alpha.dtype)).all())
        from_tiff = file.path.suffix.lower().startswith(".tif")
        if opaque or not from_tiff:
            pixels = np.ascontiguousarray(pixels[:, :, :-1])
            note = "" if opaque else "has transparent parts; the colours beneath are used, transparency is ignored"
    if decoded.bits == 16 and pixels.dtype == np.uint8:
        note = "16-bit colour PNG: the upper 8 bits are used; save as TIFF to keep all 16"
    if pixels.dtype == np.float64 or pixels.dtype == np.float16:
        with np.errstate(over="ignore"):  # what becomes infinite is told by whoever looks at the values
            pixels = pixels.astype(np.float32)
    return Picture(pixels, decoded.bits, note)


def _colours(pixels: NDArray[Any], palette: NDArray[np.uint8]) -> NDArray[Any]:
    table = np.zeros((max(256, len(palette)), 3), np.uint8)
    table[: len(palette)] = palette
    used = table[np.unique(pixels)]
    if (used == used[:, :1]).all():
        table = table[:, :1]
    colours: NDArray[Any] = table[pixels]
    return colours


def _white(dtype: np.dtype[Any]) -> float:
    return float(np.iinfo(dtype).max) if dtype.kind in "ui" else 1.0


def as_unit(image: NDArray[Any]) -> NDArray[np.float32]:
    """The image as float32 where black is 0 and white is 1.

    The range follows the TYPE, never the content, so that every image of a kind is treated alike: uint8 / 255,
    uint16 / 65535, signed integers from their least to their greatest value, bool 0 and 1, floats as they are.
    """
    if image.dtype.kind in "fb":
        return image.astype(np.float32)
    limits = np.iinfo(image.dtype)
    if limits.min == 0:
        return np.asarray(np.multiply(image, np.float32(1.0 / limits.max), dtype=np.float32), np.float32)
    span = float(limits.max) - limits.min
    return np.asarray((image.astype(np.float64) - limits.min) / span, np.float32)
