"""Windows of a TIFF: only the tiles or strips under the window are read and decoded."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from handful.data.decode import MOST_CHANNELS, ImageFile, axes_roles, refuse_unlikely, tiff_series
from handful.data.windows import Blocks, Meaning, Span

# Linux maps 64 kB around every byte that is touched, and counts them as memory of the process.
ROWS_MAPPED = 64


def open_tiff(file: ImageFile, cache: int) -> tuple[TiffWindows, Meaning, bool] | None:
    """Windows, what the pixels mean, and whether the last channel is alpha; None where the file must be read whole."""
    import tifffile

    tiff = tifffile.TiffFile(file.path)
    try:
        windows = _open(tiff, file, cache)
    except BaseException:
        tiff.close()
        raise
    if windows is None:
        tiff.close()
        return None
    first: Any = tiff.pages[0]
    bits = int(first.bitspersample if not isinstance(first.bitspersample, tuple) else first.bitspersample[0])
    palette = None
    if int(first.photometric) == 3 and first.colormap is not None:
        colours = (np.asarray(first.colormap).T[: 2 ** min(bits, 16)] >> 8).astype(np.uint8)
        palette = np.zeros((max(256, len(colours)), 3), np.uint8)
        palette[: len(colours)] = colours
    samples = tuple(int(sample) for sample in first.extrasamples) if "S" in tiff_series(tiff)[0] else ()
    alpha = bool(samples) and samples[-1] in (1, 2)
    return windows, Meaning(palette, None, bits == 1, int(first.photometric) == 0), alpha


def _open(tiff: Any, file: ImageFile, cache: int) -> TiffWindows | None:
    """None where `decode` knows better: JPEG inside, odd arrays, damage."""
    first = tiff.pages[0]
    if int(first.photometric) not in (0, 1, 2, 3) or "JPEG" in first.compression.name:
        return None
    axes, shape = tiff_series(tiff)
    series = tiff.series[0]
    refuse_unlikely(file, math.prod(shape), series.dtype.itemsize)
    stack, channels, row, column = axes_roles(axes, shape)
    count = math.prod(shape[axis] for axis in stack)
    if axes != series.axes or len(channels) > 1 or column < row:
        return None
    if file.page is None and count > 1:
        if len(stack) != 1 or count > MOST_CHANNELS or channels:
            return None
        channels, stack = stack, []  # unnamed pages that are the channels of one picture
    index: list[Any] = [slice(None)] * len(shape)
    for axis, position in zip(stack, np.unravel_index(file.page or 0, [shape[one] for one in stack]), strict=True):
        index[axis] = int(position)
    if series.dataoffset is not None:
        return TiffWindows(tiff, Mapped(tiff, series, shape, index, channels, row, column))
    page = series.keyframe
    outer = len(shape) - len(page.shape)
    if len(series.pages) != math.prod(shape[:outer]) or row < outer:
        return None
    across = [axis for axis in channels if axis < outer]
    numbers = np.arange(len(series.pages)).reshape(shape[:outer])
    chosen = np.ravel(numbers[tuple(index[axis] if axis in stack else slice(None) for axis in range(outer))])
    if not across and len(chosen) != 1:
        return None
    return TiffWindows(tiff, Segments(tiff, [series.pages[int(number)] for number in chosen], cache))


class TiffWindows:
    """An open TIFF with one of the two ways below to read it."""

    def __init__(self, tiff: Any, way: Mapped | Segments) -> None:
        self._tiff, self._way = tiff, way
        self.shape, self.channels, self.dtype, self.cost = way.shape, way.channels, way.dtype, 0

    def read(self, rows: Span, columns: Span) -> NDArray[Any]:
        return self._way.read(rows, columns)

    def close(self) -> None:
        self._tiff.close()


class Mapped:
    """Uncompressed and in one piece: mapped anew for every window, so that pages once read do not stay."""

    def __init__(
        self,
        tiff: Any,
        series: Any,
        shape: tuple[int, ...],
        index: list[Any],
        channels: list[int],
        row: int,
        column: int,
    ) -> None:
        self._path, self._offset, self._index = tiff.filehandle.path, series.dataoffset, index
        self._kind = np.dtype(tiff.byteorder + series.dtype.char)
        self._whole, self._row, self._column = shape, row, column
        self.dtype = np.dtype(series.dtype)
        self.shape = (shape[row], shape[column])
        self.channels = math.prod(shape[axis] for axis in channels)
        left = [axis for axis in range(len(shape)) if not isinstance(index[axis], int)]
        self._order = [left.index(axis) for axis in (row, column, *channels)]

    def read(self, rows: Span, columns: Span) -> NDArray[Any]:
        parts = []
        for top in range(rows[0], rows[1], ROWS_MAPPED):
            array = np.memmap(self._path, self._kind, "r", self._offset, self._whole)
            index = list(self._index)
            index[self._row], index[self._column] = slice(top, min(top + ROWS_MAPPED, rows[1])), slice(*columns)
            window = np.transpose(array[tuple(index)], self._order)
            parts.append(np.array(window.reshape(*window.shape[:2], -1), self.dtype))
        return parts[0] if len(parts) == 1 else np.concatenate(parts)


class Segments:
    """Tiles or strips, compressed or not, of one page, or of a page a channel."""

    def __init__(self, tiff: Any, pages: list[Any], cache: int) -> None:
        self._file, self._pages, self._blocks = tiff.filehandle, pages, Blocks(cache)
        self._key = pages[0].keyframe
        self._key.init_decode()
        planes, depth, height, width, samples = self._key.shaped
        if depth != 1:
            raise ValueError("a volume in one page")
        self.shape = (height, width)
        self._planes = planes
        self.channels = len(pages) * planes * samples
        self.dtype = np.dtype(self._key.dtype)
        if self._key.is_tiled:
            self._block = (self._key.tilelength, self._key.tilewidth)
        else:
            self._block = (min(self._key.rowsperstrip, height), width)
        self._grid = tuple(-(-size // edge) for size, edge in zip(self.shape, self._block, strict=True))

    def read(self, rows: Span, columns: Span) -> NDArray[Any]:
        (top, bottom), (left, right) = rows, columns
        tall, wide = self._block
        parts = []
        for number, page in enumerate(self._pages):
            for plane in range(self._planes):
                part = None
                for y in range(top // tall, -(-bottom // tall)):
                    for x in range(left // wide, -(-right // wide)):
                        block = self._segment(number, page, (plane * self._grid[0] + y) * self._grid[1] + x)
                        if part is None:
                            part = np.empty((bottom - top, right - left, block.shape[2]), self.dtype)
                        down, across = y * tall, x * wide
                        y0, y1 = max(top, down), min(bottom, down + tall)
                        x0, x1 = max(left, across), min(right, across + wide)
                        part[y0 - top : y1 - top, x0 - left : x1 - left] = block[
                            y0 - down : y1 - down, x0 - across : x1 - across
                        ]
                assert part is not None
                parts.append(part)
        return parts[0] if len(parts) == 1 else np.concatenate(parts, axis=2)

    def _segment(self, number: int, page: Any, index: int) -> NDArray[Any]:
        def decode() -> NDArray[Any]:
            count = page.databytecounts[index]
            if count:
                self._file.seek(page.dataoffsets[index])
                data = self._file.read(count)
                if len(data) < count:
                    raise ValueError("truncated: a block lies beyond the end of the file")
                segment = self._key.decode(data, index, jpegtables=page.jpegtables)[0]
                if segment is not None:
                    return np.asarray(segment[0])
            # A block that was never written stands for background.
            samples = self._key.shaped[-1]
            return np.full((*self._block, samples), self._key.nodata, self.dtype)

        return self._blocks.get((number, index), decode)
