"""A universe of generated tasks for start weights, drawn in batches on a device.

A task is a handful of pictures of one look with one question: what is to be found is the same in all of them, where it
lies, how large it is and the noise are not. The families of scenes are in `handful.synth.families`; each can be left
out.

>>> import torch
>>> from handful.synth.universe import draw_tasks
>>> tasks = draw_tasks(2, 3, 32, torch.Generator().manual_seed(0), families=("cells", "vessels"))
>>> tasks.images.shape, tasks.masks.shape, len(tasks.questions)
(torch.Size([2, 3, 3, 32, 32]), torch.Size([2, 3, 32, 32]), 2)
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from importlib import import_module

import torch
from torch import Tensor

from handful.errors import SettingsError
from handful.names import nearest
from handful.synth.families import FAMILIES
from handful.synth.universe.draws import Draws
from handful.synth.universe.look import paint
from handful.synth.universe.scene import Scene

# A question of which less than this or more than all but this is the answer teaches little.
LEAST_SHARE = 0.004
MOST_SHARE = 0.75


@dataclass(frozen=True)
class Tasks:
    """T tasks of P pictures.

    images: float32 (T, P, 3, H, W) in 0 to 1. masks: uint8 (T, P, H, W), 1 what is asked for. questions: (family, what
    is asked for) of each task.
    """

    images: Tensor
    masks: Tensor
    questions: tuple[tuple[str, str], ...]


def draw_tasks(
    count: int,
    pictures: int,
    size: int | tuple[int, int],
    generator: torch.Generator,
    *,
    families: Sequence[str] = tuple(FAMILIES),
) -> Tasks:
    """Draw `count` tasks of `pictures` pictures on the generator's device, the families in turn.

    The same generator state gives the same tasks on the same kind of device. Raises SettingsError for an unknown family
    or a number below 1.
    """
    size = (size, size) if isinstance(size, int) else size
    if min(count, pictures, len(families)) < 1 or min(size) < 16:
        raise SettingsError("tasks of the universe: at least one task, picture and family, and 16 pixels a side.")
    for name in families:
        if name not in FAMILIES:
            raise SettingsError(f"{name}: no such family.{nearest(name, FAMILIES)} Use {', '.join(FAMILIES)}.")
    shares = [len(range(turn, count, len(families))) for turn in range(len(families))]
    made = [
        draw_family(name, share, pictures, size, generator)
        for name, share in zip(families, shares, strict=True)
        if share
    ]
    return Tasks(
        torch.cat([one.images for one in made]),
        torch.cat([one.masks for one in made]),
        tuple(question for one in made for question in one.questions),
    )


def draw_family(name: str, count: int, pictures: int, size: tuple[int, int], generator: torch.Generator) -> Tasks:
    """Tasks of one family, each with one of its questions: one that has an answer in every picture, drawn at random.

    Where no question has, it is the one whose answer is nearest to a quarter of the pixels.
    """
    images, scene = draw_scenes(name, count, pictures, size, generator)
    asked = torch.stack(list(scene.questions.values()), 1)  # (B, Q, H, W)
    share = asked.float().mean((2, 3)).view(count, pictures, -1)
    fit = (share.amin(1) > LEAST_SHARE) & (share.amax(1) < MOST_SHARE)
    nearest_fit = torch.nn.functional.one_hot((share.mean(1) - 0.25).abs().argmin(1), share.shape[2])
    weight = torch.where(fit.any(1, keepdim=True), fit, nearest_fit)
    chosen = torch.multinomial(weight.float(), 1, generator=generator)[:, 0]
    of_picture = chosen.repeat_interleave(pictures)
    masks = asked[torch.arange(len(asked), device=asked.device), of_picture]
    names = list(scene.questions)
    return Tasks(
        images.view(count, pictures, 3, *size),
        masks.view(count, pictures, *size).to(torch.uint8),
        tuple((name, names[number]) for number in chosen.tolist()),
    )


def draw_scenes(
    name: str, count: int, pictures: int, size: tuple[int, int], generator: torch.Generator
) -> tuple[Tensor, Scene]:
    """Pictures float32 (B, 3, H, W) in 0 to 1 of one family, B = count * pictures, and the scenes that they show."""
    draws = Draws(count, pictures, size, generator)
    scene: Scene = getattr(import_module(FAMILIES[name]), name)(draws)
    return paint(draws, scene), scene
