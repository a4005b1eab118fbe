"""What fuzzing found, as small as it was kept: each ended in a crash, a hang, a traceback or much memory once.

found/READER--WHAT.ENDING goes to that reader of `readers.py`; the inline ones are text.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from faults import fault
from readers import READERS

KEPT = sorted((Path(__file__).parent / "found").iterdir())
INLINE = [
    ("split.json", b'{"reason":"","seed":Infinity,"outside":false,"leaks":[],"train":[],"validation":[],"test":[]}'),
    (
        "comparison.toml",
        b'title = ""\ndata = "x"\n[[probes]]\nsetting = "a"\nvalues = 1\ndata = {synth = "shapes", count = 3}',
    ),
    ("predictions.json", b"[]"),
    ("predictions.json", b'{"images": [1.5]}'),
    ("journal, work", b"[1]"),
    ("journal, done", b"[1]\n"),
    ("journal, done", b'{"key": 1}\n'),
    ("journal, done", b"\xff\n"),
    ("zarr 3", b'{"zarr_format": 9}'),
    ("zarr 2", b"[]"),
    ("labelme", b'{"imagePath": "image.png", "shapes": [{"label": "\\ud800", "points": [[1, 1], [9, 1], [5, 9]]}]}'),
    ("npy", b"\x93NUMPY\x01\x00F\x00{'descr': '<f8', 'fortran_order': False, 'shape': (0, 3), }".ljust(79) + b"\n"),
]


@pytest.mark.parametrize("file", KEPT, ids=lambda file: file.name)
def test_kept_files(file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    reader = READERS[file.name.partition("--")[0]]
    monkeypatch.chdir(tmp_path)
    assert fault(reader, file.read_bytes(), tmp_path) == ""


@pytest.mark.parametrize(("name", "content"), INLINE)
def test_inline_files(name: str, content: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    if name.startswith("zarr"):
        pytest.importorskip("zarr")
    assert fault(READERS[name], content, tmp_path) == ""
