"""Planes of numbers on disk, written and read by windows: what of a large image is too much for memory."""

from __future__ import annotations

import shutil
import threading
import weakref
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from handful.errors import OutputError
from handful.files import reason, remedy
from handful.prediction.tiles import Span


class PlaneFile:
    """An array (planes, H, W) in a file, plane after plane, row after row, nothing else. Not mapped: what a process
    maps counts as its memory."""

    def __init__(self, path: Path, planes: int, shape: tuple[int, int], kind: type[Any], *, new: bool) -> None:
        self.path, self.planes, self.shape, self.dtype = path, planes, shape, np.dtype(kind)
        self._lock = threading.Lock()
        size = planes * shape[0] * shape[1] * self.dtype.itemsize
        try:
            if new:
                path.parent.mkdir(parents=True, exist_ok=True)
                path.unlink(missing_ok=True)
                free = shutil.disk_usage(path.parent).free
                if size > free:
                    raise OutputError(
                        f"{path.parent}: {size / 1e9:.1f} GB are needed for the time of the work, {free / 1e9:.1f} GB "
                        "are free. Free some space, or name a folder on another disk."
                    )
            self._stream = open(path, "w+b" if new else "r+b", buffering=0)  # noqa: SIM115
            weakref.finalize(self, self._stream.close)
            if new:
                self._stream.truncate(size)
        except OSError as error:
            raise OutputError(f"{path}: cannot be written: {reason(error)}. {remedy(error)}") from error

    def write(self, rows: Span, columns: Span, values: NDArray[Any]) -> None:
        """values (planes, h, w); a full disk is an OutputError."""
        values = np.ascontiguousarray(values, self.dtype)
        try:
            with self._lock:
                for plane, pixels in enumerate(values):
                    if columns == (0, self.shape[1]):
                        self._stream.seek(self._place(plane, rows[0], 0))
                        _write_all(self._stream, pixels)
                        continue
                    for row, line in enumerate(pixels, rows[0]):
                        self._stream.seek(self._place(plane, row, columns[0]))
                        _write_all(self._stream, line)
        except OSError as error:
            raise OutputError(f"{self.path}: cannot be written: {reason(error)}. {remedy(error)}") from error

    def read(self, rows: Span, columns: Span) -> NDArray[Any]:
        """(planes, h, w) of these rows and columns; 0 where nothing was written."""
        values = np.empty((self.planes, rows[1] - rows[0], columns[1] - columns[0]), self.dtype)
        with self._lock:
            for plane in range(self.planes):
                if columns == (0, self.shape[1]):
                    self._read(plane, rows[0], 0, values[plane])
                    continue
                for row in range(*rows):
                    self._read(plane, row, columns[0], values[plane, row - rows[0]])
        return values

    def _read(self, plane: int, row: int, column: int, into: Any) -> None:
        self._stream.seek(self._place(plane, row, column))
        rest = memoryview(into).cast("B")
        while rest and (count := self._stream.readinto(rest)):  # 2 GB at a time at most
            rest = rest[count:]

    def close(self) -> None:
        self._stream.close()

    def remove(self) -> None:
        self.close()
        self.path.unlink(missing_ok=True)

    def _place(self, plane: int, row: int, column: int) -> int:
        return int(((plane * self.shape[0] + row) * self.shape[1] + column) * self.dtype.itemsize)


def _write_all(stream: Any, values: Any) -> None:
    """All of the bytes: the system may take a part of a large piece at a time."""
    rest = memoryview(values).cast("B")
    while rest:
        rest = rest[stream.write(rest) :]
