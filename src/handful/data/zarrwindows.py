"""Windows of a Zarr array, version 2 or 3, or of the full size of an OME-Zarr image."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from handful.data.decode import ImageFile, axes_roles, npy_axes, quiet
from handful.data.windows import Span
from handful.errors import DataError

# Values in an array and in one chunk of it: a million chunks of a few values each would take hours to read.
MANY, LEAST_CHUNK = 1 << 20, 256


class ZarrWindows:
    """`ImageFile.page` names the slice where the array has axes of time or depth."""

    def __init__(self, file: ImageFile) -> None:
        array, axes = open_array(file.path)
        shape = tuple(int(size) for size in array.shape)
        stack, channels, row, column = axes_roles(axes, shape)
        if file.page is None and math.prod(shape[axis] for axis in stack) > 1:
            raise DataError(f"{file.path}: holds several slices (axes {axes}, shape {shape}); name one.")
        if array.dtype.kind not in "buif":
            raise DataError(f"{file.path}: holds values of type {array.dtype}; numbers were expected.")
        if 0 in shape or (math.prod(shape) > MANY and math.prod(array.chunks) < LEAST_CHUNK):
            raise DataError(f"{file.path}: shape {shape} in chunks of {array.chunks} is no picture to read.")
        self._array: Any = array
        self._index: list[Any] = [slice(None)] * len(shape)
        for axis, position in zip(stack, np.unravel_index(file.page or 0, [shape[one] for one in stack]), strict=True):
            self._index[axis] = int(position)
        self._row, self._column = row, column
        left = [axis for axis in range(len(shape)) if axis not in stack]
        self._order = [left.index(axis) for axis in (row, column, *channels)]
        self.shape = (shape[row], shape[column])
        self.channels = math.prod(shape[axis] for axis in channels)
        self.dtype = np.dtype(array.dtype)
        self.cost = 0

    def read(self, rows: Span, columns: Span) -> NDArray[Any]:
        index = list(self._index)
        index[self._row], index[self._column] = slice(*rows), slice(*columns)
        window = np.transpose(np.asarray(self._array[tuple(index)]), self._order)
        return window.reshape(*window.shape[:2], -1)

    def close(self) -> None:
        del self._array


def open_array(path: Path) -> tuple[Any, str]:
    """The array in a store and a letter for each of its axes; of OME-Zarr the first, largest, resolution."""
    try:
        import zarr
    except ImportError as error:
        raise DataError(f"{path}: reading Zarr needs a further package: pip install 'handful[big]'.") from error
    try:
        with quiet():
            return _open(path, zarr.open(str(path), mode="r"), zarr.Group)
    except DataError:
        raise
    except Exception as error:  # metadata of any shape make the reader raise anything at all
        raise DataError(
            f"{path}: its metadata cannot be read ({str(error)[:80]}). Copy the whole folder again."
        ) from error


def _open(path: Path, found: Any, group: Any) -> tuple[Any, str]:
    if isinstance(found, group):
        about: Any = found.attrs.asdict()
        scales = about.get("ome", about).get("multiscales")
        if not scales:
            inner = sorted(name for name, _ in found.arrays())
            if len(inner) != 1:
                raise DataError(
                    f"{path}: a Zarr group of {len(inner)} arrays and no OME image; name one array: {path}/ARRAY."
                )
            return open_array(path / inner[0])
        array: Any = found[scales[0]["datasets"][0]["path"]]
        named = [axis["name"] if isinstance(axis, dict) else axis for axis in scales[0].get("axes", [])]
        # Version 0.3 and before: always time, channel, z, y, x.
        axes = "".join(name[:1].upper() for name in named) or "TCZYX"[-array.ndim :]
    else:
        array = found
        names: Any = getattr(array.metadata, "dimension_names", None) or array.attrs.get("_ARRAY_DIMENSIONS") or ()
        axes = "".join((name or "?")[:1].upper() for name in names)
        if len(axes) != array.ndim or "Y" not in axes or "X" not in axes:
            axes = npy_axes(tuple(array.shape), path)
    return array, axes


def count_slices(path: Path) -> int:
    """How many pictures an array holds: 1 unless it has axes of time or depth."""
    array, axes = open_array(path)
    stack = axes_roles(axes, tuple(array.shape))[0]
    return math.prod(int(array.shape[axis]) for axis in stack)
