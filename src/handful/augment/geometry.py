"""Geometry: every sample turned, scaled, sheared, mirrored, bent and cut out in one warp, image and mask together.

Chance is drawn apart from being applied: `draw_warp` makes the grid, `apply_warp` moves any number of planes by it.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import pi

import torch
from torch import Tensor
from torch.nn import functional as F

COARSE = 8  # pixels between the points at which a warp is worked out


@dataclass(frozen=True)
class Geometry:
    """How far samples are moved. 0 or False switches a part off; each is drawn anew for every sample."""

    flip: bool = True  # left and right exchanged, at even odds
    upside_down: bool = True  # top and bottom exchanged and quarter turns, at even odds; exact, no pixel is mixed
    rotation: float = 180.0  # degrees either way
    zoom: float = 1.3  # scale drawn log-uniformly from 1 / zoom to zoom
    shift: float = 0.0  # share of the patch's sides, either way, in whole pixels; beyond the edge images are mirrored
    shear: float = 0.15  # tangent of the angle, either way
    elastic: float = 4.0  # standard deviation of the displacement in pixels
    elastic_scale: float = 32.0  # distance of its nodes in pixels
    chance: float = 0.6  # of a sample being turned, zoomed, sheared or bent, which blurs it a little, at all


def draw_warp(geometry: Geometry, batch: int, size: tuple[int, int], generator: torch.Generator) -> Tensor:
    """Offsets (B, H, W, 2), x then y, in source pixels from the sample's middle, one for each pixel of the patch.

    They are worked out on a coarse grid and interpolated, which is exact for everything but the bending, and for that
    no coarser than its own nodes.
    """

    def uniform(low: float, high: float) -> Tensor:
        return low + (high - low) * torch.rand(batch, generator=generator)

    moved = (torch.rand(batch, generator=generator) < geometry.chance).float()
    angle = uniform(-1, 1) * geometry.rotation * pi / 180 * moved
    zoom = max(geometry.zoom, 1.0) ** (uniform(-1, 1) * moved)
    shear = uniform(-1, 1) * geometry.shear * moved
    cos, sin = angle.cos() / zoom, angle.sin() / zoom
    matrix = torch.stack([cos, shear * cos - sin, sin, shear * sin + cos], 1).view(batch, 2, 2)
    odds = (torch.rand(batch, 3, generator=generator) < 0.5).float()
    mirrored = 1 - 2 * odds[:, :2] * torch.tensor([geometry.flip, geometry.upside_down])
    matrix = matrix * mirrored.view(batch, 1, 2)
    if geometry.upside_down and size[0] == size[1]:
        transposed = odds[:, 2].view(batch, 1, 1)
        matrix = matrix * (1 - transposed) + matrix.flip(2) * transposed
    nodes = [max(-(-side // COARSE), 1) + 1 for side in size]
    y, x = (torch.linspace(-(side - 1) / 2, (side - 1) / 2, n) for side, n in zip(size, nodes, strict=True))
    points = torch.stack(torch.meshgrid(y, x, indexing="ij")[::-1]).view(1, 2, -1)
    offsets = (matrix @ points).view(batch, 2, *nodes)
    if geometry.elastic:
        knots = [int(side / geometry.elastic_scale) + 4 for side in size]
        noise = torch.randn(batch, 2, *knots, generator=generator) * geometry.elastic
        # Bicubic between the knots, as the U-Net paper bends its samples.
        bend = F.interpolate(noise, size=nodes, mode="bicubic", align_corners=True)
        offsets = offsets + bend * moved.view(batch, 1, 1, 1)
    if geometry.shift:
        reach = geometry.shift * torch.tensor([size[1], size[0]], dtype=torch.float32)
        shift = ((2 * torch.rand(batch, 2, generator=generator) - 1) * reach).round()
        offsets = offsets + shift.view(batch, 2, 1, 1)
    return F.interpolate(offsets, size=size, mode="bilinear", align_corners=True).permute(0, 2, 3, 1)


def apply_warp(plane: Tensor, middle: tuple[float, float], offsets: Tensor, *, mode: str) -> Tensor:
    """Read one image (C, h, w) at `offsets` (H, W, 2) from its point `middle` (row, column); mirrored beyond its edge.

    Rows and columns count from the centre of the first pixel. mode: 'bilinear' for images and weights, 'nearest' for
    class numbers. float (C, H, W).
    """
    height, width = plane.shape[-2:]
    size = torch.tensor([width, height], device=plane.device)
    place = torch.tensor([2 * middle[1] + 1, 2 * middle[0] + 1], device=plane.device)
    grid = (2 * offsets.to(plane.device) + place) / size - 1
    return F.grid_sample(plane[None], grid[None], mode=mode, padding_mode="reflection", align_corners=False)[0]
