"""Whether a few images are worth following farther: a short training on half of them, looked at on the other half.

What must be learnt exactly gains by it (discs in noise: a third of the mistakes left), what is learnt by heart loses
(photographs of cats: two and three times as many). The training images themselves do not tell which is which
(docs/why/start-weights.md#the-choice).
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np

from handful.training.store import Ready, plain_image, some_of

if TYPE_CHECKING:
    from handful.training.loop import Run
    from handful.training.validation import Validation

FARTHER = 3.0  # times as many steps
CLEAR = 0.85  # of the mistakes: no more are left where it is worth it
LEAST = 1e-3  # mistakes; fewer are no fewer
TRIED, SLOW = 3, 2.0  # steps that tell the pace; how much slower the first may be, in which kernels are chosen
EDGE = 256  # pixels a side, at most, of what is looked at of an image


@dataclass(frozen=True)
class Rehearsal:
    """Mistakes, 1 - Dice, on images left out, after `init_feature_steps` and after FARTHER times as many: geometric
    means over both halves."""

    near: float
    far: float

    @property
    def gains(self) -> bool:
        """Whether farther is clearly better."""
        return self.far < CLEAR * self.near


def rehearse(run: Run, on_step: Callable[[float], Any] = lambda done: None) -> Rehearsal | None:
    """Train on one half of the images, every other one, and look at the other half; on_step hears the share done.

    The halves change places where there is time for it in `init_rehearsal` of the training. None where there is not
    even time for one, images are decoded when they are drawn, or all of the other half is void.
    """
    store = run.pool.store
    if len(store.shapes) < 2 or not isinstance(store, Ready):  # too large to be kept, as all of a half would be
        return None

    @cache
    def split(half: int) -> tuple[Ready, Validation]:
        return _split(run, half)

    def trial(half: int, steps: int) -> Run:
        ours, others = split(half)
        return run.trial(run.pool.of(ours), others, steps)

    lengths = [max(round(times * run.settings.init_feature_steps), 1) for times in (1.0, FARTHER)]
    halves = _halves_in_time(run, sum(lengths), lambda: trial(0, TRIED))
    done, found = 0, []
    for half in range(halves):
        for length in lengths:
            understudy = trial(half, length)
            for _ in range(length):
                understudy.take_step()
                done += 1
                on_step(done / (halves * sum(lengths)))
            score, _ = understudy.validation.look(understudy.average.net)
            found.append(max(1 - score, LEAST))
    if not found or not np.isfinite(found).all():
        return None
    near, far = np.exp(np.log(found).reshape(halves, 2).mean(0)).tolist()
    return Rehearsal(near, far)


def _halves_in_time(run: Run, steps: int, trial: Callable[[], Run]) -> int:
    """How many of the two halves, so many steps each, may be trained on; by the clock a trial tells the pace."""
    share, clock = run.settings.init_rehearsal, run.clock
    if clock.steps is not None:
        return min(int(share * clock.steps / steps), 2)
    understudy, pace, allowed = trial(), float("inf"), share * clock.left(0) / steps
    for _ in range(TRIED):
        began = time.monotonic()
        understudy.take_step()
        pace = min(pace, time.monotonic() - began)
        if pace > SLOW * allowed:
            break
    return min(int(allowed / pace), 2)


def _split(run: Run, half: int) -> tuple[Ready, Validation]:
    """Every other image to train on, and what is looked at of the rest."""
    store = run.pool.store
    channels = len(store.planes(0)) - store.weighted
    ours, others = (range(first, len(store.shapes), 2) for first in (half, 1 - half))
    looked = [plain_image(store, number, channels, run.validation.interior_of) for number in others]
    validation = replace(run.validation, images=[one for one, _ in looked], masks=[mask for _, mask in looked])
    return some_of(store, ours, run.device), validation.parts(EDGE, len(looked), run.settings.seed)
