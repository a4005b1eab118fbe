"""An image read a window at a time, as `read_image` would read it whole.

TIFF (tiled, striped, memory-mapped, OME) and Zarr give windows of files far larger than memory; .npy is mapped. What
can only be decoded whole (PNG, JPEG) is, and then gives its windows from memory.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from handful.data.decode import (
    TIFF_SUFFIXES,
    ImageFile,
    map_npy,
    npy_axes,
    open_picture,
    quiet,
    suffix_of,
    why_unreadable,
)
from handful.data.image import read_picture
from handful.errors import DataError

Span = tuple[int, int]  # from, to (not included)
# Decoded blocks of a file that are kept for the next window, where nothing else is said.
CACHE_BYTES = 256 << 20
# Pixels looked at together when an image is gone through from top to bottom.
BAND_PIXELS = 1 << 22


class RawWindows(Protocol):
    """What a format gives: uninterpreted windows (h, w, C)."""

    shape: tuple[int, int]
    channels: int
    dtype: np.dtype[Any]
    cost: int  # bytes that a file takes for good, decoded whole

    def read(self, rows: Span, columns: Span) -> NDArray[Any]: ...

    def close(self) -> None: ...


@dataclass(frozen=True)
class Meaning:
    """How raw pixels become image values: see `read_image`. keep: channels that stay, None for all."""

    palette: NDArray[np.uint8] | None = None
    keep: int | None = None
    one_bit: bool = False
    white_is_zero: bool = False

    def apply(self, pixels: NDArray[Any]) -> NDArray[Any]:
        if self.one_bit:
            pixels = np.where(pixels, np.uint8(255), np.uint8(0))
        if self.white_is_zero and pixels.dtype.kind in "bu":
            pixels = np.iinfo(pixels.dtype).max - pixels
        if self.palette is not None:
            pixels = self.palette[pixels[:, :, 0]]
        if self.keep is not None:
            pixels = pixels[:, :, : self.keep]
        if pixels.dtype in (np.float64, np.float16):
            with np.errstate(over="ignore"):
                pixels = pixels.astype(np.float32)
        return np.ascontiguousarray(pixels)


class Windows:
    """An open image: `shape` (H, W), `channels`, `dtype`, and windows (h, w, channels) of it.

    whole: it was decoded into memory when it was opened. cost: bytes it takes for that. Use it as a context.
    """

    def __init__(self, file: ImageFile, raw: RawWindows, meaning: Meaning, *, whole: bool = False) -> None:
        self.file, self.whole, self.cost = file, whole, raw.cost
        self.shape = raw.shape
        self._raw, self._meaning = raw, meaning
        sample = meaning.apply(np.zeros((1, 1, raw.channels), raw.dtype))
        self.channels, self.dtype = sample.shape[2], sample.dtype

    def read(self, rows: Span, columns: Span) -> NDArray[Any]:
        """Pixels of these rows and columns, all within the image; DataError where the file is damaged there."""
        with quiet():
            try:
                return self._meaning.apply(self._raw.read(rows, columns))
            except DataError:
                raise
            except Exception as error:  # a damaged file can make a decoder raise anything at all
                raise DataError(f"{self.file}: {why_unreadable(self.file.path, error)}") from error

    def bands(self) -> Iterator[tuple[Span, NDArray[Any]]]:
        """The image from top to bottom, some full rows at a time."""
        height, width = self.shape
        step = max(1, BAND_PIXELS // max(width, 1))
        for top in range(0, height, step):
            rows = (top, min(top + step, height))
            yield rows, self.read(rows, (0, width))

    def __enter__(self) -> Windows:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._raw.close()


class Blocks:
    """The blocks decoded last, up to so many bytes."""

    def __init__(self, limit: int) -> None:
        self._limit, self._size = limit, 0
        self._kept: OrderedDict[Hashable, NDArray[Any]] = OrderedDict()

    def get(self, key: Hashable, decode: Callable[[], NDArray[Any]]) -> NDArray[Any]:
        block = self._kept.pop(key, None)
        if block is None:
            block = decode()
            self._size += block.nbytes
        self._kept[key] = block
        while self._size > self._limit and len(self._kept) > 1:
            self._size -= self._kept.popitem(last=False)[1].nbytes
        return block


class _Decoded:
    """Windows of an array in memory, or mapped into it."""

    def __init__(self, pixels: NDArray[Any], cost: int) -> None:
        self.shape, self.channels, self.dtype, self.cost = pixels.shape[:2], pixels.shape[2], pixels.dtype, cost
        self._pixels = pixels

    def read(self, rows: Span, columns: Span) -> NDArray[Any]:
        return self._pixels[slice(*rows), slice(*columns)]

    def close(self) -> None:
        del self._pixels


class _MappedNpy:
    """A plain .npy picture, mapped anew for every window: pages that were read do not stay."""

    def __init__(self, path: Path) -> None:
        array = map_npy(path)
        self._path, self._axes = path, npy_axes(array.shape, path)
        view = self._view(array)
        self.shape, self.channels, self.dtype, self.cost = view.shape[:2], view.shape[2], view.dtype, 0

    def _view(self, array: NDArray[Any]) -> NDArray[Any]:
        if self._axes == "YX":
            return array[:, :, None]
        return np.moveaxis(array, 0, -1) if self._axes == "CYX" else array

    def read(self, rows: Span, columns: Span) -> NDArray[Any]:
        view = self._view(map_npy(self._path))
        return np.array(view[slice(*rows), slice(*columns)])

    def close(self) -> None:
        pass


def open_windows(file: ImageFile, *, cache: int = CACHE_BYTES, memory: int | None = None) -> Windows:
    """Open an image for reading by windows.

    cache: bytes of decoded blocks to keep. memory: bytes that decoding may take where a file must be decoded whole;
    a file that needs more is a DataError, before it is decoded. So is whatever cannot be read.
    """
    path = file.path
    with quiet():
        try:
            if is_zarr(path):
                from handful.data.zarrwindows import ZarrWindows

                return Windows(file, ZarrWindows(file), Meaning())
            if suffix_of(path) in TIFF_SUFFIXES and path.stat().st_size:
                from handful.data.tiffwindows import open_tiff

                found = open_tiff(file, cache)
                if found is not None:
                    return _settle(file, *found)
            if suffix_of(path) == ".npy" and file.page is None and path.stat().st_size:
                mapped = _MappedNpy(path)
                if mapped.dtype.kind in "uif":
                    return Windows(file, mapped, Meaning())
        except DataError:
            raise
        except Exception as error:
            raise DataError(f"{file}: {why_unreadable(path, error)}") from error
    needed = decoding_bytes(file)
    if memory is not None and needed > memory:
        raise DataError(
            f"{file}: can only be decoded whole, which takes {needed / 1e6:.0f} MB where {max(memory, 0) / 1e6:.0f} MB "
            "are left of --memory. Save it as tiled TIFF or Zarr, which are read by windows, or give more memory."
        )
    pixels = read_picture(file).pixels
    return Windows(file, _Decoded(pixels, needed), Meaning(), whole=True)


def is_zarr(path: Path) -> bool:
    """Whether a path is a Zarr array or group (version 2 or 3) on disk."""
    return path.is_dir() and any((path / name).is_file() for name in ("zarr.json", ".zarray", ".zgroup"))


def decoding_bytes(file: ImageFile) -> int:
    """Peak bytes of decoding a picture whole, by its header; 0 where the header cannot be read."""
    try:
        with quiet(), open_picture(file.path) as picture:
            # Pillow keeps RGB in 4 bytes a pixel; the array, and the bytes it is made from, come beside that.
            kept = {"L": 1, "P": 1, "1": 1, "I;16": 2, "RGB": 4}.get(picture.mode, 4)
            return int(picture.size[0] * picture.size[1] * (kept + 3 * max(kept, len(picture.getbands()))))
    except Exception:  # whatever is wrong with it is said when it is decoded
        return 0


def _settle(file: ImageFile, raw: RawWindows, meaning: Meaning, alpha: bool) -> Windows:
    """What only the pixels tell: whether a palette holds greys alone, whether an alpha channel is opaque throughout."""
    if meaning.palette is not None:
        used = np.zeros(len(meaning.palette), bool)
        for _, band in Windows(file, raw, Meaning()).bands():
            used[np.unique(band)] = True
        table = meaning.palette
        grey = bool((table[used] == table[used][:, :1]).all())
        return Windows(file, raw, Meaning(table[:, :1] if grey else table))
    if alpha:
        white = np.iinfo(raw.dtype).max if raw.dtype.kind in "ui" else 1.0
        if all(bool((band[:, :, -1] == white).all()) for _, band in Windows(file, raw, Meaning()).bands()):
            meaning = Meaning(meaning.palette, raw.channels - 1, meaning.one_bit, meaning.white_is_zero)
    return Windows(file, raw, meaning)
