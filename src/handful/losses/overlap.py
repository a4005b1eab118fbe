"""Losses of overlap: Dice, weighted Dice, Tversky."""

from __future__ import annotations

import torch
from torch import Tensor

from handful.losses.parts import IGNORE, counted_pixels, one_hot, probabilities

OVER_PIXELS = (0, 2, 3)


def class_sums(
    logits: Tensor, target: Tensor, weight: Tensor | None, ignore_index: int
) -> tuple[Tensor, Tensor, Tensor]:
    """sum(w t p), sum(w p) and sum(w t) of each class over the batch, each (classes,).

    Probabilities at the true class are picked out instead of multiplied with planes of zeros and ones, which with 11
    classes took a third of a training step.
    """
    counted = counted_pixels(target, ignore_index)
    p = logits.float().softmax(1)
    index = target.masked_fill(~counted, 0)
    heavy = counted.float() if weight is None else weight * counted
    predicted = torch.einsum("bchw,bhw->c", p, heavy)
    picked = p.gather(1, index.unsqueeze(1)).squeeze(1) * heavy
    empty = predicted.new_zeros(logits.shape[1])
    overlap = empty.index_add(0, index.flatten(), picked.flatten())
    return overlap, predicted, empty.index_add(0, index.flatten(), heavy.flatten())


def dice_loss(
    logits: Tensor,
    target: Tensor,
    *,
    smooth: float = 1.0,
    weight: Tensor | None = None,
    ignore_index: int = IGNORE,
) -> Tensor:
    """Soft Dice loss, 1 - (2 sum(w t p) + s) / (sum(w t) + sum(w p) + s), averaged over classes.

    logits (B, C, H, W); target (B, H, W) int64; weight w (B, H, W) or None for 1 everywhere. Sums run over the batch.
    Scalar in [0, 1]; 0 is perfect. A class absent from the target costs nothing until it is predicted: that is what s
    is for. After Milletari et al. 2016, unsquared.
    """
    overlap, predicted, true = class_sums(logits, target, weight, ignore_index)
    size = predicted + true
    return (1 - (2 * overlap + smooth) / (size + smooth)).mean()


def weighted_dice_loss(
    logits: Tensor,
    target: Tensor,
    *,
    smooth: float = 1.0,
    weight: Tensor | None = None,
    ignore_index: int = IGNORE,
) -> Tensor:
    """Weighted Dice loss, 1 - (2 sum(t p) + s) / (sum(t) + sum(w p) + s), averaged over the classes above 0.

    logits (B, C, H, W); target (B, H, W) int64; weight w (B, H, W), at least 1 and 1 inside the objects, as
    `border_weight` makes it: what is predicted between objects then costs w times. Scalar >= 0; 0 is perfect. A class
    absent from the target costs nothing until it is predicted.
    """
    counted = counted_pixels(target, ignore_index)
    p = probabilities(logits, counted)[:, 1:]
    t = one_hot(target, logits.shape[1], counted)[:, 1:]
    heavy = 1.0 if weight is None else weight.unsqueeze(1)
    size = t.sum(OVER_PIXELS) + (heavy * p).sum(OVER_PIXELS)
    return (1 - (2 * (t * p).sum(OVER_PIXELS) + smooth) / (size + smooth)).mean()


def tversky_loss(
    logits: Tensor,
    target: Tensor,
    *,
    miss: float = 0.7,
    smooth: float = 1.0,
    weight: Tensor | None = None,
    ignore_index: int = IGNORE,
) -> Tensor:
    """Tversky loss, 1 - (tp + s) / (tp + miss fn + (1 - miss) fp + s), averaged over classes (Salehi et al. 2017).

    logits (B, C, H, W); target (B, H, W) int64; weight (B, H, W) or None. `miss` in 0..1 is what a missed pixel costs
    against a false one; 0.5 is Dice. Scalar in [0, 1]; 0 is perfect. A class absent from the target costs nothing until
    it is predicted.
    """
    true_positive, predicted, true = class_sums(logits, target, weight, ignore_index)
    false_negative, false_positive = true - true_positive, predicted - true_positive
    cost = miss * false_negative + (1 - miss) * false_positive
    return (1 - (true_positive + smooth) / (true_positive + cost + smooth)).mean()
