"""Cells that touch, and the membranes between them."""

from __future__ import annotations

import torch

from handful.synth.universe.draws import Draws
from handful.synth.universe.fields import column, noise, scattered, warped
from handful.synth.universe.scene import Scene, borders


def cells(draws: Draws) -> Scene:
    """Round cells, loose or so dense that they touch, with or without a rim and a nucleus; some places are empty.

    Asked for: the cells, their nuclei, their rims, the borders between them.
    """
    pitch = draws.task(8, 40, of_log=True)
    rows, columns = warped(draws, pitch * draws.task(0.8, 3), draws.task(0, 0.1))
    nearest, second, number = scattered(draws, rows, columns, pitch, draws.task(0.3, 1))
    to_edge = torch.minimum((second - nearest) / 2, column(draws.task(0.35, 0.75)) - nearest)  # in pitches
    there = (number.float() * 0.61803).frac() < column(draws.task(0.3, 1.1))
    gap = column(draws.task(-0.1, 0.08).clamp_min(0))
    inside = (to_edge > gap) & there
    depth = ((to_edge - gap) / 0.4).clamp(0, 1) * inside
    rim = inside & (to_edge < gap + column(draws.task(0.03, 0.12))) & column(draws.chance(0.5))
    nucleus = inside & (nearest < column(draws.task(0.1, 0.3))) & ~rim & column(draws.chance(0.5))
    material = inside.long()
    material = torch.where(rim, 2, material)
    material = torch.where(nucleus, 3, material)
    labels = torch.where(inside, number + 1, 0)
    questions = {
        "cells": inside,
        "nuclei": nucleus,
        "rims": rim,
        "borders": borders(labels, draws.chance(0.5)),
    }
    return Scene(material, labels, depth, questions)


def membranes(draws: Draws) -> Scene:
    """Thin walls between crowded cells or along the level sets of noise, and dark things that are no walls.

    Asked for: the walls, the cells between them, the things.
    """
    pitch = draws.task(10, 48, of_log=True)
    rows, columns = warped(draws, pitch * draws.task(0.7, 2), draws.task(0.02, 0.15))
    nearest, second, number = scattered(draws, rows, columns, pitch, draws.task(0.5, 1))
    half = draws.task(0.7, 3.5, of_log=True)
    between = (second - nearest) * column(pitch) < column(2 * half)
    labyrinth = noise(draws, pitch, band=torch.ones(draws.batch, dtype=torch.bool, device=draws.device))
    along = labyrinth.abs() < column(4 * half / pitch).clamp(max=0.6)
    wall = torch.where(column(draws.chance(0.65)), between, along)
    spots = noise(draws, pitch * draws.task(0.15, 0.5)) > column(draws.task(1.2, 2.2))
    spots = spots & ~wall & column(draws.chance(0.7))
    material = torch.where(wall, 1, 0)
    material = torch.where(spots, 2, material)
    labels = torch.where(wall, 0, number + 1)
    questions = {"walls": wall, "cells": ~wall, "things": spots}
    return Scene(material, labels, torch.zeros_like(nearest), questions)
