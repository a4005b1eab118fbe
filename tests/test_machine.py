"""What handful takes the machine for."""

from __future__ import annotations

import ctypes
import platform
import subprocess
import sys

import pytest

from handful.machine import count_cores, free_memory, freed_memory_kept, give_back_memory


@pytest.mark.parametrize(("told", "most"), [("1", 1), ("0", 1), ("100000", None), ("two", None), ("", None)])
def test_fewer_cores_where_the_environment_says_so(monkeypatch, told, most):
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    all_of_them = count_cores()
    monkeypatch.setenv("OMP_NUM_THREADS", told)
    assert count_cores() == (most or all_of_them)


def test_some_memory_is_free():
    assert free_memory() > 1 << 20


FAULTS = """
import resource, torch
from handful.machine import freed_memory_kept
def faults():
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(8):
        torch.empty(64 << 20, dtype=torch.uint8)[::4096] = 1
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before
with freed_memory_kept():
    faults(), faults()
    print(faults())
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="another C library")
def test_freed_memory_is_taken_again():
    run = subprocess.run([sys.executable, "-c", FAULTS], capture_output=True, text=True, check=True)
    assert int(run.stdout) < 2 * (64 << 20) / 4096  # of eight blocks, that six of them came without a fault


def on_windows(name):
    raise TypeError("expected str, not NoneType")


@pytest.mark.parametrize("library", [lambda name: object(), on_windows])
def test_without_glibc_nothing_happens(monkeypatch, library):
    monkeypatch.setattr(ctypes, "CDLL", library)
    with freed_memory_kept():
        give_back_memory()
