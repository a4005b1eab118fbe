"""What a family draws: which material lies at every pixel, which object, and what a person may ask for."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class Scene:
    """A batch of scenes before they are painted.

    material: int64 (B, H, W), 0 the ground; each looks the same in all pictures of a task. labels: int64 (B, H, W), the
    object, 0 none; objects of one material differ a little in shade. depth: float (B, H, W), 0 at an object's edge to 1
    in its middle. questions: a boolean plane (B, H, W) by the name of what is asked for.
    """

    material: Tensor
    labels: Tensor
    depth: Tensor
    questions: dict[str, Tensor]


def topmost(distance: Tensor) -> tuple[Tensor, Tensor]:
    """Labels and depth (B, H, W) of bodies (B, N, H, W) of which later ones hide earlier ones; inside is below 1."""
    count = distance.shape[1]
    numbers = torch.arange(1, count + 1, device=distance.device).view(1, -1, 1, 1)
    labels = ((distance < 1) * numbers).amax(1)
    own = distance.gather(1, (labels - 1).clamp_min(0)[:, None])[:, 0]
    return labels, torch.where(labels > 0, (1 - own).clamp(0, 1), 0.0)


def borders(parts: Tensor, width: Tensor) -> Tensor:
    """Boolean (B, H, W): pixels next to another part; `width` (B,), boolean, takes two more pixels on each side."""
    line = torch.zeros(parts.shape, dtype=torch.bool, device=parts.device)
    for axis in (1, 2):
        size = parts.shape[axis]
        step = parts.narrow(axis, 1, size - 1) != parts.narrow(axis, 0, size - 1)
        line.narrow(axis, 1, size - 1).logical_or_(step)
        line.narrow(axis, 0, size - 1).logical_or_(step)
    grown = torch.nn.functional.max_pool2d(line[:, None].float(), 3, 1, 1)[:, 0] > 0
    return torch.where(width[:, None, None], grown, line)
