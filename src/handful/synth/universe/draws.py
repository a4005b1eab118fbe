"""Chance for tasks: what all pictures of a task share and what each has of its own."""

from __future__ import annotations

from dataclasses import dataclass
from math import log

import torch
from torch import Tensor


@dataclass(frozen=True)
class Draws:
    """Draws for `tasks` tasks of `pictures` pictures of `size` (height, width); B = tasks * pictures, tasks outside.

    Everything comes from the generator and lies on its device.
    """

    tasks: int
    pictures: int
    size: tuple[int, int]
    generator: torch.Generator

    @property
    def batch(self) -> int:
        return self.tasks * self.pictures

    @property
    def device(self) -> torch.device:
        return self.generator.device

    def _even(self, *shape: int) -> Tensor:
        return torch.rand(*shape, generator=self.generator, device=self.device)

    def task(self, low: float, high: float, *more: int, of_log: bool = False) -> Tensor:
        """Numbers (B, *more) from low to high, the same for all pictures of a task; of_log: even in the logarithm."""
        return self._spread(self._even(self.tasks, *more), low, high, of_log).repeat_interleave(self.pictures, 0)

    def each(self, low: float, high: float, *more: int, of_log: bool = False) -> Tensor:
        """Numbers (B, *more) from low to high, new ones for every picture."""
        return self._spread(self._even(self.batch, *more), low, high, of_log)

    def chance(self, odds: float, *more: int) -> Tensor:
        """Booleans (B, *more), true at these odds, the same for all pictures of a task."""
        return self.task(0, 1, *more) < odds

    def normal(self, *shape: int) -> Tensor:
        """Normal numbers of a shape, every one new."""
        return torch.randn(*shape, generator=self.generator, device=self.device)

    @staticmethod
    def _spread(even: Tensor, low: float, high: float, of_log: bool) -> Tensor:
        if of_log:
            return (log(low) + (log(high) - log(low)) * even).exp()
        return low + (high - low) * even
