"""Whatever a file holds: an answer or a HandfulError, in bounded time and memory, and nothing outside its folder.

Each reader gets a few spoilt files here; `.ci/fuzz 600` gives each ten minutes, `.ci/fuzz 600 png tiff` those two. What
was found is kept in `test_found_by_fuzzing.py`.
"""

from __future__ import annotations

import io
import os
import pickle
import random
import time
import zipfile
from pathlib import Path
from random import Random

import numpy as np
import pytest
from faults import fault, place_in_code
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from readers import READERS, Reader

EXAMPLES = 12
FOUND = os.environ.get("HANDFUL_FUZZ_FOUND", "")  # a folder for the files that a reader did not take as it should
BUDGET = float(os.environ.get("HANDFUL_FUZZ_SECONDS", "20"))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """inner/ for the files, in a folder that stays as it is."""
    inner = tmp_path_factory.mktemp("hostile") / "inner"
    inner.mkdir()
    return inner


@pytest.fixture(params=READERS)
def reader(request: pytest.FixtureRequest, folder: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Reader, Path]:
    if request.param.startswith("zarr"):
        pytest.importorskip("zarr")
    place = folder / READERS[request.param].plain_name
    place.mkdir(exist_ok=True)
    monkeypatch.chdir(place)
    return READERS[request.param], place


def test_valid_files_are_read(reader: tuple[Reader, Path]) -> None:
    """Else the tests below would spoil what is refused anyway."""
    reads, place = reader
    for content in reads.files():
        (place / reads.file).write_bytes(content)
        reads.read(place / reads.file)


def test_spoilt_files_are_refused_or_read(reader: tuple[Reader, Path]) -> None:
    reads, place = reader
    before = sorted(one.name for one in place.parent.iterdir())

    @settings(
        max_examples=EXAMPLES,
        deadline=None,
        database=None,
        derandomize=True,
        phases=[Phase.generate],  # what is found is told whole: the reason stands in the traceback
        suppress_health_check=list(HealthCheck),
    )
    @given(st.randoms(use_true_random=True, note_method_calls=False))
    def spoil(rng: Random) -> None:
        content = reads.spoilt(rng)
        wrong = fault(reads, content, place)
        assert not wrong, f"{wrong}\n{content[:2000]!r}"

    spoil()
    assert sorted(one.name for one in place.parent.iterdir()) == before


@pytest.mark.slow
def test_many_spoilt_files(reader: tuple[Reader, Path]) -> None:
    """All faults of a reader at once, one for each place in the code."""
    reads, place = reader
    before = sorted(one.name for one in place.parent.iterdir())
    until, seed, found = time.monotonic() + BUDGET, random.SystemRandom().randrange(2**32), {}
    while time.monotonic() < until:
        rng = Random(seed := seed + 1)
        content = reads.spoilt(rng)
        wrong = fault(reads, content, place)
        if wrong:
            where = place_in_code(wrong)
            if where not in found and FOUND:
                Path(FOUND).mkdir(parents=True, exist_ok=True)
                (Path(FOUND) / f"{place.name}-{seed}{Path(reads.file).suffix}").write_bytes(content)
            found.setdefault(where, f"seed {seed}: {wrong}\n{content[:3000]!r}")
    assert not found, "\n\n".join(found.values())
    assert sorted(one.name for one in place.parent.iterdir()) == before


def test_no_reader_runs_what_it_reads(tmp_path: Path) -> None:
    """A pickle that would leave a mark, wherever a reader might unpickle it."""
    mark = tmp_path / "mark"

    class Evil:
        def __reduce__(self) -> tuple[object, tuple[str]]:
            return os.system, (f"touch {mark}",)

    raw = pickle.dumps(Evil())
    array = io.BytesIO()
    np.save(array, np.array([[Evil(), Evil()]], object), allow_pickle=True)
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as file:
        file.writestr("archive/data.pkl", raw)
    for reader in READERS.values():
        place = tmp_path / reader.name.replace(" ", "_")
        place.mkdir()
        for content in (raw, array.getvalue(), archive.getvalue()):
            assert fault(reader, content, place) == ""
    assert not mark.exists()
    pickle.loads(raw)  # it would have left one
    assert mark.exists()
