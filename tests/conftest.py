"""What every test has: one core, no network, the same chance whatever ran before it, and data of its own to spoil."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import offline
from discs import write_discs

# Before torch is loaded: tests run side by side, and threads of several processes that wait for each other on the same
# cores make a small net a hundred times slower.
os.environ.setdefault("OMP_NUM_THREADS", "1")
offline.cut_off()


@pytest.fixture(autouse=True)
def _no_network() -> Iterator[None]:
    """A test that tried to reach the network fails, even where the code under it took the refusal lightly."""
    offline.ATTEMPTS.clear()
    yield
    assert offline.ATTEMPTS == []


@pytest.fixture(autouse=True)
def _same_chance() -> None:
    """torch and its dice only where the test, or one before it, has loaded them: some tests never do."""
    if "torch" in sys.modules:
        sys.modules["torch"].manual_seed(0)


@pytest.fixture
def discs(tmp_path: Path) -> Path:
    """Eight labelled images of their own, for a test that spoils some of them."""
    return write_discs(tmp_path / "discs")
