"""The memory that prediction may take: the whole process, imports included."""

from __future__ import annotations

import ctypes
import re
import resource
import sys
from contextlib import suppress
from pathlib import Path

from handful.errors import SettingsError
from handful.machine import free_memory

UNITS = {
    "": 1,
    "B": 1,
    "K": 10**3,
    "M": 10**6,
    "G": 10**9,
    "T": 10**12,
    "KI": 2**10,
    "MI": 2**20,
    "GI": 2**30,
    "TI": 2**40,
}
# What no account below knows of: Python's own objects, thread stacks, buffers of files.
SLACK = 60_000_000


def read_size(text: str) -> int:
    """ "2GB", "1.5G", "800MB", "2GiB" as bytes; SettingsError for anything else."""
    found = re.fullmatch(r"\s*(\d+(?:\.\d*)?|\.\d+)\s*([KMGT]I?)?B?\s*", text.upper())
    if not found:
        raise SettingsError(f"--memory {text}: expected a size such as 2GB, 800MB or 1.5GiB.")
    return int(float(found[1]) * UNITS[found[2] or ""])


def default_ceiling() -> int:
    """Half of what is free, beside what this process has already."""
    return free_memory() // 2 + resident()


def left_under(ceiling: int) -> int:
    """Bytes that this process may still take; below 0 where it has more than the ceiling already."""
    return ceiling - resident() - SLACK


def resident() -> int:
    """Bytes of main memory that this process has now."""
    with suppress(OSError, ValueError):
        return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize()
    return peak_memory()


def peak_memory() -> int:
    """The most that this process ever had, in bytes."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


def give_back() -> None:
    """Return to the system what was freed; glibc keeps it otherwise."""
    with suppress(OSError, AttributeError):
        ctypes.CDLL(None).malloc_trim(0)


def few_arenas() -> None:
    """Large blocks return to the system when freed, and threads share their heaps: what was freed is not kept idle.

    glibc raises the size from which blocks are returned up to 32 MB by itself, and gives each thread a heap; a process
    under a ceiling has no room for either. Call it before threads start.
    """
    with suppress(OSError, AttributeError):
        mallopt = ctypes.CDLL(None).mallopt
        mallopt(-8, 2)  # M_ARENA_MAX
        mallopt(-3, 1 << 22)  # M_MMAP_THRESHOLD
