"""A last layer fitted to what the rest of the net says before the first step.

Where learnt features are started from, a last layer that knows nothing would change them for the sake of answers that
mean nothing yet (Kumar et al. 2022: first the last layer, then all).
"""

from __future__ import annotations

from copy import deepcopy
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from handful.data.mask import VOID
from handful.training.pool import Pool
from handful.training.processes import keep_own_statistics
from handful.training.validation import autocast

BATCHES = 2  # of the pool that a last layer is fitted to
ANSWERED = 4  # that a model's own answers are looked at in
MOST = 8000  # vectors of features: no more is learnt from 20 000
ROUNDS = 30
RIDGE = 1e-3


@torch.no_grad()
def own_skill(net: nn.Module, pool: Pool, *, classes: int, precision: str) -> float:
    """The `skill` of the net as it is, running statistics and all, on samples of the pool as they are."""
    model = deepcopy(net).to(pool.device).eval()
    found: list[tuple[Tensor, Tensor]] = []
    plain = pool.plain()
    for step in range(ANSWERED):
        batch = plain.draw(step)
        with autocast(pool.device, precision):
            logits = model(batch.image.contiguous(memory_format=torch.channels_last))
        found.append((vectors(logits.float()), vectors(batch.target[:, None])))
    logits, target = (torch.cat(parts) for parts in zip(*found, strict=True))
    return skill(logits, target, classes)


@torch.no_grad()
def fit_head(net: nn.Module, pool: Pool, *, classes: int, precision: str) -> float:
    """Fit `net.head`, in place, to the first samples of the pool; returns the `skill` of its answers to them.

    Left as it is, with a skill of 0, where the net has no `features`, what it says is no number, or all of the samples
    is void.
    """
    if not hasattr(net, "features"):
        return 0.0
    model: Any = deepcopy(net).to(pool.device).train()  # a copy: running statistics stay as they are
    keep_own_statistics(model)
    found: list[tuple[Tensor, Tensor]] = []
    for step in range(BATCHES):
        batch = pool.draw(step)
        with autocast(pool.device, precision):
            features = model.features(batch.image.contiguous(memory_format=torch.channels_last))
        target = F.pixel_unshuffle(batch.target[:, None], model.fold)
        found.append((vectors(features.float()), vectors(target)))
    features, target = (torch.cat(parts) for parts in zip(*found, strict=True))
    some = choose_some(target[:, 0], classes, pool.seed)
    if not len(some):
        return 0.0
    weight, bias = fit_logistic(features[some], target[some], classes)
    if not (weight.isfinite().all() and bias.isfinite().all()):
        return 0.0
    head: Any = net.head
    head.weight.copy_(weight[..., None, None])
    head.bias.copy_(bias)
    return skill(F.linear(features[some], weight, bias), target[some], classes)


def skill(logits: Tensor, target: Tensor, classes: int) -> float:
    """1 - wrong answers / those of the one answer that is right most often: 1 all right, 0 no better than that one.

    logits (N, classes * T) as `fit_logistic` orders them, target (N, T), VOID = left out. 0 where one class is all.
    """
    known = target != VOID
    truth = target[known]
    wrong = int((logits.view(len(target), classes, -1).argmax(1)[known] != truth).sum())
    of_one = len(truth) - int(torch.bincount(truth, minlength=classes).max())
    return 1 - wrong / of_one if of_one else 0.0


def vectors(planes: Tensor) -> Tensor:
    """(B, C, H, W) as (B * H * W, C)."""
    return planes.movedim(1, -1).flatten(0, -2)


def choose_some(target: Tensor, classes: int, seed: int) -> Tensor:
    """Places of at most MOST of targets (N,), those of a class at odds of one over the root of their number.

    At even odds rare classes are never answered: street scenes, 20 s, Dice .235 to .253 against .248 to .255. Drawn
    without replacement as Efraimidis and Spirakis 2006 do.
    """
    target = target.cpu()
    known = target != VOID
    count = torch.bincount(target[known], minlength=classes).clamp_min(1)
    odds = count.rsqrt()[target.where(known, 0)] * known
    keys = torch.rand(len(target), generator=torch.Generator().manual_seed(seed)).log() / odds
    return keys.topk(min(MOST, int(known.sum()))).indices


def fit_logistic(features: Tensor, target: Tensor, classes: int) -> tuple[Tensor, Tensor]:
    """Multinomial logistic regression with a ridge, of several targets at once: weight and bias of a linear layer.

    features: float32 (N, C). target: int64 (N, T), VOID = left out. weight (classes * T, C) and bias (classes * T) have
    the targets of a class in a row.

    The matrix of second derivatives is never above half of that of the features' products (Böhning 1992), so that a
    round is one product with its inverse; with Nesterov's momentum 30 rounds are enough.
    """
    x = F.pad(features, (0, 1), value=1.0)
    known = target != VOID
    truth = F.one_hot(target.where(known, 0), classes).transpose(1, 2) * known[:, None]  # (N, classes, T)
    ridge = x.new_full((x.shape[1],), RIDGE)
    ridge[-1] = 1e-6  # of the bias: only so that there is an inverse
    step = torch.linalg.inv_ex(x.T @ x / (2 * len(x)) + ridge.diag()).inverse  # of no numbers: none, and no error
    shares = truth.sum(0) / known.sum(0).clamp_min(1)
    weight = x.new_zeros(x.shape[1], classes * target.shape[1])
    weight[-1] = shares.clamp_min(1e-3).log().flatten()
    ahead, momentum = weight, 1.0
    for _ in range(ROUNDS):
        wrong = ((x @ ahead).view_as(truth).softmax(1) - truth) * known[:, None]
        better = ahead - step @ (x.T @ wrong.flatten(1) / len(x) + ridge[:, None] * ahead)
        later = (1 + (1 + 4 * momentum**2) ** 0.5) / 2
        ahead = better + (momentum - 1) / later * (better - weight)
        weight, momentum = better, later
    return weight[:-1].T, weight[-1]
