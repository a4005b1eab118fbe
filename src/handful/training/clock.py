"""The time a run may take, and how much of it is gone."""

from __future__ import annotations

import time
from dataclasses import dataclass, field

STOPPED = "stopped by hand"  # what a training says that was interrupted


@dataclass
class Clock:
    """Counts from `started` (time.monotonic) towards `seconds`; `reserved` is kept back for scores and report.

    With `steps` set the work is fixed instead, and the clock only tells the time. `worked` seconds of training before
    a resumed run count as well.
    """

    seconds: float
    started: float = field(default_factory=time.monotonic)
    reserved: float = 0.0
    steps: int | None = None
    _training_from: float = 0.0
    _first_step: int = 0

    def elapsed(self) -> float:
        return time.monotonic() - self.started

    def start_training(self, already: float = 0.0, step: int = 0) -> None:
        """Training begins now; an earlier, interrupted run has done the share `already` of it and `step` steps."""
        here, self._first_step = self.elapsed(), step
        if self.steps is not None:
            self._training_from = here
            return
        left = max(self.seconds - self.reserved - here, 0.0)
        # The share done so far is as if training had begun earlier.
        self._training_from = here - left * already / max(1 - already, 1e-6)

    def done(self, step: int) -> float:
        """Share of the training that is done, 0 to 1, before step number `step`."""
        if self.steps is not None:
            return min(step / self.steps, 1.0)
        span = self.seconds - self.reserved - self._training_from
        return min((self.elapsed() - self._training_from) / span, 1.0) if span > 0 else 1.0

    def left(self, step: int) -> float:
        """Seconds of training left, by the clock or by the pace so far."""
        if self.steps is None:
            return max(self.seconds - self.reserved - self.elapsed(), 0.0)
        pace = (self.elapsed() - self._training_from) / max(step - self._first_step, 1)
        return pace * max(self.steps - step, 0)
