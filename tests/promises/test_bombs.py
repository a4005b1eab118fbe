"""Small files that claim to unpack to more than memory are refused by their headers, before anything is unpacked."""

from __future__ import annotations

import io
import struct
import tracemalloc
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import tifffile

from handful.data.decode import ImageFile, decode
from handful.data.labelling.readers import read_annotations
from handful.data.windows import open_windows
from handful.errors import HandfulError

SIDE = 20_000  # pixels: 400 million, and 1.6 GB in the widest case


def png(path: Path) -> None:
    """All that a PNG of one grey value takes: 0.4 MB for 400 million pixels."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    packer = zlib.compressobj(9)
    rows = b"".join(packer.compress(bytes(SIDE + 1)) for _ in range(SIDE)) + packer.flush()
    header = struct.pack(">IIBBBBB", SIDE, SIDE, 8, 0, 0, 0, 0)
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", rows) + chunk(b"IEND", b""))


def tiff(path: Path) -> None:
    """A picture whose header says that it is far larger."""
    out = io.BytesIO()
    tifffile.imwrite(out, np.zeros((64, 64), np.float32), compression="zlib")
    raw = bytearray(out.getvalue())
    for tag in (256, 257, 278):  # width, height, rows a strip
        place = raw.index(
            struct.pack("<HH", tag, 4) if struct.pack("<HH", tag, 4) in raw else struct.pack("<HH", tag, 3)
        )
        raw[place + 2 : place + 12] = struct.pack("<HII", 4, 1, SIDE)
    path.write_bytes(raw)


def npy(path: Path) -> None:
    out = io.BytesIO()
    np.lib.format.write_array_header_1_0(out, {"descr": "<f4", "fortran_order": False, "shape": (SIDE, SIDE)})
    path.write_bytes(out.getvalue() + bytes(100))


def regions(path: Path) -> None:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a.roi", bytes(300 << 20))


BOMBS: dict[str, tuple[Callable[[Path], None], str]] = {
    "a.png": (png, "million pixels"),
    "a.tif": (tiff, "times its size"),
    "a.npy": (npy, "cut short"),
    "a.zip": (regions, "unpacks to far more"),
}


@pytest.mark.parametrize("name", BOMBS)
def test_a_bomb_is_refused_before_it_is_unpacked(tmp_path: Path, name: str) -> None:
    write, words = BOMBS[name]
    path = tmp_path / name
    write(path)
    assert path.stat().st_size < 1 << 20
    tracemalloc.start()
    try:
        said = refusal(path)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert words in said
    assert peak < 32 << 20


def refusal(path: Path) -> str:
    if path.suffix == ".zip":
        found = read_annotations(path, path.name)
        assert found is not None
        return found.images[0].problem
    with pytest.raises(HandfulError) as caught:
        decode(ImageFile(path))
    with pytest.raises(HandfulError):
        open_windows(ImageFile(path), memory=64 << 20)
    return str(caught.value)


def test_a_large_picture_of_one_colour_is_no_bomb(tmp_path: Path) -> None:
    """What deflate makes of it is a thousandth: real, and read."""
    tifffile.imwrite(tmp_path / "a.tif", np.zeros((9000, 9000), np.uint8), compression="zlib")
    assert (tmp_path / "a.tif").stat().st_size < 100_000
    assert decode(ImageFile(tmp_path / "a.tif")).pixels.shape == (9000, 9000)
