"""Objects of one sample before the ground of another, with what their masks say (copy-paste, Ghiasi et al. 2021).

A handful of images shows each object before one ground, and a net may learn the ground. Of several classes half of
those in the sample are taken along, as in ClassMix (Olsson et al. 2021).
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor


def draw_paste(
    masks: Tensor, kinds: Sequence[Sequence[int]], chance: float, generator: torch.Generator
) -> tuple[Tensor, Tensor]:
    """What to paste into each sample of a batch: the sample it comes from, int64 (B,), and where, bool (B, H, W).

    masks: (B, H, W), class numbers. kinds: the classes that are objects, each as the numbers that stand for it; of
    those in the other sample half, and at least one, are taken. chance: of a sample being pasted into, 0 to 1.
    """
    batch = len(masks)
    others = torch.randperm(batch, generator=generator)
    odds = torch.rand(batch, 1 + len(kinds), generator=generator)
    taken = torch.zeros_like(masks, dtype=torch.bool)
    for index in (odds[:, 0] < chance).nonzero()[:, 0].tolist():
        mask = masks[others[index]]
        there = [here for kind in kinds if (here := torch.isin(mask, mask.new_tensor(kind))).any()]
        order = odds[index, 1 : 1 + len(there)].argsort().tolist()
        for number in order[: (len(there) + 1) // 2]:
            taken[index] |= there[number]
    return others.to(masks.device), taken


def apply_paste(plane: Tensor, others: Tensor, taken: Tensor) -> Tensor:
    """A plane (B, H, W), or planes (B, C, H, W), of a batch with what was drawn pasted into it. A new tensor."""
    return torch.where(taken if plane.dim() == 3 else taken[:, None], plane[others], plane)
