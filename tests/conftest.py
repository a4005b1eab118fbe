"""What every test has: one core, and data of its own to spoil."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from discs import write_discs

# Before torch is loaded: tests run side by side, and threads of several processes that wait for each other on the same
# cores make a small net a hundred times slower.
os.environ.setdefault("OMP_NUM_THREADS", "1")


@pytest.fixture
def discs(tmp_path: Path) -> Path:
    """Eight labelled images of their own, for a test that spoils some of them."""
    return write_discs(tmp_path / "discs")
