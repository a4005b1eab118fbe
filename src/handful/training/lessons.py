"""What start weights are learnt from: lessons of a few generated pictures with one question.

Of two kinds. In the one all pictures have the same look, as those of one microscope: what is asked for can be told by
its colour and texture, once a few pictures have shown it. In the other every picture has a look of its own, as
photographs have, and what is asked for is told by its form and place alone.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from handful.synth.universe import draw_tasks

PICTURES = 5
DRAWN = 24  # pictures of one family drawn at once, each with its own look: most questions occur five times
TIMES = 3  # a lesson is shown in its round: drawing it takes a core about as long as learning from it


@dataclass(frozen=True)
class Lesson:
    """images: float32 (P, 3, H, W), each of mean 0 and standard deviation 1; masks: float32 (P, H, W), 1 asked for."""

    images: Tensor
    masks: Tensor


def draw_round(
    seed: int, number: int, *, size: int, families: Sequence[str], own_look: float, device: torch.device
) -> list[Lesson]:
    """Round `number` of the lessons of `seed`: some of every family, each several times, turned and inverted, shuffled.

    own_look: the share of those without a common look.
    """
    chance = torch.Generator().manual_seed(int(np.random.default_rng((seed, number)).integers(2**62)))
    generator = torch.Generator(device).manual_seed(_below(2**31, chance))
    drawn = [
        one
        for family in families
        for one in draw_lessons(family, size, generator, own_look=float(torch.rand((), generator=chance)) < own_look)
    ]
    order = [place for _ in range(TIMES) for place in torch.randperm(len(drawn), generator=chance).tolist()]
    return [vary(drawn[place], chance) for place in order]


def draw_lessons(family: str, size: int, generator: torch.Generator, *, own_look: bool) -> list[Lesson]:
    """About as many lessons of a family as DRAWN pictures make; fewer where questions came up less than five times."""
    if not own_look:
        made = draw_tasks(DRAWN // PICTURES, PICTURES, size, generator, families=(family,))
        return [lesson(images, masks) for images, masks in zip(made.images, made.masks, strict=True)]
    made = draw_tasks(DRAWN, 1, size, generator, families=(family,))
    by_question: dict[str, list[int]] = defaultdict(list)
    for number, (_, question) in enumerate(made.questions):
        by_question[question].append(number)
    return [
        lesson(made.images[group, 0], made.masks[group, 0])
        for numbers in by_question.values()
        for group in (numbers[first : first + PICTURES] for first in range(0, len(numbers), PICTURES))
        if len(group) == PICTURES
    ]


def lesson(images: Tensor, masks: Tensor) -> Lesson:
    """Each picture standardised by itself over all its channels; without hot pixels, no tails need be cut off."""
    std, mean = torch.std_mean(images, dim=(1, 2, 3), keepdim=True)
    return Lesson((images - mean) / (std + 1e-3), masks.float())


def vary(one: Lesson, generator: torch.Generator) -> Lesson:
    """The same lesson in another order, mirrored, transposed, inverted, with its colours exchanged."""
    order = torch.randperm(len(one.images), generator=generator)
    images, masks = one.images[order], one.masks[order]
    for axis in (-1, -2):
        if _below(2, generator):
            images, masks = images.flip(axis), masks.flip(axis)
    if _below(2, generator):
        images, masks = images.transpose(-1, -2), masks.transpose(-1, -2)
    if _below(2, generator):
        images = -images
    return Lesson(images[:, torch.randperm(images.shape[1], generator=generator)], masks)


def _below(count: int, generator: torch.Generator) -> int:
    return int(torch.randint(count, (), generator=generator))
