"""How well a net's features answer a question that a few pictures have put: the objective of start weights.

The head for a lesson is not learnt but solved: the ridge regression of the masks of the first pictures on their
features (Bertinetto et al. 2019, "Meta-learning with differentiable closed-form solvers"). What it answers on the other
pictures of the lesson is the loss, so that the features become those from which few labels are enough.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from handful.models.quick import QuickNet
from handful.training.lessons import Lesson

LEAST_SHARE = 0.02  # of a class: a rarer one weighs no more, or a few pixels would decide the head


class FewShot(nn.Module):
    """The two numbers of the solved head, learnt along with the net: how sure it is and how strong the ridge."""

    def __init__(self) -> None:
        super().__init__()
        self.sureness = nn.Parameter(torch.tensor(8.0))
        self.log_ridge = nn.Parameter(torch.tensor(-5.0))

    def solve(self, features: Tensor, targets: Tensor, weights: Tensor) -> Tensor:
        """Head (F + 1, K), the offsets last, from features (N, F), targets (N, K) in 0 to 1 and weights (N,)."""
        rows = F.pad(features, (0, 1), value=1.0)
        weighted = rows * (weights / weights.sum())[:, None]
        gram = weighted.T @ rows
        strength = self.log_ridge.exp() * gram.diagonal()[:-1].mean() + 1e-6
        ridge = torch.cat([strength.expand(features.shape[1]), strength.new_full((1,), 1e-6)])
        solved: Tensor = torch.linalg.solve(gram + torch.diag(ridge), weighted.T @ targets)
        return solved

    def forward(self, net: QuickNet, lesson: Lesson, shown: int) -> tuple[Tensor, Tensor]:
        """Loss, cross-entropy + Dice, and Dice loss alone, on all but the first `shown` pictures of a lesson."""
        with torch.autocast(lesson.images.device.type, torch.bfloat16):
            features = net.features(lesson.images.contiguous(memory_format=torch.channels_last))
        rows = features.float().permute(0, 2, 3, 1).flatten(1, 2)  # (P, N, F)
        blocks = F.pixel_unshuffle(lesson.masks[:, None], net.fold).permute(0, 2, 3, 1).flatten(1, 2)  # (P, N, fold^2)
        given, truth = blocks[:shown].flatten(0, 1), blocks[shown:].flatten(0, 1)
        inside = given.mean(1)
        share = inside.mean().clamp(LEAST_SHARE, 1 - LEAST_SHARE)
        weights = (inside / share + (1 - inside) / (1 - share)).sqrt()
        head = self.solve(rows[:shown].flatten(0, 1), given, weights)
        logits = self.sureness * (F.pad(rows[shown:].flatten(0, 1), (0, 1), value=1.0) @ head - 0.5)
        answer = logits.sigmoid()
        dice = 1 - (2 * (answer * truth).sum() + 1) / (answer.sum() + truth.sum() + 1)
        return F.binary_cross_entropy_with_logits(logits, truth) + dice, dice.detach()
