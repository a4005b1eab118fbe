"""Geometry: every sample of a batch turned, scaled, sheared, mirrored and bent in one warp, image and mask together.

Chance is drawn apart from being applied: `draw_warp` makes the grid, `apply_warp` moves any number of planes by it.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import pi

import torch
from torch import Tensor
from torch.nn import functional as F


@dataclass(frozen=True)
class Geometry:
    """How far samples are moved. 0 or False switches a part off; each is drawn anew for every sample."""

    flip: bool = True  # left and right exchanged, at even odds
    upside_down: bool = True  # top and bottom exchanged and quarter turns, at even odds; exact, no pixel is mixed
    rotation: float = 180.0  # degrees either way
    zoom: float = 1.3  # scale drawn log-uniformly from 1 / zoom to zoom
    shear: float = 0.15  # tangent of the angle, either way
    elastic: float = 4.0  # standard deviation of the displacement in pixels
    elastic_scale: float = 32.0  # distance of its nodes in pixels
    chance: float = 0.6  # of a sample being turned, zoomed, sheared or bent, which blurs it a little, at all

    def slack(self, size: int) -> int:
        """Side of the source window that a patch of `size` pixels can reach into."""
        turned = 2**0.5 if self.rotation else 1.0
        side = int(size * turned * max(self.zoom, 1.0) * (1 + self.shear) + 4 * self.elastic) + 2
        # As even or odd as the patch: else every sample would be read half a pixel off, and so blurred.
        return side + (side - size) % 2


def draw_warp(
    geometry: Geometry, batch: int, size: tuple[int, int], generator: torch.Generator
) -> Tensor:
    """Offsets (B, H, W, 2), x then y, in source pixels from the window's centre, one for each pixel of the patch."""
    height, width = size

    def uniform(low: float, high: float) -> Tensor:
        return low + (high - low) * torch.rand(batch, generator=generator)

    y = torch.arange(height) - (height - 1) / 2
    x = torch.arange(width) - (width - 1) / 2
    moved = (torch.rand(batch, generator=generator) < geometry.chance).float()
    angle = uniform(-1, 1) * geometry.rotation * pi / 180 * moved
    zoom = max(geometry.zoom, 1.0) ** (uniform(-1, 1) * moved)
    shear = uniform(-1, 1) * geometry.shear * moved
    cos, sin = angle.cos() / zoom, angle.sin() / zoom
    matrix = torch.stack([cos, shear * cos - sin, sin, shear * sin + cos], 1).view(batch, 2, 2)
    odds = (torch.rand(batch, 3, generator=generator) < 0.5).float()
    mirrored = 1 - 2 * odds[:, :2] * torch.tensor([geometry.flip, geometry.upside_down])
    matrix = matrix * mirrored.view(batch, 1, 2)
    if geometry.upside_down and height == width:
        transposed = odds[:, 2].view(batch, 1, 1)
        matrix = matrix * (1 - transposed) + matrix.flip(2) * transposed
    points = torch.stack(torch.meshgrid(y, x, indexing="ij")[::-1], -1).view(1, -1, 2)
    offsets = (points @ matrix.transpose(1, 2)).view(batch, height, width, 2)
    if geometry.elastic:
        nodes = [max(int(side / geometry.elastic_scale), 1) + 3 for side in size]
        noise = torch.randn(batch, 2, *nodes, generator=generator) * geometry.elastic
        # Bicubic between the nodes, as the U-Net paper bends its samples; the outermost node lies outside the patch.
        bend = F.interpolate(noise, scale_factor=geometry.elastic_scale, mode="bicubic", align_corners=False)
        top, left = ((bend.shape[2] - height) // 2, (bend.shape[3] - width) // 2)
        bend = bend[:, :, top : top + height, left : left + width] * moved.view(batch, 1, 1, 1)
        offsets = offsets + bend.permute(0, 2, 3, 1)
    return offsets


def apply_warp(planes: Tensor, offsets: Tensor, *, mode: str) -> Tensor:
    """Read windows (B, C, h, w) at `offsets` (B, H, W, 2) from their centres; beyond the window its mirror image.

    mode: 'bilinear' for images and weights, 'nearest' for class numbers. float (B, C, H, W).
    """
    height, width = planes.shape[-2:]
    scale = torch.tensor([2.0 / width, 2.0 / height], device=planes.device)
    grid = offsets.to(planes.device) * scale
    return F.grid_sample(planes, grid, mode=mode, padding_mode="reflection", align_corners=False)
