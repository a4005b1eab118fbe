"""A mask file as whole numbers, before anything is decided about what they mean.

A number is a grey value, a palette index or a packed colour (0xRRGGBB); `Tally` keeps what the decision needs to know
of one mask, and the numbers themselves compressed, so that every file is read only once.
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from handful.data.decode import ImageFile, decode, picture_size
from handful.data.labelling.drawing import Drawing
from handful.data.pairs import Pair
from handful.data.pieces import count_pieces
from handful.errors import DataError

GREY, INDEX, COLOUR, OBJECTS, BOUNDARIES = "grey", "index", "colour", "objects", "boundaries"
DRAWN = "drawn"
COUNTED = 1 << 22  # pixels at a time: numpy makes eight bytes of each to count it


@dataclass(frozen=True)
class RawMask:
    """Whole numbers (H, W) and what they are: grey values, palette indices, colours, objects (one file each, numbered
    from 1), boundaries (0, 1) or drawn in a labelling tool (see `Drawing.codes`), with the names of the classes."""

    codes: NDArray[Any]
    form: str
    palette: NDArray[np.uint8] | None = None  # (n, 3) where form is "index"
    lossy: bool = False
    names: tuple[str, ...] = ()


@dataclass(frozen=True)
class Tally:
    """What one mask holds: its `values` in order with the `counts` of their pixels, and in how many connected `pieces`
    the values other than 0 lie (-1: not counted)."""

    where: str
    form: str
    shape: tuple[int, int]
    wide: bool  # more than 8 bits
    lossy: bool
    values: NDArray[np.int64]
    counts: NDArray[np.int64]
    pieces: int
    palette: NDArray[np.uint8] | None
    packed: bytes
    dtype: str
    names: tuple[str, ...] = ()

    def raw(self) -> RawMask:
        """The mask as it was read."""
        codes = np.frombuffer(zlib.decompress(self.packed), self.dtype).reshape(self.shape)
        return RawMask(codes, self.form, self.palette, self.lossy, self.names)

    def place(self, value: int) -> tuple[int, int]:
        """Row and column of the first pixel with this value."""
        row, column = np.argwhere(self.raw().codes == value)[0]
        return int(row), int(column)


def tally_mask(raw: RawMask, where: str) -> Tally:
    """Count the values of a mask and keep it."""
    codes = raw.codes
    if codes.dtype == np.uint8 or codes.dtype == np.uint16:
        histogram = np.zeros(1 << 8 * codes.itemsize, np.int64)
        flat = codes.reshape(-1)
        for begin in range(0, flat.size, COUNTED):
            part = np.bincount(flat[begin : begin + COUNTED])
            histogram[: len(part)] += part
        values = np.flatnonzero(histogram)
        counts = histogram[values]
    else:
        values, counts = np.unique(codes, return_counts=True)
    pieces = -1
    several = np.count_nonzero(values) >= 2
    if several and not raw.lossy and raw.form not in (OBJECTS, BOUNDARIES, DRAWN):
        pieces = count_pieces(codes)
    return Tally(
        where,
        raw.form,
        (codes.shape[0], codes.shape[1]),
        codes.dtype.itemsize > 1 and raw.form == GREY,
        raw.lossy,
        values.astype(np.int64),
        counts.astype(np.int64),
        pieces,
        raw.palette,
        zlib.compress(np.ascontiguousarray(codes).data, 1),
        codes.dtype.str,
        raw.names,
    )


def read_raw_mask(pair: Pair) -> RawMask:
    """The mask of a pair as whole numbers; several files become one picture of numbered objects.

    Raises DataError, naming the file, when a file cannot be read or cannot be a mask.
    """
    if pair.drawing is not None:
        return _read_drawing(pair.image, pair.drawing)
    if len(pair.masks) > 1:
        return _read_objects(pair.masks)
    file = pair.masks[0]
    if file.path.suffix.lower() == ".mat":
        return _read_mat(file.path)
    return _read_one(file)


def _read_drawing(image: ImageFile, drawing: Drawing) -> RawMask:
    """A drawing at the size of its image, so that no file can ask for more memory than the image has pixels."""
    height, width = picture_size(image)
    stated = drawing.size
    if stated is not None and stated != (height, width):
        turned = " One of them is turned by 90 degrees." if stated == (width, height) else ""
        raise DataError(
            f"{drawing.where}: was drawn on {stated[1]}x{stated[0]} pixels, but {image.path.name} has {width}x{height}."
            f"{turned} Annotate the image as it is, or put the one there that was annotated."
        )
    return RawMask(drawing.codes(height, width), DRAWN, names=drawing.names)


def _read_one(file: ImageFile) -> RawMask:
    decoded = decode(file)
    pixels = decoded.pixels
    if decoded.palette is not None:
        return RawMask(_narrow(pixels, file), INDEX, decoded.palette, decoded.lossy)
    if decoded.alpha and pixels.ndim == 3:
        pixels = _settle_alpha(pixels)
    if pixels.ndim == 3 and pixels.shape[2] in (3, 4) and pixels.shape[2] != 1:
        first = pixels[:, :, 0]
        if all((pixels[:, :, channel] == first).all() for channel in range(1, pixels.shape[2])):
            pixels = first
    if pixels.ndim == 3 and pixels.shape[2] == 1:
        pixels = pixels[:, :, 0]
    if pixels.ndim == 3:
        if pixels.shape[2] != 3 or pixels.dtype != np.uint8:
            raise DataError(
                f"{file}: has {pixels.shape[2]} channels of type {pixels.dtype}; a mask has one, or 8-bit colours. "
                "Save it as a grey or palette PNG."
            )
        wide = pixels.astype(np.int32)
        return RawMask(wide[:, :, 0] << 16 | wide[:, :, 1] << 8 | wide[:, :, 2], COLOUR, None, decoded.lossy)
    if decoded.bits in (2, 4) and pixels.dtype == np.uint8:
        reduced = pixels // {2: 85, 4: 17}[decoded.bits]  # Pillow spreads 2 and 4 bit over 0..255: undone
        top = 2**decoded.bits - 1
        if not np.isin(reduced, (0, top)).all():
            pixels = reduced
    return RawMask(_narrow(pixels, file), GREY, None, decoded.lossy)


def _settle_alpha(pixels: NDArray[Any]) -> NDArray[Any]:
    """Transparency in a mask: opaque says nothing; over one plain colour it IS the mask; else it means black."""
    alpha = pixels[:, :, -1]
    colours = pixels[:, :, :-1]
    if (alpha == alpha.flat[0]).all():
        return colours
    visible = colours[alpha > 0]
    if (colours == colours[0, 0]).all() or (visible == visible[0]).all():
        return alpha
    shown: NDArray[Any] = np.where((alpha >= 128)[:, :, None], colours, 0).astype(colours.dtype)
    return shown


def _narrow(pixels: NDArray[Any], file: ImageFile) -> NDArray[Any]:
    """Whole numbers in the least type that holds them; floats in 0..1 that are not whole are spread over 0..255."""
    if pixels.dtype.kind == "b":
        return pixels.astype(np.uint8)
    if pixels.dtype.kind == "f":
        if not np.isfinite(pixels).all():
            row, column = np.argwhere(~np.isfinite(pixels))[0]
            raise DataError(
                f"{file}: {pixels[row, column]} at row {row}, column {column} is no class. Save the mask as "
                "whole numbers."
            )
        if np.abs(pixels).max() >= 2**31:
            raise DataError(f"{file}: values up to {np.abs(pixels).max():g} are too large for a mask.")
        if (pixels == np.rint(pixels)).all():
            pixels = pixels.astype(np.int64)
        elif pixels.min() >= 0 and pixels.max() <= 1:
            spread: NDArray[Any] = np.rint(pixels * 255).astype(np.uint8)
            return spread
        else:
            row, column = np.argwhere(pixels != np.rint(pixels))[0]
            raise DataError(
                f"{file}: value {pixels[row, column]:g} at row {row}, column {column} is not a whole number. "
                "Save the mask as whole numbers."
            )
    low, high = int(pixels.min()), int(pixels.max())
    if low < -(2**31) or high >= 2**31:
        raise DataError(f"{file}: values from {low} to {high} are too large for a mask.")
    if low < 0:
        return pixels.astype(np.int32)
    if pixels.dtype == np.uint8 or pixels.dtype == np.uint16:
        return pixels
    return pixels.astype(np.uint16 if high < 65536 else np.int32)


def _read_objects(files: tuple[ImageFile, ...]) -> RawMask:
    """One file an object, numbered from 1; where objects overlap the smaller one wins, as it would vanish otherwise."""
    objects: list[tuple[int, NDArray[np.intp]]] = []
    shape: tuple[int, int] | None = None
    for file in files:
        codes = _read_one(file)
        if shape is not None and codes.codes.shape != shape:
            raise DataError(
                f"{file}: is {_size(codes.codes.shape)} but {files[0].path.name} is {_size(shape)}; the masks "
                "of one image "
                "have one size."
            )
        shape = (codes.codes.shape[0], codes.codes.shape[1])
        values = codes.codes
        if codes.form == INDEX and codes.palette is not None and (codes.palette[:, 0] == codes.palette[:, 1]).all():
            values = codes.palette[:, 0][np.minimum(values, len(codes.palette) - 1)]
        inside = np.flatnonzero(values >= 128) if int(values.max()) > 1 else np.flatnonzero(values)
        if not inside.size and int(values.max()) > 1:
            inside = np.flatnonzero(values)
        objects.append((inside.size, inside))
    if shape is None:
        raise DataError("a pair without mask files cannot be read.")
    labels = np.zeros(shape, np.uint16 if len(objects) < 65536 else np.int32)
    flat = labels.reshape(-1)
    order = sorted(range(len(objects)), key=lambda i: -objects[i][0])
    for number in order:
        flat[objects[number][1]] = number + 1
    return RawMask(labels, OBJECTS)


def _size(shape: tuple[int, ...]) -> str:
    return f"{shape[1]}x{shape[0]}"


# ---------------------------------------------------------------------------------------------------- .mat


def _load_mat(path: Path) -> dict[str, Any]:
    from handful.data.matfile import read_matfile

    try:
        return read_matfile(path)
    except NotImplementedError as error:
        raise DataError(f"{path}: is a MATLAB 7.3 file, which is not read. Save it with `-v7`, or as PNG.") from error
    except (OSError, ValueError, zlib.error, MemoryError) as error:
        raise DataError(f"{path}: is damaged or no MATLAB file ({str(error)[:120]}). Copy it again.") from error


def read_annotators(path: Path) -> NDArray[np.uint8]:
    """The boundary maps (people, H, W), 0 or 1, of every person who drew on an image of BSDS500.

    The files hold a cell array `groundTruth` with fields Boundaries and Segmentation (Arbelaez et al., Contour
    Detection and Hierarchical Image Segmentation, PAMI 2011). Raises DataError for another kind of file.
    """
    content = _load_mat(path)
    truth = content.get("groundTruth")
    if truth is None or (truth.dtype != object and truth.dtype.names is None):
        raise DataError(f"{path}: has no field groundTruth; a file of BSDS500 was expected (has {', '.join(content)}).")
    maps = []
    for cell in np.ravel(truth):
        fields = getattr(cell, "dtype", np.dtype("u1")).names or ()
        if "Boundaries" not in fields:
            raise DataError(f"{path}: groundTruth has no field Boundaries (has {', '.join(fields)}).")
        maps.append(np.asarray(_inner(cell["Boundaries"])))
    if not maps or any(one.ndim != 2 or one.dtype.kind not in "biuf" or one.shape != maps[0].shape for one in maps):
        raise DataError(f"{path}: the maps of its annotators are not all of one size. Copy it again.")
    return (np.stack(maps) > 0).astype(np.uint8)


def _inner(value: Any) -> Any:
    while isinstance(value, np.ndarray) and value.dtype == object and value.size == 1:
        value = value.reshape(-1)[0]
    return value


def _read_mat(path: Path) -> RawMask:
    content = _load_mat(path)
    if "groundTruth" in content:
        truth = content["groundTruth"]
        first = np.ravel(truth)[0] if truth.size else None
        if first is None or not hasattr(first, "dtype"):
            raise DataError(f"{path}: groundTruth is empty. Copy the file again.")
        if first.dtype.names and "Boundaries" in first.dtype.names and truth.dtype == object:
            return RawMask(read_annotators(path).max(axis=0), BOUNDARIES)
        fields = truth.dtype.names or first.dtype.names or ()
        for name in ("Segmentation", "Boundaries"):
            if name in fields:
                holder = truth if truth.dtype.names else first
                drawn = np.asarray(_inner(holder[name]))
                if drawn.ndim != 2 or drawn.dtype.kind not in "biuf" or not drawn.size:
                    raise DataError(f"{path}: {name} holds no mask; an array of rows x columns was expected.")
                return RawMask(_narrow(drawn, ImageFile(path)), GREY)
    arrays = {
        key: value for key, value in content.items() if getattr(value, "ndim", 0) == 2 and value.dtype.kind in "biuf"
    }
    arrays = {key: value for key, value in arrays.items() if min(value.shape) > 1}
    if not arrays:
        raise DataError(
            f"{path}: holds no mask (has {', '.join(content) or 'nothing'}); an array of rows x columns was expected."
        )
    key = min(arrays, key=lambda name: (name not in ("inst_map", "mask", "label", "labels"), -arrays[name].size, name))
    return RawMask(_narrow(arrays[key], ImageFile(path)), GREY)
