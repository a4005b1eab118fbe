"""What every loss needs: which pixels count, and the target as one plane a class."""

from __future__ import annotations

import torch
from torch import Tensor

IGNORE = 255


def counted_pixels(target: Tensor, ignore_index: int) -> Tensor:
    """(B, H, W) bool: the pixels that count."""
    return target != ignore_index


def one_hot(target: Tensor, classes: int, counted: Tensor) -> Tensor:
    """(B, C, H, W) float: 1 at the pixel's class, 0 elsewhere and in every class where a pixel does not count."""
    planes = torch.zeros((target.shape[0], classes, *target.shape[1:]), device=target.device)
    index = target.masked_fill(~counted, 0).unsqueeze(1)
    return planes.scatter_(1, index, counted.unsqueeze(1).float())


def probabilities(logits: Tensor, counted: Tensor) -> Tensor:
    """Softmax over classes, (B, C, H, W), with zeros (and so zero gradient) where a pixel does not count."""
    return logits.float().softmax(1).masked_fill(~counted.unsqueeze(1), 0.0)


def mean_over(values: Tensor, counted: Tensor, weight: Tensor | None) -> Tensor:
    """Mean of (B, H, W) values over the pixels that count, each as heavy as `weight` (B, H, W) says; 0 if none does."""
    heavy = counted.float() if weight is None else weight * counted
    return (values.masked_fill(~counted, 0.0) * heavy).sum() / heavy.sum().clamp_min(1e-6)
