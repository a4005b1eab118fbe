"""Layered scenes of many classes, textures side by side, and boundary drawings."""

from __future__ import annotations

import torch

from handful.synth.universe.draws import Draws
from handful.synth.universe.fields import bodies, column, noise, scattered, strips, warped
from handful.synth.universe.scene import Scene, borders, topmost

CLASSES = 5


def layers(draws: Draws) -> Scene:
    """A view: what is far above what is near, with a wavy horizon each, things that stand on them and poles.

    Asked for: one class of five, where classes meet.
    """
    height = draws.size[0]
    side = min(draws.size)
    rows, columns = warped(draws, draws.task(0.15, 0.8) * side, draws.task(0, 0.12))
    horizon = torch.sort(draws.task(0.1, 0.9, 2), 1).values + draws.each(-0.08, 0.08, 2)
    material = (rows[:, None] > column(horizon * height)).sum(1)
    kinds = draws.task(0.05, 0.25, 2)
    labels = torch.zeros_like(material)
    depth = torch.zeros_like(rows)
    for number in range(2):
        radius = kinds[:, number, None] * draws.each(0.6, 1.6, 4) * side
        things = bodies(draws, rows, columns, radius, boxy=draws.task(-0.6, 1), stretch=draws.task(1, 4))
        found, inner = topmost(things)
        material = torch.where(found > 0, 3 + number, material)
        labels = torch.where(found > 0, found + 10 * number, labels)
        depth = torch.where(found > 0, inner, depth)
    width = draws.task(1, 4)[:, None].expand(-1, 3)
    poles = (strips(draws, rows, columns, width, draws.each(0.1, 0.5, 3) * side) < 1).any(1) & column(draws.chance(0.4))
    material = torch.where(poles, CLASSES, material)
    questions = {f"class {number}": material == number for number in range(CLASSES + 1)}
    questions["edges"] = borders(material, draws.chance(0.5))
    return Scene(material, labels, depth, questions)


def textures(draws: Draws) -> Scene:
    """Regions that differ by their texture more than by their colour, parted by level sets of noise or as cells.

    Asked for: one texture, where textures meet.
    """
    side = min(draws.size)
    first, other = (
        noise(draws, draws.task(0.25, 0.8) * side, coarse=2),
        noise(draws, draws.task(0.25, 0.8) * side, coarse=2),
    )
    smooth = (first > column(draws.task(-0.6, 0.6))).long() + 2 * (other > column(draws.task(0, 1.2))).long()
    rows, columns = warped(draws, draws.task(8, 40), draws.task(0, 0.15))
    _, _, number = scattered(draws, rows, columns, draws.task(0.2, 0.6) * side, draws.task(0.4, 1))
    material = torch.where(column(draws.chance(0.6)), smooth.clamp(max=2), (number * 7) % 3)
    questions = {f"texture {number}": material == number for number in range(3)}
    questions["edges"] = borders(material, draws.chance(0.5))
    return Scene(material, torch.zeros_like(material), torch.zeros_like(first), questions)


def drawings(draws: Draws) -> Scene:
    """Even or textured regions that hide each other, each of its own colour. Asked for: where they meet."""
    side = min(draws.size)
    rows, columns = warped(draws, draws.task(0.1, 0.8) * side, draws.task(0, 0.14))
    count = 9
    radius = draws.each(0.08, 0.5, count, of_log=True).sort(1, descending=True).values * side
    shown = draws.each(0, 1, count) < draws.task(0.3, 1)[:, None]
    shown[:, 0] = True
    distance = bodies(
        draws,
        rows,
        columns,
        torch.where(shown, radius, 1e-3),
        boxy=draws.task(-1, 1),
        stretch=draws.task(1, 8, of_log=True),
    )
    labels, depth = topmost(distance)
    return Scene(labels % 6, labels, depth, {"boundary": borders(labels % 6, draws.chance(0.5))})
