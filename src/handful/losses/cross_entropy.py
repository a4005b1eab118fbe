"""Cross-entropy and focal loss."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from handful.losses.parts import IGNORE, counted_pixels, mean_over


def cross_entropy_loss(
    logits: Tensor, target: Tensor, *, weight: Tensor | None = None, ignore_index: int = IGNORE
) -> Tensor:
    """Cross-entropy, -log p of the true class, averaged over the pixels that count.

    logits (B, C, H, W); target (B, H, W) int64; weight (B, H, W) or None. Scalar >= 0; 0 is perfect. A class absent
    from the target costs what the probability given to it takes from the others.
    """
    if weight is None and not torch.are_deterministic_algorithms_enabled():
        summed = F.cross_entropy(logits.float(), target, ignore_index=ignore_index, reduction="sum")
        return summed / (target != ignore_index).sum().clamp_min(1)
    values = pixel_costs(logits, target, ignore_index)
    return mean_over(values, counted_pixels(target, ignore_index), weight)


def pixel_costs(logits: Tensor, target: Tensor, ignore_index: int = IGNORE) -> Tensor:
    """-log p of the true class of each pixel, (B, H, W), 0 where it does not count; logits and target as above."""
    if not torch.are_deterministic_algorithms_enabled():
        return F.cross_entropy(logits.float(), target, ignore_index=ignore_index, reduction="none")
    # torch has no deterministic form of it on a GPU, but of this, which takes twice the memory.
    counted = counted_pixels(target, ignore_index)
    chosen = F.log_softmax(logits.float(), 1).gather(1, target.masked_fill(~counted, 0).unsqueeze(1)).squeeze(1)
    return torch.where(counted, -chosen, 0.0)


def focal_loss(
    logits: Tensor,
    target: Tensor,
    *,
    gamma: float = 2.0,
    weight: Tensor | None = None,
    ignore_index: int = IGNORE,
) -> Tensor:
    """Focal loss, -(1 - p)^gamma log p of the true class (Lin et al. 2017, without their alpha).

    logits (B, C, H, W); target (B, H, W) int64; weight (B, H, W) or None. Scalar >= 0; 0 is perfect; gamma 0 is
    cross-entropy. A class absent from the target costs what the probability given to it takes from the others.
    """
    values = pixel_costs(logits, target, ignore_index)
    # The power of an exact 0 has an infinite slope for gamma below 1.
    missing = -(-values).expm1().clamp_max(-1e-12)
    return mean_over(missing**gamma * values, counted_pixels(target, ignore_index), weight)
