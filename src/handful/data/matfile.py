"""MATLAB's files of version 5 to 7.2, read without trust.

Of the format (MAT-File Level 5, MathWorks) only what masks are made of is read: arrays of numbers, cells and structs,
compressed or not; the rest is passed over. SciPy's reader is not used: a few wrong bytes make it end the whole process.
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

HEADER = 128
LARGEST = 1 << 30  # bytes that a compressed variable may unpack to
DEEPEST = 16  # cells within cells
# How numbers are stored, by the code of their element (miINT8 to miUINT64).
STORED = {1: "i1", 2: "u1", 3: "i2", 4: "u2", 5: "i4", 6: "u4", 7: "f4", 9: "f8", 12: "i8", 13: "u8"}
MATRIX, COMPRESSED = 14, 15
CELL, STRUCT, NUMBERS = 1, 2, range(6, 16)  # classes of arrays, mxDOUBLE to mxUINT64 the last


class DamagedError(ValueError):
    """What is in the file is not what the format says."""


def read_matfile(path: Path) -> dict[str, Any]:
    """Variables by name: arrays (numbers as stored; objects for cells; records of objects for structs), as SciPy's.

    Raises ValueError for a damaged file or one of another kind, NotImplementedError for one of version 7.3.
    """
    raw = path.read_bytes()
    if raw[:8] == b"\x89HDF\r\n\x1a\n" or raw[512:520] == b"\x89HDF\r\n\x1a\n":
        raise NotImplementedError("version 7.3")
    if len(raw) < HEADER or raw[126:128] not in (b"IM", b"MI"):
        raise DamagedError("it does not begin as MATLAB's files from version 5 on do")
    order = "<" if raw[126:128] == b"IM" else ">"
    found: dict[str, Any] = {}
    elements = Elements(memoryview(raw)[HEADER:], order)
    while elements.left():
        code, data = elements.take(padded=False)
        if code == COMPRESSED:
            code, data = Elements(memoryview(unpacked(data)), order).take()
        if code == MATRIX and len(data):
            name, value = read_matrix(data, order, 0)
            if value is not None:
                found[name] = value
    return found


def unpacked(data: memoryview) -> bytes:
    """A compressed variable, refused before it is larger than `LARGEST`."""
    unpacker = zlib.decompressobj()
    content = unpacker.decompress(data, LARGEST)
    if not unpacker.eof:
        raise DamagedError("a variable is cut short or unpacks to more than a mask takes")
    return content


@dataclass
class Elements:
    """Goes through data elements: a code and a length in 8 bytes (4 for small ones), the content, and padding to 8."""

    data: memoryview
    order: str
    place: int = 0

    def left(self) -> bool:
        return self.place + 8 <= len(self.data)

    def take(self, *, padded: bool = True) -> tuple[int, memoryview]:
        if not self.left():
            raise DamagedError("a variable is cut short")
        code, length = np.frombuffer(self.data[self.place : self.place + 8], self.order + "u4").tolist()
        begin = self.place + 8
        if code >> 16:
            code, length, begin = code & 0xFFFF, code >> 16, self.place + 4
            self.place += 8
            if length > 4:
                raise DamagedError("a small element is too long")
        else:
            self.place = begin + length + (-length % 8 if padded and code != COMPRESSED else 0)
        if begin + length > len(self.data):
            raise DamagedError("an element reaches beyond its end")
        return code, self.data[begin : begin + length]

    def numbers(self) -> NDArray[Any]:
        code, data = self.take()
        if code not in STORED or len(data) % np.dtype(STORED[code]).itemsize:
            raise DamagedError(f"numbers of an unknown kind ({code})")
        return np.frombuffer(data, self.order + STORED[code])

    def whole_numbers(self) -> NDArray[Any]:
        """What sizes and flags are; a half would be cut to nothing later."""
        found = self.numbers()
        if found.dtype.kind not in "iu":
            raise DamagedError("a size is no whole number")
        return found


def read_matrix(data: memoryview, order: str, depth: int) -> tuple[str, NDArray[Any] | None]:
    """Name and value of an array; the value is None where it is of a kind that no mask is."""
    if depth > DEEPEST:
        raise DamagedError("cells lie too deep within cells")
    parts = Elements(data, order)
    flags = parts.whole_numbers()
    shape = tuple(parts.whole_numbers().tolist())
    name = bytes(parts.take()[1]).decode("latin-1")
    if len(flags) < 1 or not 1 <= len(shape) <= 8 or min(shape) < 0:
        raise DamagedError("an array has no shape")
    kind, count = int(flags[0]) & 0xFF, prod(shape)
    if kind in NUMBERS:
        numbers = parts.numbers()
        if len(numbers) != count:
            raise DamagedError(f"an array of {count} numbers holds {len(numbers)}")
        return name, numbers.astype(numbers.dtype.newbyteorder("=")).reshape(shape, order="F")
    if kind not in (CELL, STRUCT):
        return name, None
    fields = [""]
    if kind == STRUCT:
        width = parts.whole_numbers()
        names = bytes(parts.take()[1])
        if len(width) != 1 or not 0 < width[0] <= 64 or len(names) % int(width[0]):
            raise DamagedError("a struct has no field names")
        step = int(width[0])
        fields = [names[at : at + step].split(b"\0")[0].decode("latin-1") for at in range(0, len(names), step)]
        if len(set(fields)) < len(fields) or "" in fields:
            raise DamagedError("a struct has fields without names")
    if count * len(fields) * 8 > len(data):  # the least that an element takes
        raise DamagedError(f"{count} cells do not fit")
    cells = np.empty((count, len(fields)), object)
    for place in np.ndindex(cells.shape):
        code, inner = parts.take()
        if code != MATRIX:
            raise DamagedError("a cell holds no array")
        cells[place] = read_matrix(inner, order, depth + 1)[1] if len(inner) else np.empty((0, 0))
    if kind == CELL:
        return name, cells[:, 0].reshape(shape, order="F")
    records = np.empty(count, [(field, object) for field in fields])
    for number, field in enumerate(fields):
        records[field] = cells[:, number]
    return name, records.reshape(shape, order="F")
