"""The average of the weights over the last steps, which scores better than the last step's weights alone."""

from __future__ import annotations

import copy

import torch
from torch import nn


class WeightAverage:
    """An exponential moving average of weights and running statistics.

    Its memory grows with the run, about `share` of the steps so far (the power form of Karras et al. 2024 in spirit),
    so that it forgets the poor beginning and no horizon need be known.
    """

    def __init__(self, net: nn.Module, *, share: float) -> None:
        self.net = copy.deepcopy(net).eval().requires_grad_(False)
        self.share = share
        self.since = 0
        self._own = [t for t in self.net.state_dict().values() if t.is_floating_point()]
        self._of_net = [t for t in net.state_dict().values() if t.is_floating_point()]

    @torch.no_grad()
    def update(self, step: int) -> None:
        """Take in the weights of the net after step number `step` (from 0), as heavy as 1 / (1 + share * step).

        A share of 1 makes it the plain mean of all steps, 0 the last step alone.
        """
        torch._foreach_lerp_(self._own, self._of_net, 1 / (1 + self.share * max(step - self.since, 0)))

    def start_anew(self, step: int) -> None:
        """Forget everything before step number `step`."""
        self.since = step

    def is_finite(self) -> bool:
        return all(bool(tensor.isfinite().all()) for tensor in self._own)
