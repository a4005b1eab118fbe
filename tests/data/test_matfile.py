"""MATLAB's files are read as SciPy reads them, and damaged ones without its crashes."""

from __future__ import annotations

import io
import zlib
from pathlib import Path

import numpy as np
import pytest
from scipy.io import loadmat, savemat

from handful.data.decode import ImageFile
from handful.data.maskfile import read_raw_mask
from handful.data.matfile import read_matfile
from handful.data.pairs import Pair
from handful.errors import DataError

BSDS = Path(__file__).parents[2].parent / "shared/data/boundaries"


def same(ours: object, theirs: object) -> bool:
    if isinstance(theirs, np.ndarray) and theirs.dtype.names:
        names = theirs.dtype.names
        return ours.dtype.names == names and all(same(ours[name], theirs[name]) for name in names)
    if isinstance(theirs, np.ndarray) and theirs.dtype == object:
        pairs = zip(ours.ravel(), theirs.ravel(), strict=True)
        return ours.shape == theirs.shape and all(same(one, two) for one, two in pairs)
    return np.array_equal(ours, theirs) and ours.dtype.kind == theirs.dtype.kind


@pytest.mark.parametrize("compressed", [False, True])
@pytest.mark.parametrize("kind", ["u1", "i2", "u2", "i4", "f4", "f8", "u8"])
def test_arrays_as_scipy_reads_them(tmp_path: Path, kind: str, compressed: bool) -> None:
    rng = np.random.default_rng(0)
    cell = np.empty((2, 2), object)
    for place in np.ndindex(2, 2):
        cell[place] = rng.integers(0, 99, rng.integers(1, 5, 2)).astype(kind)
    content = {
        "a": rng.integers(0, 99, (5, 7)).astype(kind),
        "stack": rng.integers(0, 99, (2, 3, 4)).astype(kind),
        "cell": cell,
        "record": {"first": cell[0, 0], "a_long_field": {"inner": cell[0, 1]}},
        "empty": np.zeros((0, 3), kind),
    }
    savemat(tmp_path / "a.mat", content, do_compression=compressed)
    ours, theirs = read_matfile(tmp_path / "a.mat"), loadmat(tmp_path / "a.mat")
    assert all(same(ours[name], theirs[name]) for name in content)


def test_text_and_sparse_arrays_are_passed_over(tmp_path: Path) -> None:
    from scipy.sparse import csc_matrix

    savemat(tmp_path / "a.mat", {"words": "leaf", "sparse": csc_matrix(np.eye(3)), "mask": np.eye(3)})
    assert list(read_matfile(tmp_path / "a.mat")) == ["mask"]


@pytest.mark.slow
def test_real_files_as_scipy_reads_them() -> None:
    files = sorted(BSDS.rglob("*.mat"))[:20]
    if not files:
        pytest.skip(f"no {BSDS}")
    for file in files:
        ours, theirs = read_matfile(file), loadmat(file)
        assert same(ours["groundTruth"], theirs["groundTruth"])


def test_a_file_that_unpacks_to_more_than_memory_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("handful.data.matfile.LARGEST", 1 << 16)
    savemat(tmp_path / "a.mat", {"mask": np.zeros((1 << 10, 1 << 10))}, do_compression=True)
    assert (tmp_path / "a.mat").stat().st_size < 1 << 14
    with pytest.raises(DataError, match="unpacks to more"):
        read_raw_mask(Pair("a", ImageFile(tmp_path / "a.mat"), (ImageFile(tmp_path / "a.mat"),)))


def test_cells_within_cells_without_end_are_refused(tmp_path: Path) -> None:
    cell: object = np.eye(2)
    for _ in range(20):
        outer = np.empty((1, 1), object)
        outer[0, 0] = cell
        cell = outer
    savemat(tmp_path / "a.mat", {"a": cell})
    with pytest.raises(ValueError, match="too deep"):
        read_matfile(tmp_path / "a.mat")


def test_every_way_to_cut_a_file_is_refused(tmp_path: Path) -> None:
    out = io.BytesIO()
    savemat(out, {"a": np.eye(4), "b": {"c": np.eye(3)}}, do_compression=False)
    raw = out.getvalue()
    path = tmp_path / "a.mat"
    for end in range(128 + 8, len(raw)):
        path.write_bytes(raw[:end])
        try:
            found = read_matfile(path)
        except (ValueError, zlib.error):
            continue
        assert set(found) < {"a", "b"}  # cut between the variables, or within the padding behind one
