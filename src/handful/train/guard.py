"""Watches a run for the three ways in which it goes wrong: numbers that are none, divergence, a constant answer."""

from __future__ import annotations

from dataclasses import dataclass, field
from math import isfinite

import numpy as np
import torch
from torch import Tensor

IGNORE = 255


@dataclass
class Guard:
    """`look` once a step; it names what is wrong, once, or returns ''.

    A class counts as never answered when, over a whole window of `window` steps, it was true in at least 50 pixels and
    the answer in less than a thousandth as many.
    """

    classes: int
    window: int = 20
    best_loss: float = float("inf")
    running_loss: float | None = None
    true: np.ndarray = field(init=False)
    answered: np.ndarray = field(init=False)
    seen: int = 0

    def __post_init__(self) -> None:
        self.forget()

    def forget(self) -> None:
        """Start a new window, after a remedy."""
        self.true, self.answered = np.zeros(self.classes), np.zeros(self.classes)
        self.seen, self.running_loss, self.best_loss = 0, None, float("inf")

    def look(self, loss: float, logits: Tensor, target: Tensor) -> str:
        """'not finite', 'diverged', 'constant' or ''."""
        if not isfinite(loss):
            return "not finite"
        self.running_loss = loss if self.running_loss is None else 0.9 * self.running_loss + 0.1 * loss
        self.best_loss = min(self.best_loss, self.running_loss)
        self.seen += 1
        if self.seen > self.window and self.running_loss > 4 * self.best_loss + 1.0:
            return "diverged"
        with torch.no_grad():
            counted = target != IGNORE
            answers = logits.argmax(1)[counted]
            self.answered += torch.bincount(answers, minlength=self.classes).cpu().numpy()
            self.true += torch.bincount(target[counted], minlength=self.classes).cpu().numpy()
        if self.seen % self.window:
            return ""
        occurs = self.true > 50
        constant = bool(occurs.sum() > 1 and (self.answered[occurs] > 0.001 * self.true[occurs]).sum() <= 1)
        self.true[:], self.answered[:] = 0, 0
        return "constant" if constant else ""
