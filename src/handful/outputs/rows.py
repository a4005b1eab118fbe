"""Pictures written some rows or tiles at a time: PNG as far as readers open it, tiled TIFF beyond."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, BinaryIO

import numpy as np
import tifffile
from numpy.typing import NDArray

from handful.data.decode import PILLOW_PIXELS
from handful.outputs.palette import Colour

# Beyond this many pixels Pillow, and what is built on it, refuses a PNG as a bomb.
LARGEST_PNG = PILLOW_PIXELS
TILE = 512
Span = tuple[int, int]
# Rows and columns in, pixels (h, w) or (planes, h, w) out.
Read = Callable[[Span, Span], NDArray[Any]]


def png_rows(
    bands: Iterable[NDArray[np.uint8]], shape: tuple[int, int], palette: Sequence[Colour] | None = None
) -> Callable[[BinaryIO], None]:
    """Writer of a grey or palette PNG of `shape` from bands of full rows (n, W), top to bottom.

    Each row is stored as its difference to the row above (filter "up" of the PNG standard): masks vanish in it.
    """

    def write(stream: BinaryIO) -> None:
        height, width = shape
        stream.write(b"\x89PNG\r\n\x1a\n")
        kind = 0 if palette is None else 3
        _chunk(stream, b"IHDR", width.to_bytes(4, "big") + height.to_bytes(4, "big") + bytes([8, kind, 0, 0, 0]))
        if palette is not None:
            _chunk(stream, b"PLTE", bytes(value for colour in palette for value in colour))
        packer = zlib.compressobj(4)  # as in `png_bytes`
        above = np.zeros((1, width), np.uint8)
        for band in bands:
            rows = np.empty((len(band), width + 1), np.uint8)
            rows[:, 0] = 2
            rows[:1, 1:] = band[:1] - above
            rows[1:, 1:] = band[1:] - band[:-1]
            above = band[-1:]
            if packed := packer.compress(rows.data):
                _chunk(stream, b"IDAT", packed)
        _chunk(stream, b"IDAT", packer.flush())
        _chunk(stream, b"IEND", b"")

    return write


def _chunk(stream: BinaryIO, name: bytes, content: bytes) -> None:
    stream.write(len(content).to_bytes(4, "big") + name + content)
    stream.write(zlib.crc32(content, zlib.crc32(name)).to_bytes(4, "big"))


def tiff_tiles(
    read: Read,
    shape: tuple[int, int],
    kind: type[Any],
    *,
    planes: int = 1,
    compress: bool = True,
    palette: Sequence[Colour] | None = None,
    **metadata: Any,
) -> Callable[[BinaryIO], None]:
    """Writer of a tiled TIFF of `planes` pages, BigTIFF where 4 GB do not hold it; `read` is called tile by tile."""
    dtype = np.dtype(kind)
    size = planes * shape[0] * shape[1] * dtype.itemsize

    def tiles() -> Iterator[NDArray[Any]]:
        for plane in range(planes):
            for top in range(0, shape[0], TILE):
                for left in range(0, shape[1], TILE):
                    found = read((top, min(top + TILE, shape[0])), (left, min(left + TILE, shape[1])))
                    pixels = found[plane] if found.ndim == 3 else found
                    tile = np.zeros((TILE, TILE), dtype)
                    tile[: pixels.shape[0], : pixels.shape[1]] = pixels
                    yield tile

    def write(stream: BinaryIO) -> None:
        colours: dict[str, Any] = {"photometric": "minisblack"}
        if palette is not None:
            table = np.zeros((3, 256), np.uint16)
            table[:, : len(palette)] = np.array(palette, np.uint16).T * 257
            colours = {"photometric": "palette", "colormap": table}
        with tifffile.TiffWriter(stream, bigtiff=size > 4_000_000_000) as writer:
            writer.write(
                tiles(),
                shape=shape if planes == 1 else (planes, *shape),
                dtype=dtype,
                tile=(TILE, TILE),
                compression="zlib" if compress else None,
                maxworkers=1,  # more would read tiles ahead without bound
                software="handful",
                metadata=metadata or None,
                **colours,
            )

    return write
