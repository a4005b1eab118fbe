"""Watches a run for the three ways in which it goes wrong: numbers that are none, divergence, a constant answer."""

from __future__ import annotations

from dataclasses import dataclass, field
from math import isfinite
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from handful.losses.parts import IGNORE

TROUBLES = ("", "not finite", "diverged", "constant", "dead")
FLAT = 1e-3  # standard deviation of logits over an image; that of a fresh net is a hundred times as much


@dataclass
class Guard:
    """`look` once a step; it names what is wrong, or returns ''.

    Diverged: the running loss is above four times its best by more than where it began (or 1). Constant: over a whole
    window of `window` steps, at most one of the classes that were true in more than 50 pixels was answered in more
    than a thousandth as many. Dead: constant, and the logits are the same at every pixel, which no further step mends.
    """

    classes: int
    window: int = 20
    first_loss: float | None = None
    best_loss: float | None = None
    running_loss: float | None = None
    seen: int = 0
    true: NDArray[np.float64] = field(init=False)
    answered: NDArray[np.float64] = field(init=False)

    def __post_init__(self) -> None:
        self.forget()

    def forget(self) -> None:
        """Start a new window, after a remedy."""
        self.true, self.answered = np.zeros(self.classes), np.zeros(self.classes)
        self.seen, self.first_loss, self.best_loss, self.running_loss = 0, None, None, None

    def look(self, loss: float, logits: Tensor, target: Tensor) -> str:
        """One of TROUBLES."""
        if not isfinite(loss):
            return "not finite"
        if self.running_loss is None or self.best_loss is None or self.first_loss is None:
            self.first_loss = self.best_loss = self.running_loss = loss
        self.running_loss = 0.9 * self.running_loss + 0.1 * loss
        self.best_loss = min(self.best_loss, self.running_loss)
        self.seen += 1
        # A loss may be 50 where another is 1: the height at which it began is the measure of both.
        if self.seen > self.window and self.running_loss > 4 * self.best_loss + max(self.first_loss, 1.0):
            return "diverged"
        # Nothing is picked out of the arrays, which takes longer than the counting: IGNORE is one more number to count.
        answers = logits.argmax(1).masked_fill(target == IGNORE, IGNORE)
        for numbers, counts in ((answers, self.answered), (target, self.true)):
            counts += torch.bincount(numbers.flatten(), minlength=IGNORE + 1).cpu().numpy()[: self.classes]
        if self.seen % self.window:
            return ""
        occurs = self.true > 50
        constant = bool(occurs.sum() > 1 and (self.answered[occurs] > 0.001 * self.true[occurs]).sum() <= 1)
        self.true[:], self.answered[:] = 0, 0
        if not constant:
            return ""
        return "dead" if float(logits.float().std((2, 3), correction=0).max()) < FLAT else "constant"

    def state(self) -> dict[str, Any]:
        """Everything it has seen, as JSON can hold it; `restore` takes it up again."""
        losses = {name: getattr(self, name) for name in ("first_loss", "best_loss", "running_loss", "seen")}
        return {**losses, "true": self.true.tolist(), "answered": self.answered.tolist()}

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from a `state`."""
        names = ("first_loss", "best_loss", "running_loss")
        self.first_loss, self.best_loss, self.running_loss = (
            None if state[name] is None else float(state[name]) for name in names
        )
        self.seen = int(state["seen"])
        self.true[:], self.answered[:] = state["true"], state["answered"]
