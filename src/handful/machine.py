"""What the machine can do: cores, memory, GPU, and whether it computes faster in half precision."""

from __future__ import annotations

import ctypes
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from handful.names import plural

if TYPE_CHECKING:
    import torch

MALLOC = {"M_TRIM_THRESHOLD": -1, "M_TOP_PAD": -2, "M_MMAP_THRESHOLD": -3, "M_MMAP_MAX": -4}  # malloc.h of glibc
NO_GLIBC = (OSError, AttributeError, TypeError)  # what comes of calling it where another library, or Windows, is


@dataclass(frozen=True)
class Machine:
    """device: 'cpu' or 'cuda'; memory: bytes free for a run there; bfloat16: convolutions are faster in it."""

    device: str
    memory: int
    bfloat16: bool
    name: str


def given_cores() -> int:
    """Cores that the system gives this process."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def count_cores() -> int:
    """Cores this process may use: those it is given, or fewer where OMP_NUM_THREADS says so, as for all of torch."""
    cores = given_cores()
    told = os.environ.get("OMP_NUM_THREADS", "")
    return max(1, min(cores, int(told))) if told.isdecimal() else cores


def free_memory() -> int:
    """Bytes of main memory that are free or can be freed; 4 GB where the system does not tell."""
    try:
        for line in Path("/proc/meminfo").read_text().splitlines():
            if line.startswith("MemAvailable:"):
                return int(line.split()[1]) * 1024
    except OSError:
        pass
    return 4 << 30


@contextmanager
def freed_memory_kept() -> Iterator[None]:
    """Meanwhile the C library keeps what tensors free for the next ones. Nothing where it is not that of GNU.

    It gives blocks above 32 MB back to the system at once, and every page of them is cleared before it is used again:
    a third of the time of predicting an image of 4096x4096.
    """
    _tell_malloc(M_MMAP_MAX=0, M_TRIM_THRESHOLD=2**31 - 1, M_TOP_PAD=64 << 20)
    try:
        yield
    finally:  # as glibc has it but for the thresholds: half a gigabyte stays for the next image
        _tell_malloc(M_MMAP_MAX=65536, M_MMAP_THRESHOLD=32 << 20, M_TRIM_THRESHOLD=512 << 20, M_TOP_PAD=128 << 10)


def give_back_memory() -> None:
    """What the C library keeps for nobody goes back to the system."""
    with suppress(*NO_GLIBC):
        ctypes.CDLL(None).malloc_trim(0)


def _tell_malloc(**settings: int) -> None:
    with suppress(*NO_GLIBC):
        mallopt = ctypes.CDLL(None).mallopt
        for name, value in settings.items():
            mallopt(MALLOC[name], value)


def look_at_machine(device: str) -> Machine:
    """Measure the machine for work on `device`, 'cpu' or 'cuda'; takes about a tenth of a second."""
    import torch

    cores = count_cores()
    if device == "cuda":
        free, _ = torch.cuda.mem_get_info()
        return Machine("cuda", int(free), torch.cuda.is_bf16_supported(), torch.cuda.get_device_name())
    torch.set_num_threads(cores)
    return Machine("cpu", free_memory(), _bfloat16_pays(), plural(cores, "CPU core"))


@lru_cache
def _bfloat16_pays() -> bool:
    """Whether a typical convolution, forward and backward, takes under 3/4 of its float32 time in bfloat16.

    With AVX512-bf16 or AMX it takes about half; without either torch imitates it, 12 times slower. Timed on one thread:
    two would wait for each other where something else uses the cores.
    """
    import torch

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        exact = _time_convolution(torch.float32)
        return _time_convolution(torch.bfloat16, enough=4 * exact) < 0.75 * exact
    finally:
        torch.set_num_threads(threads)


def _time_convolution(kind: torch.dtype, enough: float = float("inf")) -> float:
    """Seconds of the quickest of five, as what else runs can only slow one down; of two where they take `enough`."""
    import torch

    convolution: Any = torch.nn.Conv2d(32, 32, 3, padding=1, dtype=kind)
    convolution.to(memory_format=torch.channels_last)
    x = torch.zeros((2, 32, 64, 64), dtype=kind).contiguous(memory_format=torch.channels_last)
    best = float("inf")
    for trial in range(5):
        began = time.perf_counter()
        convolution(x).sum().backward()
        best = min(best, time.perf_counter() - began)
        if trial and best > enough:
            break
    return best
