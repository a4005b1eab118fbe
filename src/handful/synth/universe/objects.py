"""Objects of all sizes on textured grounds, discs in noise, and small defects on grain."""

from __future__ import annotations

import torch
from torch import Tensor

from handful.synth.universe.draws import Draws
from handful.synth.universe.fields import bodies, column, noise, places, strips, warped
from handful.synth.universe.scene import Scene, borders, topmost


def objects(draws: Draws) -> Scene:
    """A few things of one kind and some of another kind, from a small part of the picture to most of it.

    Things have a core or a half of another material; the ground has patches. Asked for: the things, all things, their
    cores, their borders.
    """
    side = min(draws.size)
    typical = draws.task(0.07, 0.45, of_log=True)
    count = 8
    radius = typical[:, None] * draws.each(0.6, 1.5, count) * side
    present = draws.each(0, 1, count) < (0.08 / typical).clamp(0.18, 0.9)[:, None]
    present[:, -1] |= ~present.any(1)
    radius = torch.where(present, radius, 1e-3)
    rows, columns = warped(draws, typical * side * draws.task(0.8, 3), draws.task(0, 0.14))
    distance = bodies(draws, rows, columns, radius, boxy=draws.task(-0.6, 1), stretch=draws.task(1, 5, of_log=True))
    labels, depth = topmost(distance)
    other_kind = _of_objects(draws.each(0, 1, count) < draws.task(0, 0.5)[:, None], labels)
    core = (depth > column(draws.task(0.3, 0.8))) & column(draws.chance(0.5))
    patches = (noise(draws, draws.task(0.2, 0.8) * side, coarse=2) > column(draws.task(0.3, 2))) & column(
        draws.chance(0.5)
    )
    inside = labels > 0
    material = torch.where(patches, 1, 0)
    material = torch.where(inside, torch.where(core, 3, 2) + 2 * (other_kind & inside), material)
    asked = inside & ~other_kind
    questions = {
        "objects": asked,
        "all objects": inside,
        "cores": asked & core,
        "borders": borders(labels, draws.chance(0.5)),
    }
    return Scene(material, labels, depth, questions)


def _of_objects(values: Tensor, labels: Tensor) -> Tensor:
    """Values (B, N) of objects at every pixel that is one of them (B, H, W); those of the first where none is."""
    flat = (labels - 1).clamp_min(0).flatten(1)
    return values.gather(1, flat).view(labels.shape)


def discs(draws: Draws) -> Scene:
    """Discs or rectangles in noise. Asked for: the shapes."""
    rows, columns = (plane.expand(draws.batch, *draws.size) for plane in places(draws))
    count = 4
    radius = draws.task(0.06, 0.3)[:, None] * draws.each(0.5, 1.6, count) * min(draws.size)
    present = draws.each(0, 1, count) < draws.task(0.1, 0.8)[:, None]
    present[:, -1] = True
    boxy = torch.where(draws.chance(0.6), 0.0, 1.0)
    stretch = torch.where(boxy > 0, draws.task(1, 4), 1.0)
    distance = bodies(draws, rows, columns, torch.where(present, radius, 1e-3), boxy=boxy, stretch=stretch)
    labels, depth = topmost(distance)
    inside = labels > 0
    return Scene(inside.long(), labels, depth, {"shapes": inside})


def defects(draws: Draws) -> Scene:
    """Even grain or a woven ground with a few pits, stains and scratches. Asked for: one kind of them, or any."""
    side = min(draws.size)
    rows, columns = warped(draws, draws.task(8, 40), draws.task(0, 0.15))
    pits = bodies(
        draws,
        rows,
        columns,
        draws.task(1.5, 0.1 * side, of_log=True)[:, None] * draws.each(0.6, 1.4, 5),
        boxy=torch.zeros(draws.batch, device=draws.device),
        stretch=draws.task(1, 4),
    )
    pit, depth = topmost(pits)
    thin = draws.task(0.6, 2.2)[:, None].expand(-1, 3)
    scratched = draws.chance(0.6)
    scratch = (strips(draws, rows, columns, thin, draws.each(0.1, 0.6, 3) * side) < 1).any(1) & column(scratched)
    stain = (noise(draws, draws.task(0.15, 0.5) * side, coarse=2) > 1.7) & column(draws.chance(0.6))
    pitted = (pit > 0) & column(draws.chance(0.7) | ~scratched)
    material = torch.where(stain, 1, 0)
    material = torch.where(pitted, 2, material)
    material = torch.where(scratch, 3, material)
    labels = torch.where(pitted, pit, 0)
    questions = {"pits": material == 2, "scratches": material == 3, "stains": material == 1, "defects": material > 0}
    return Scene(material, labels, depth * pitted, questions)
