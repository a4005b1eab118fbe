"""As many threads as pay: a step on all cores waits for the slowest, and a core that something else uses is slow.

Beside a program that kept one of two cores busy, a training of 25 s took 1 step on two threads and 72 on as many as
paid (docs/why/defaults.md).
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from statistics import median

LOOK = 3  # steps that a count is judged by; one more before them pays for the change and is left out
LONG = 1.0  # seconds of steps are enough, were it a single one: on crowded cores one has taken 18 s
CROWDED = 0.75  # of the time of its threads that the process got: with less, something else uses the cores
GAIN = 0.9  # of the time of a step: what another count must do better than
GLANCE, SIDE = 0.1, 256  # seconds, and the side of the matrices that are multiplied meanwhile
FIRST_WAIT, LONGEST_WAIT = 4.0, 60.0  # seconds until more threads are tried, fewer after a quarter; doubled in vain


def share_given() -> float:
    """What share of the time of torch's threads the system gives them now, 0 to 1; takes a tenth of a second."""
    import torch

    matrix = torch.ones(SIDE, SIDE)
    wall, used = time.perf_counter(), time.process_time()
    while (taken := time.perf_counter() - wall) < GLANCE:
        matrix @ matrix
    return (time.process_time() - used) / (taken * torch.get_num_threads())


@contextmanager
def threads_restored() -> Iterator[None]:
    """Whatever number of threads torch is told to take meanwhile, afterwards it takes as many as before."""
    import torch

    before = torch.get_num_threads()
    try:
        yield
    finally:
        torch.set_num_threads(before)


@dataclass
class Threads:
    """Finds by trial how many threads make steps fastest: `note` every step, take `count` for the next.

    most: the cores. Half as many are tried where the process gets less than it asks for, twice as many now and then
    once there are fewer than `most`. On a quiet machine nothing is ever tried.
    """

    most: int
    count: int = field(init=False)
    _steps: list[tuple[float, float]] = field(default_factory=list)
    _before: tuple[int, float] | None = None  # during a trial: the count until then, and seconds a step with it
    _waited: float = 0.0
    _wait: float = FIRST_WAIT

    def __post_init__(self) -> None:
        self.count = self.most

    def begin(self, share: float) -> None:
        """With half as many where all of them get this `share` of their time only."""
        if share < CROWDED:
            self.count = max(1, self.most // 2)

    def note(self, seconds: float, processor_seconds: float) -> None:
        """The last step took so long, and so much of all cores' time."""
        self._waited += seconds
        self._steps = [*self._steps, (seconds, processor_seconds)][-LOOK - 1 :]
        enough = len(self._steps) > LOOK or sum(wall for wall, _ in self._steps) > LONG
        if self.most == 1 or not enough:
            return
        time = median(wall for wall, _ in self._steps[1:] or self._steps)
        if self._before is not None:
            self._judge(time, *self._before)
        elif self.count > 1 and self._crowded() and self._waited >= self._wait / 4:
            self._try(self.count // 2, time)
        elif self.count < self.most and self._waited >= self._wait:
            self._try(min(2 * self.count, self.most), time)

    def _crowded(self) -> bool:
        steps = self._steps[1:] or self._steps
        used, wall = sum(used for _, used in steps), sum(wall for wall, _ in steps)
        return used < CROWDED * self.count * wall

    def _try(self, count: int, time: float) -> None:
        self._before, self.count, self._steps = (self.count, time), count, []

    def _judge(self, time: float, count: int, time_before: float) -> None:
        if time < GAIN * time_before:
            self._wait = FIRST_WAIT
        else:
            self.count = count
            self._wait = min(2 * self._wait, LONGEST_WAIT)
        self._before, self._steps, self._waited = None, [], 0.0
