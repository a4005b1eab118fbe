"""Figures as photographs have them: one thing of several parts in front of clutter."""

from __future__ import annotations

from math import pi

import torch
from torch import Tensor

from handful.synth.universe.draws import Draws
from handful.synth.universe.fields import bodies, column, noise, scattered, strips, turned, warped
from handful.synth.universe.scene import Scene, borders

# A trunk, a head, two on the head, four limbs, a tail: half of its greatest length in trunks, how slim it may be, and
# which part it hangs on.
LENGTHS = (1.0, 0.8, 0.35, 0.35, 0.5, 0.5, 0.5, 0.5, 0.4)
SLIMMEST = (1.6, 1.4, 3.0, 3.0, 5.0, 5.0, 5.0, 5.0, 8.0)
HANGS_ON = (0, 0, 1, 1, 0, 0, 0, 0, 0)
PARTS = len(LENGTHS)
LIMBS = slice(4, 8)
FIGURE = 5  # the first of the materials of figures; those before are the clutter's


def figures(draws: Draws) -> Scene:
    """A trunk with a head, limbs and a tail, patched or not, before a ground in pieces with other things on it.

    A part of the clutter may hide some of it. Asked for: the figure, its border.
    """
    side = min(draws.size)
    rows, columns = warped(draws, draws.each(0.1, 0.6, of_log=True) * side, draws.each(0, 0.12))
    material = _clutter(draws)
    distance = _parts(draws, rows, columns)
    inside = (distance < 1).any(1)
    depth = (1 - distance.amin(1)).clamp(0, 1)
    patched = (noise(draws, draws.each(0.1, 0.5) * side, coarse=2) > column(draws.each(0, 1))) & column(
        draws.each(0, 1) < 0.5
    )
    own = torch.where(patched, FIGURE + 1, FIGURE)
    own = torch.where((distance[:, 1:4] < 1).any(1) & column(draws.each(0, 1) < 0.3), FIGURE + 2, own)
    blades = strips(draws, rows, columns, draws.each(1, 5, 3), draws.each(10, 60, 3))
    before = (blades < 1).any(1) & column(draws.each(0, 1) < 0.3)
    inside = inside & ~before
    material = torch.where(inside, own, torch.where(before, FIGURE - 1, material))
    number = inside.long()
    line = borders(number, draws.chance(0.5))
    return Scene(material, number, depth * inside, {"figure": inside, "border": line})


def _clutter(draws: Draws) -> Tensor:
    """Materials 0 to 4: pieces of several sizes, one above the other, and things."""
    side = min(draws.size)
    rows, columns = warped(draws, draws.each(0.1, 0.8) * side, draws.each(0, 0.14))
    smooth = (noise(draws, draws.each(0.2, 0.9) * side, coarse=2) > column(draws.each(-0.7, 0.7))).long()
    smooth = torch.where(noise(draws, draws.each(0.2, 0.9) * side, coarse=2) > column(draws.each(0, 2)), 2, smooth)
    _, _, number = scattered(draws, rows, columns, draws.each(0.2, 0.7) * side, draws.each(0.2, 1))
    horizon = torch.sort(draws.each(0, 1, 2), 1).values * draws.size[0]
    above = (rows[:, None] > column(horizon)).sum(1)
    kind = column(draws.each(0, 1))
    material = torch.where(kind < 0.4, smooth, torch.where(kind < 0.7, above, (number * 7) % 3))
    count = 5
    radius = draws.each(0.03, 0.22, count, of_log=True) * side
    radius = torch.where(draws.each(0, 1, count) < draws.each(0, 1)[:, None], radius, 1e-3)
    things = bodies(draws, rows, columns, radius, boxy=draws.each(-0.6, 1), stretch=draws.each(1, 4, of_log=True))
    material = torch.where((things[:, :3] < 1).any(1), 3, material)
    return torch.where((things[:, 3:] < 1).any(1), 4, material)


def _parts(draws: Draws, rows: Tensor, columns: Tensor) -> Tensor:
    """How far every pixel is from the middle of each part (B, PARTS, H, W): below 1 inside.

    The head and limbs leave the trunk in all directions; what is on the head leaves the head.
    """
    height, width = draws.size
    trunk = draws.each(0.1, 0.42, of_log=True) * min(draws.size)
    long = trunk[:, None] * (draws.each(0.5, 1, PARTS) * torch.tensor(LENGTHS, device=draws.device))
    short = long / torch.tensor(SLIMMEST, device=draws.device) ** draws.each(0.2, 1, PARTS)
    long[:, 0], short[:, 0] = trunk, trunk / 1.8 ** draws.each(0, 1)
    angle = draws.each(0, 2 * pi, PARTS)
    one_side = draws.each(0, 1)[:, None] < 0.5
    angle[:, LIMBS] = torch.where(one_side, angle[:, :1] + pi / 2 + draws.each(-1, 1, 4), angle[:, LIMBS])
    present = draws.each(0, 1, PARTS) < draws.each(0.3, 1)[:, None]
    present[:, 0] = True
    present[:, 2:4] &= present[:, 1:2]  # nothing on a head that is not there
    at = torch.zeros(draws.batch, PARTS, 2, device=draws.device)
    at[:, 0, 0], at[:, 0, 1] = draws.each(0.15, 0.85) * height, draws.each(0.15, 0.85) * width
    along = torch.stack([angle.cos(), angle.sin()], 2)
    for part, base in enumerate(HANGS_ON[1:], start=1):
        # From the outline of what it hangs on, overlapping it by some of its own length.
        cos = (along[:, part] * along[:, base]).sum(1)
        edge = 1 / ((cos / long[:, base]) ** 2 + (1 - cos**2).clamp_min(0) / short[:, base] ** 2).sqrt()
        away = edge + long[:, part] * draws.each(0.2, 0.8)
        at[:, part] = at[:, base] + along[:, part] * away[:, None]
    radius = torch.where(present, 1.0, 1e-3)
    u, v = turned(rows, columns, (at[..., 0], at[..., 1]), along[..., 0], along[..., 1])
    return torch.hypot(u / column(long * radius), v / column(short * radius))
