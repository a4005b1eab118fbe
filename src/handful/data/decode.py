"""From the bytes of a file to an array, with every failure of every decoder turned into one kind of error.

`image` and `mask` both read through here and give the result its meaning: a palette index is a colour in an image
and a class in a mask.
"""

from __future__ import annotations

import io
import logging
import math
import os
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from handful.errors import DataError

PILLOW_SUFFIXES = frozenset(
    [
        ".png",
        ".apng",
        ".jpg",
        ".jpeg",
        ".jpe",
        ".jfif",
        ".mpo",
        ".bmp",
        ".dib",
        ".gif",
        ".webp",
        ".ppm",
        ".pgm",
        ".pbm",
        ".pnm",
        ".tga",
        ".jp2",
        ".j2k",
        ".avif",
    ]
)
TIFF_SUFFIXES = frozenset({".tif", ".tiff", ".btf", ".tf8"})
SUFFIXES = PILLOW_SUFFIXES | TIFF_SUFFIXES | {".npy"}
LOSSY_SUFFIXES = frozenset({".jpg", ".jpeg", ".jpe", ".jfif", ".mpo"})

# Pillow refuses above this many pixels (DecompressionBombError); TIFF and .npy hold larger pictures in earnest, so
# for those the bound is the memory of a decoded file.
PILLOW_PIXELS = 178_956_970
LARGEST_BYTES = 4 * 2**30
# A file cannot unpack to more than this many times its size: deflate gives 1032 and LZW 1365 at most, eight times that
# where a bit becomes a byte. What claims more is damaged or forged; small pictures are below any suspicion.
MOST_UNPACKED, UNSUSPECTED = 11_000, 16 * 2**20
# An axis without a name ("Q", "I") and with no more entries than this may be channels rather than slices.
MOST_CHANNELS = 32


@dataclass(frozen=True)
class ImageFile:
    """One picture on disk: a file, or one page (slice, from 0) of a multi-page TIFF or a .npy stack."""

    path: Path
    page: int | None = None

    def __str__(self) -> str:
        return str(self.path) if self.page is None else f"{self.path} page {self.page}"


@dataclass(frozen=True)
class Decoded:
    """What a file holds, uninterpreted.

    `pixels` is (H, W) or (H, W, C) in the file's own type, 1-bit as uint8 0/255. With a `palette` (n, 3) uint8 the
    pixels are indices into it. `alpha`: the last channel is transparency. `bits` a channel as stored; `lossy`: JPEG.
    """

    pixels: NDArray[Any]
    bits: int
    palette: NDArray[np.uint8] | None = None
    alpha: bool = False
    lossy: bool = False


@dataclass(frozen=True)
class Pages:
    """How many slices a file holds, and whether they may as well be the channels of one picture."""

    count: int
    perhaps_channels: bool


class _Silence:
    """Decoders warn and log about files that we judge ourselves; filters are global, so the first thread to enter
    sets them and the last to leave puts them back."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.depth = 0
        self.filters: warnings.catch_warnings[Any] | None = None

    def enter(self) -> None:
        with self.lock:
            self.depth += 1
            if self.depth == 1:
                self.filters = warnings.catch_warnings()
                self.filters.__enter__()
                warnings.simplefilter("ignore")
                logging.getLogger("tifffile").disabled = True

    def leave(self) -> None:
        with self.lock:
            self.depth -= 1
            if self.depth == 0 and self.filters is not None:
                self.filters.__exit__(None, None, None)
                self.filters = None
                logging.getLogger("tifffile").disabled = False


_SILENCE = _Silence()


@contextmanager
def quiet() -> Iterator[None]:
    """No warnings and no log lines from Pillow and tifffile inside; safe from several threads at once."""
    _SILENCE.enter()
    try:
        yield
    finally:
        _SILENCE.leave()


def suffix_of(path: Path) -> str:
    """The ending that tells the format, in lower case: ".tif" for `x.ome.TIF`."""
    return path.suffix.lower()


def decode(file: ImageFile) -> Decoded:
    """Read one picture. Turned upright where a photograph carries an EXIF orientation, as every viewer shows it.

    Raises DataError, naming the file, for anything that cannot be read: missing, empty, truncated, not an image,
    without a pixel, too large to decode safely (before decoding).
    """
    path = file.path
    with quiet():
        try:
            if path.stat().st_size == 0:
                raise DataError(f"{path}: is empty (0 bytes). Copy it again or remove it.")
            suffix = suffix_of(path)
            read = _decode_npy if suffix == ".npy" else _decode_tiff if suffix in TIFF_SUFFIXES else _decode_pillow
            decoded = read(file)
            if not decoded.pixels.size:
                raise DataError(f"{file}: has no pixels (shape {decoded.pixels.shape}). Save it again or remove it.")
            return decoded
        except DataError:
            raise
        except Exception as error:  # a damaged file can make a decoder raise anything at all
            raise DataError(f"{file}: {why_unreadable(path, error)}") from error


def count_pages(path: Path) -> Pages:
    """How many slices the file holds; 1 for every format but TIFF and .npy. Reads the header only."""
    suffix = suffix_of(path)
    if suffix not in TIFF_SUFFIXES and suffix != ".npy":
        return Pages(1, False)
    with quiet():
        try:
            if suffix == ".npy":
                shape = _npy_header(path)
                stack = axes_roles(npy_axes(shape, path), shape)[0]
                return Pages(math.prod(shape[axis] for axis in stack), False)
            import tifffile

            with tifffile.TiffFile(path) as tiff:
                axes, shape = tiff_series(tiff)
                stack, _, _, _ = axes_roles(axes, shape)
                count = math.prod(shape[axis] for axis in stack)
                unnamed = all(axes[axis] in "QIR" for axis in stack)
                return Pages(count, unnamed and 1 < count <= MOST_CHANNELS)
        except Exception:  # whatever is wrong with it is said when it is read
            return Pages(1, False)


def picture_size(file: ImageFile) -> tuple[int, int]:
    """Height and width of the picture that `decode` gives, from its header where that says it. DataError as there."""
    if suffix_of(file.path) in TIFF_SUFFIXES or suffix_of(file.path) == ".npy":
        pixels = decode(file).pixels
        return pixels.shape[0], pixels.shape[1]
    with quiet():
        try:
            with open_picture(file.path) as picture:
                turned = picture.format in ("JPEG", "MPO", "WEBP", "PNG") and picture.getexif().get(0x0112, 1) >= 5
                return (picture.width, picture.height) if turned else (picture.height, picture.width)
        except Exception as error:
            raise DataError(f"{file}: {why_unreadable(file.path, error)}") from error


# ---------------------------------------------------------------------------------------------------- Pillow


class _NoMoreThanThere(io.BufferedReader):
    """A file of which no more is asked than it has: Python makes room for what a forged length claims, then reads."""

    def __init__(self, path: Path) -> None:
        super().__init__(path.open("rb", buffering=0))
        self.bytes = path.stat().st_size

    def read(self, size: int | None = -1, /) -> bytes:
        if size is not None and size > 0:
            size = min(size, max(self.bytes - self.tell(), 0))
        return super().read(size)


@contextmanager
def open_picture(path: Path) -> Iterator[Any]:
    """Pillow's picture of a file."""
    from PIL import Image

    with _NoMoreThanThere(path) as file, Image.open(file) as picture:
        yield picture


def _decode_pillow(file: ImageFile) -> Decoded:
    with open_picture(file.path) as picture:
        if file.page:
            picture.seek(file.page)
        lossy = picture.format in ("JPEG", "MPO")
        raw = _raw_mode(picture)
        orientation = picture.getexif().get(0x0112, 1) if picture.format in ("JPEG", "MPO", "WEBP", "PNG") else 1
        decoded = _from_pillow(picture, raw)
    pixels = upright(decoded.pixels, orientation)
    return Decoded(pixels, decoded.bits, decoded.palette, decoded.alpha, lossy)


def _raw_mode(picture: Any) -> str:
    """Pillow's name for the bits as stored ("L;4", "RGB;16B"); gone once the pixels are loaded."""
    tiles = getattr(picture, "tile", None)
    if not tiles:
        return ""
    arguments = tiles[0][3]
    if isinstance(arguments, tuple):
        arguments = arguments[0] if arguments else ""
    return str(arguments)


def _from_pillow(picture: Any, raw: str) -> Decoded:
    mode = picture.mode
    if mode == "1":
        return Decoded(np.asarray(picture.convert("L")), 1)
    if mode == "L":
        stored = {"L;2": 2, "L;4": 4}.get(raw, 8)
        return Decoded(np.asarray(picture), stored)
    if mode == "P":
        entries = picture.getpalette("RGB")
        palette = np.asarray(entries, np.uint8).reshape(-1, 3)
        bits = {"P;1": 1, "P;2": 2, "P;4": 4}.get(raw, 8)
        return Decoded(np.asarray(picture), bits, palette)
    if mode.startswith("I;16"):
        return Decoded(np.asarray(picture).astype(np.uint16), 16)
    if mode == "I":
        values = np.asarray(picture)
        narrow = values.min() >= 0 and values.max() <= 65535
        return Decoded(values.astype(np.uint16) if narrow else values, 16 if narrow else 32)
    if mode == "F":
        return Decoded(np.asarray(picture), 32)
    bits = 16 if ";16" in raw else 8
    if mode in ("LA", "La"):
        return Decoded(np.asarray(picture.convert("LA")), bits, alpha=True)
    if mode in ("RGBA", "RGBa", "PA"):
        return Decoded(np.asarray(picture.convert("RGBA")), bits, alpha=True)
    return Decoded(np.asarray(picture.convert("RGB")), bits)


def upright(pixels: NDArray[Any], orientation: int) -> NDArray[Any]:
    """Undo an EXIF orientation (1 to 8, as in the EXIF 2.3 standard, tag 0x0112); other numbers change nothing."""
    if orientation in (5, 6, 7, 8):
        pixels = np.swapaxes(pixels, 0, 1)
    if orientation in (3, 4, 7, 8):
        pixels = pixels[::-1]
    if orientation in (2, 3, 6, 7):
        pixels = pixels[:, ::-1]
    return np.ascontiguousarray(pixels)


# ---------------------------------------------------------------------------------------------------- TIFF


def tiff_series(tiff: Any) -> tuple[str, tuple[int, ...]]:
    """Axes and shape of the first series; H x W x C that was written as H pages of W x C is recognised."""
    len(tiff.pages)  # goes through them all and ends where they go in a circle; `series` would not
    series = tiff.series[0]
    axes, shape = str(series.axes), tuple(int(n) for n in series.shape)
    if len(shape) == 3 and axes[0] in "QIR" and axes[1:] == "YX" and shape[2] < 16 <= shape[0] and shape[1] >= 16:
        return "YXS", shape
    if tiff.is_imagej and axes == "CYX" and shape[0] > 4:
        return "QYX", shape  # ImageJ files of other programs call slices channels: the masks tell
    return axes, shape


def axes_roles(axes: str, shape: tuple[int, ...]) -> tuple[list[int], list[int], int, int]:
    """(axes of slices, axes of channels, row axis, column axis) of an array whose axes are named as tifffile does."""
    row, column = axes.rindex("Y"), axes.rindex("X")
    channels = [i for i, name in enumerate(axes) if name in "SC" and i not in (row, column)]
    stack = [i for i in range(len(shape)) if i not in (row, column, *channels)]
    return stack, channels, row, column


def _decode_tiff(file: ImageFile) -> Decoded:
    import tifffile

    try:
        with tifffile.TiffFile(file.path) as tiff:
            first: Any = tiff.pages[0]
            photometric = int(first.photometric)
            if photometric in (0, 1, 2, 3) and "JPEG" not in first.compression.name:
                return _read_series(tiff, file, photometric)
    except DataError:
        raise
    except Exception as error:
        # Pillow brings libtiff for what tifffile cannot decompress, and knows files of another kind named .tif. It is
        # not asked about damaged ones: libtiff would print its own complaints.
        with file.path.open("rb") as stream:
            tiff_inside = stream.read(4) in (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
        if "imagecodecs" not in str(error) and (tiff_inside or not isinstance(error, tifffile.TiffFileError)):
            raise
        try:
            return _decode_pillow(file)
        except Exception:
            raise error from None
    return _decode_pillow(file)


def _read_series(tiff: Any, file: ImageFile, photometric: int) -> Decoded:
    axes, shape = tiff_series(tiff)
    series = tiff.series[0]
    stack = axes_roles(axes, shape)[0]
    count = math.prod(shape[axis] for axis in stack)
    first = tiff.pages[0]
    bits = int(first.bitspersample if not isinstance(first.bitspersample, tuple) else first.bitspersample[0])
    if file.page is not None and len(series.pages) == count and count > 1:
        _refuse_large(file, math.prod(shape) // count, series.dtype.itemsize)
        page = series.pages[file.page]
        values = page.asarray()
        pixels = _rows_columns_channels(values, str(page.axes), file)
    else:
        _refuse_large(file, math.prod(shape), series.dtype.itemsize)
        pixels = _take(series.asarray().reshape(shape), axes, file)
    if bits == 1:
        pixels = np.where(pixels, 255, 0).astype(np.uint8)
    if photometric == 0 and pixels.dtype.kind in "bu":  # white is zero: turned round so that bright is bright
        pixels = np.iinfo(pixels.dtype).max - pixels
    if photometric == 3 and first.colormap is not None:
        palette = (np.asarray(first.colormap).T[: 2 ** min(bits, 16)] >> 8).astype(np.uint8)
        return Decoded(pixels, bits, palette)
    samples = tuple(int(sample) for sample in first.extrasamples) if "S" in axes else ()
    return Decoded(pixels, bits, alpha=bool(samples) and samples[-1] in (1, 2))


def _take(array: NDArray[Any], axes: str, file: ImageFile) -> NDArray[Any]:
    """One slice of an array with named axes as (H, W) or (H, W, C)."""
    stack, _, _, _ = axes_roles(axes, array.shape)
    count = math.prod(array.shape[axis] for axis in stack)
    if count == 1 or file.page is not None:
        index = np.unravel_index(file.page or 0, [array.shape[axis] for axis in stack]) if stack else ()
        slicer: list[Any] = [slice(None)] * array.ndim
        for axis, position in zip(stack, index, strict=True):
            slicer[axis] = int(position)
        rest = "".join(name for axis, name in enumerate(axes) if axis not in stack)
        return _rows_columns_channels(array[tuple(slicer)], rest, file)
    if len(stack) == 1 and count <= MOST_CHANNELS and axes[stack[0]] in "QIR":
        named = axes[: stack[0]] + "C" + axes[stack[0] + 1 :]
        return _rows_columns_channels(array, named, file)
    raise DataError(
        f"{file.path}: holds {count} slices where one picture was expected. Name the slice, or save each alone."
    )


def _rows_columns_channels(array: NDArray[Any], axes: str, file: ImageFile) -> NDArray[Any]:
    single = [i for i, n in enumerate(array.shape) if n == 1 and axes[i] not in "YX"]
    array = array.reshape([n for i, n in enumerate(array.shape) if i not in single])
    axes = "".join(name for i, name in enumerate(axes) if i not in single)
    if axes.count("Y") != 1 or axes.count("X") != 1 or array.ndim not in (2, 3):
        raise DataError(
            f"{file}: axes {axes or '?'} of shape {array.shape} are no picture of rows, columns and channels."
        )
    row, column = axes.index("Y"), axes.index("X")
    rest = [i for i in range(array.ndim) if i not in (row, column)]
    return np.ascontiguousarray(np.transpose(array, (row, column, *rest)))


def refuse_unlikely(file: ImageFile, values: int, itemsize: int) -> None:
    """DataError, before anything is decoded, where a file says that it unpacks to more than its bytes can."""
    needed, size = values * itemsize, file.path.stat().st_size
    if needed > max(UNSUSPECTED, MOST_UNPACKED * size):
        raise DataError(
            f"{file}: says that it unpacks to {needed / 2**30:.1f} GB, {needed // size} times its size. It is damaged; "
            "copy it again."
        )


def _refuse_large(file: ImageFile, values: int, itemsize: int) -> None:
    refuse_unlikely(file, values, itemsize)
    if values * itemsize > LARGEST_BYTES:
        raise DataError(
            f"{file}: would need {values * itemsize / 2**30:.1f} GB in memory; up to {LARGEST_BYTES // 2**30} GB are "
            "read as one picture. Cut it into tiles."
        )


# ---------------------------------------------------------------------------------------------------- .npy


def map_npy(path: Path) -> NDArray[Any]:
    """The array of a .npy file, mapped into memory; ValueError where it is none, or holds Python objects.

    Not `np.load`: given a zip archive by that name it hands out an open archive that nobody closes.
    """
    array: NDArray[Any] = np.lib.format.open_memmap(path, mode="r")
    return array


def _npy_header(path: Path) -> tuple[int, ...]:
    return tuple(map_npy(path).shape)


def npy_axes(shape: tuple[int, ...], path: Path) -> str:
    """Names for the axes of a bare array: 2-D is a picture; in 3-D the axis of at most 4 entries is channels."""
    if len(shape) == 2:
        return "YX"
    if len(shape) == 3:
        if shape[2] <= 4 or shape[2] < 16 <= min(shape[:2]):
            return "YXC"
        return "CYX" if shape[0] <= 4 else "ZYX"
    if len(shape) == 4:
        return "ZYXC" if shape[3] <= 4 else "ZCYX"
    raise DataError(f"{path}: an array of shape {shape} is no picture; (H, W), (H, W, C) or (N, H, W) was expected.")


def _decode_npy(file: ImageFile) -> Decoded:
    array = map_npy(file.path)
    if array.dtype.kind not in "biuf":
        raise DataError(f"{file.path}: holds values of type {array.dtype}; numbers were expected.")
    _refuse_large(file, math.prod(array.shape), array.dtype.itemsize)
    pixels = np.array(_take(array, npy_axes(array.shape, file.path), file))
    if pixels.dtype == bool:
        return Decoded(np.where(pixels, 255, 0).astype(np.uint8), 1)
    return Decoded(pixels, 8 * pixels.dtype.itemsize)


# ---------------------------------------------------------------------------------------------------- words


def why_unreadable(path: Path, error: Exception) -> str:
    """Why a file could not be read, as a person would say it."""
    from PIL import Image, UnidentifiedImageError

    if isinstance(error, FileNotFoundError):
        return "is not there."
    if isinstance(error, PermissionError):
        return "may not be read (permission denied). Change its permissions or copy it elsewhere."
    if isinstance(error, IsADirectoryError):
        return "is a folder where a file was expected."
    if isinstance(error, MemoryError):
        return "does not fit into memory. Cut it into tiles."
    if isinstance(error, Image.DecompressionBombError):
        return f"has more than {PILLOW_PIXELS // 10**6} million pixels and was not decoded. Cut it into tiles."
    if isinstance(error, IndexError | EOFError) and "page" in str(error).lower():
        return f"has no such page ({error})."
    text = str(error)
    if "imagecodecs" in text:
        return (
            f"is compressed in a way that needs a further package ({text}). `pip install imagecodecs`, or "
            "save it without."
        )
    if isinstance(error, UnidentifiedImageError) or suffix_of(path) in TIFF_SUFFIXES | {".npy"}:
        kind = _sniff(path)
        if kind:
            return f"is no image although its name ends in {path.suffix}: it holds {kind}."
    if isinstance(error, UnidentifiedImageError):
        return "is damaged or no image that can be read. Open it in a viewer and save it again as PNG, or remove it."
    detail = text.splitlines()[0][:120] if text else type(error).__name__
    if any(word in detail.lower() for word in ("truncated", "not enough", "unexpected end", "mmap length")):
        return f"is cut short ({detail}). Copy it again or remove it."
    return f"is damaged and cannot be read ({detail}). Copy it again or save it anew as PNG."


def _sniff(path: Path) -> str:
    try:
        with open(path, "rb") as handle:
            head = handle.read(512)
    except OSError:
        return ""
    if head.startswith(b"version https://git-lfs"):
        return "a Git LFS pointer (fetch the file itself with `git lfs pull`)"
    if head.lstrip().lower().startswith((b"<!doctype", b"<html")):
        return "a web page (the download went wrong)"
    if head[:2] == b"PK":
        return "a zip archive (unpack it first)"
    if not head.strip(b"\0"):
        return "only zeros"
    if b"\0" not in head:
        try:
            head[: len(head) - 3].decode("utf-8")
        except UnicodeDecodeError:
            return ""
        return "text"
    return ""


def within(path: Path, root: Path) -> str:
    """The path as seen from the data folder, for messages; whole where it lies elsewhere."""
    try:
        return path.relative_to(root).as_posix()
    except ValueError:
        return os.fspath(path)
