"""Vessels, cracks and worms: things that are long and thin."""

from __future__ import annotations

import torch

from handful.synth.universe.draws import Draws
from handful.synth.universe.fields import column, noise, strips, warped
from handful.synth.universe.scene import Scene, borders, topmost


def vessels(draws: Draws) -> Scene:
    """Long bent strips, wide ones and fine ones, smooth as vessels or jagged as cracks.

    Asked for: all of them, or only the wide ones.
    """
    side = min(draws.size)
    jagged = draws.chance(0.35)
    wavelength = torch.where(jagged, draws.task(5, 14), draws.task(0.2, 0.8) * side)
    rows, columns = warped(draws, wavelength, torch.where(jagged, draws.task(0.12, 0.2), draws.task(0.02, 0.15)))
    count = 9
    width = draws.task(0.7, 0.03 * side, of_log=True)[:, None] * draws.each(0.6, 1.6, count)
    width[:, :2] *= draws.task(1, 3)[:, None]
    length = side * draws.each(0.3, 1.5, count)
    shown = draws.each(0, 1, count) < draws.task(0.2, 1)[:, None]
    shown[:, 0] = True
    distance = strips(draws, rows, columns, torch.where(shown, width, 1e-4), length)
    labels, depth = topmost(distance)
    wide = (distance[:, :2] < 1).any(1)
    blotches = (noise(draws, draws.task(0.2, 0.6) * side, coarse=2) > 1.2) & column(draws.chance(0.5))
    material = torch.where(blotches, 1, 0)
    material = torch.where(labels > 0, torch.where(wide & column(draws.chance(0.3)), 3, 2), material)
    whole = (labels > 0).long()  # strips that cross are one network, of one shade
    return Scene(material, whole, depth, {"strips": labels > 0, "wide strips": wide})


def worms(draws: Draws) -> Scene:
    """Short bent rods, many or few, that may lie over each other. Asked for: the rods, their borders."""
    side = min(draws.size)
    long = draws.task(0.06, 0.3, of_log=True) * side
    rows, columns = warped(draws, long * draws.task(0.8, 2), draws.task(0, 0.15))
    count = 14
    width = (long / draws.task(2.5, 9))[:, None].clamp_min(0.9) * draws.each(0.8, 1.25, count)
    shown = draws.each(0, 1, count) < draws.task(0.1, 1)[:, None]
    shown[:, 0] = True
    length = long[:, None] * draws.each(0.6, 1.4, count)
    labels, depth = topmost(strips(draws, rows, columns, torch.where(shown, width, 1e-4), length))
    rod = labels > 0
    return Scene(rod.long(), labels, depth, {"rods": rod, "borders": borders(labels, draws.chance(0.5))})
