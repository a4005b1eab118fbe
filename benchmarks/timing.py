"""How long a piece of work takes, call by call."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any


def times(work: Callable[[], Any], repeat: int, *, warm_up: int = 1) -> list[float]:
    """Seconds of each of `repeat` calls, after some that do not count."""
    for _ in range(warm_up):
        work()
    found = []
    for _ in range(repeat):
        began = time.perf_counter()
        work()
        found.append(time.perf_counter() - began)
    return found
