"""What handful takes the machine for."""

from __future__ import annotations

import ctypes
import platform

import pytest
import torch

from handful.machine import count_cores, free_memory, freed_memory_kept, give_back_memory


@pytest.mark.parametrize(("told", "most"), [("1", 1), ("0", 1), ("100000", None), ("two", None), ("", None)])
def test_fewer_cores_where_the_environment_says_so(monkeypatch, told, most):
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    all_of_them = count_cores()
    monkeypatch.setenv("OMP_NUM_THREADS", told)
    assert count_cores() == (most or all_of_them)


def test_some_memory_is_free():
    assert free_memory() > 1 << 20


def test_memory_is_kept_only_where_the_library_can(monkeypatch):
    """Freed blocks of 64 MB come back without a page fault; without glibc nothing happens."""
    resource = pytest.importorskip("resource")

    def faults():
        before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
        for _ in range(8):
            torch.empty(64 << 20, dtype=torch.uint8)[::4096] = 1
        return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before

    give_back_memory()
    if platform.libc_ver()[0] == "glibc":
        with freed_memory_kept():
            assert faults() < 2 * (64 << 20) / 4096  # those of the first of eight
    monkeypatch.setattr(ctypes, "CDLL", lambda name: object())
    with freed_memory_kept():
        give_back_memory()
