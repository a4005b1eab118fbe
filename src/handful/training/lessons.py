"""What start weights are learnt from: generated pictures with the answers to all that may be asked of each.

Asked is what a picture tells by itself, without another that shows what is meant: the thing in front, walls and not
cells, where one material ends. Every picture has a look of its own, as photographs have.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from handful.synth.universe import draw_scenes

ASKED = {
    "objects": ("all objects", "borders"),
    "discs": ("shapes",),
    "defects": ("defects",),
    "cells": ("cells", "borders"),
    "membranes": ("walls",),
    "vessels": ("strips",),
    "worms": ("rods", "borders"),
    "layers": ("edges",),
    "textures": ("edges",),
    "drawings": ("boundary",),
    "figures": ("figure", "border"),
}
QUESTIONS = tuple((family, question) for family, asked in ASKED.items() for question in asked)
MOST_ASKED = max(map(len, ASKED.values()))  # of one picture
NOT_ASKED = -1

PICTURES = {"figures": 32, "objects": 16}  # of a family in a round: photographs are where few labels are not enough
OTHERS = 8
TIMES = 4  # a picture is shown in its round: drawing it takes about half as long as learning from it


@dataclass(frozen=True)
class Lessons:
    """images: float16 (N, 3, H, W), each of mean 0 and standard deviation 1; masks: uint8 (N, MOST_ASKED, H, W), 1 the
    answer; asked: int64 (N, MOST_ASKED), the number in QUESTIONS of each, or NOT_ASKED."""

    images: Tensor
    masks: Tensor
    asked: Tensor

    def __len__(self) -> int:
        return len(self.images)

    def some(self, order: Tensor) -> Lessons:
        """Those of these places."""
        return Lessons(self.images[order], self.masks[order], self.asked[order])


def draw_round(seed: int, number: int, *, size: int, families: Sequence[str], device: torch.device) -> Lessons:
    """The pictures of round `number` of `seed`, some of every family."""
    chance = int(np.random.default_rng((seed, number)).integers(2**62))
    generator = torch.Generator(device).manual_seed(chance)
    drawn = [draw_lessons(family, PICTURES.get(family, OTHERS), size, generator) for family in families]
    return Lessons(
        torch.cat([one.images for one in drawn]),
        torch.cat([one.masks for one in drawn]),
        torch.cat([one.asked for one in drawn]),
    )


def draw_lessons(family: str, count: int, size: int, generator: torch.Generator) -> Lessons:
    """`count` pictures of a family. Each standardised over all its channels; without hot pixels, no tails need be cut
    off."""
    images, scene = draw_scenes(family, count, 1, (size, size), generator)
    std, mean = torch.std_mean(images, dim=(1, 2, 3), keepdim=True)
    images = (images - mean) / (std + 1e-3)
    masks = torch.zeros(count, MOST_ASKED, size, size, dtype=torch.uint8, device=images.device)
    asked = torch.full((count, MOST_ASKED), NOT_ASKED, device=images.device)
    for place, question in enumerate(ASKED[family]):
        masks[:, place] = scene.questions[question]
        asked[:, place] = QUESTIONS.index((family, question))
    return Lessons(images.half(), masks, asked)


def batches(lessons: Lessons, batch: int, generator: torch.Generator) -> Iterator[Lessons]:
    """Every picture TIMES times, each batch shuffled and varied anew; what is less than a batch is left out."""
    order = torch.cat([torch.randperm(len(lessons), generator=generator) for _ in range(TIMES)])
    for first in range(0, len(order) - batch + 1, batch):
        yield vary(lessons.some(order[first : first + batch]), generator)


def vary(lessons: Lessons, generator: torch.Generator) -> Lessons:
    """The same pictures mirrored, transposed, as negatives, with their colours exchanged, all alike."""

    def at_odds(of: float) -> bool:
        return float(torch.rand((), generator=generator)) < of

    images, masks = lessons.images, lessons.masks
    for axis in (-1, -2):
        if at_odds(0.5):
            images, masks = images.flip(axis), masks.flip(axis)
    if at_odds(0.5):
        images, masks = images.transpose(-1, -2), masks.transpose(-1, -2)
    if at_odds(0.3):
        images = -images
    return Lessons(images[:, torch.randperm(images.shape[1], generator=generator)], masks, lessons.asked)
