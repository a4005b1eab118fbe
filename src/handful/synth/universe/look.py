"""From scenes to images: materials with colour and texture, then light, blur, noise, low bit depth, false colours."""

from __future__ import annotations

from math import pi

import torch
from torch import Tensor

from handful.synth.universe.draws import Draws
from handful.synth.universe.fields import column, noise
from handful.synth.universe.scene import Scene

BLUR_PASSES = 4
GRAINS = 4  # textures of a task; of more materials than that some share one, in their own strength and colour
SHADES = 97  # objects that look one like the other again; prime, so that neighbours in a grid do not


def paint(draws: Draws, scene: Scene) -> Tensor:
    """Images float32 (B, 3, H, W) in 0 to 1. All pictures of a task have the same materials in the same light."""
    image = _materials(draws, scene)
    image = image * _light(draws)[:, None]
    image = _blur(draws, image)
    image = _camera(draws, image)
    return _colours(draws, image).clamp(0, 1)


def _materials(draws: Draws, scene: Scene) -> Tensor:
    """Every material: a colour, a texture of its own strength and grain, objects each a shade of their own."""
    batch, (height, width) = draws.batch, draws.size
    count = int(scene.material.max()) + 1
    contrast = draws.task(0.2, 1, of_log=True)[:, None]
    chroma = draws.task(0.01, 0.4, of_log=True)[:, None, None]
    # One of each material in every step of brightness: two that look alike by chance are no question.
    step = draws.task(0, 1, count).argsort(1) + draws.task(0, 1, count)
    bright = draws.task(0.3, 0.7)[:, None] + contrast * 1.2 * (step / count - 0.5)
    opponent = torch.tensor([[0.5, 0.2, -0.9], [0.5, -0.45, 0.1]], device=draws.device)
    hue = (draws.task(-1.7, 1.7, count, 2) + draws.task(-0.8, 0.8, 1, 2)) @ opponent
    base = bright[..., None] + chroma * hue + draws.each(-0.03, 0.03, count, 1)
    base = 1 - (1 - base.abs() % 2).abs()  # folded into 0 to 1: clipped ones would be alike
    strength = draws.task(0.004, 0.25, count, of_log=True) * (0.3 + 0.7 * draws.task(0, 1)[:, None])
    tint = 1 + draws.task(-1, 1, count, 3) * chroma * 2
    shade = draws.task(0, 0.12) * draws.chance(0.6)
    shades = column(shade) * draws.each(-1, 1, SHADES).gather(1, scene.labels.flatten(1) % SHADES).view(
        batch, height, width
    )
    vault = column(draws.task(-0.3, 0.3) * draws.chance(0.5))
    value = torch.where(scene.labels > 0, shades + vault * scene.depth, 0.0)[:, None].expand(-1, 3, -1, -1)
    grains = [_grain(draws) for _ in range(min(count, GRAINS))]
    image = value.clone()
    for number in range(count):
        own = column(base[:, number]) + column(tint[:, number] * strength[:, number, None]) * grains[number % GRAINS]
        image += own * (scene.material == number)[:, None]
    return image


def _grain(draws: Draws) -> Tensor:
    """A texture (B, 1, H, W): clouds or a band of wavelengths, with or without a direction, soft or in spots."""
    grain = noise(
        draws,
        draws.task(1.2, 24, of_log=True),
        band=draws.chance(0.35),
        stretch=torch.where(draws.chance(0.35), draws.task(1.5, 8, of_log=True), 1.0),
    )
    spots = torch.tanh(4 * (grain - column(draws.task(-1, 1))))
    return torch.where(column(draws.chance(0.2)), spots, grain)[:, None]


def _light(draws: Draws) -> Tensor:
    """A factor (B, H, W) that changes slowly over the picture."""
    far = torch.full((draws.batch,), 1.2 * max(draws.size), device=draws.device)
    strength = draws.task(0.0, 0.3) * draws.chance(0.5)
    return torch.exp(column(strength) * noise(draws, far, coarse=8))


def _blur(draws: Draws, image: Tensor) -> Tensor:
    """A Gaussian blur of 0.2 to 1.9 pixels in passes with weights (a, 1 - 2a, a), whose variance is 2a."""
    share = (draws.task(0.2, 1.9, of_log=True) ** 2 / 2 / BLUR_PASSES).view(-1, 1, 1, 1)
    for _ in range(BLUR_PASSES):
        for axis in (2, 3):
            step = share * image.diff(dim=axis)
            size = image.shape[axis]
            image = image.clone()
            image.narrow(axis, 0, size - 1).add_(step)
            image.narrow(axis, 1, size - 1).sub_(step)
    return image


def _camera(draws: Draws, image: Tensor) -> Tensor:
    """Noise, even or growing with the light, then few grey levels for some."""
    size = tuple(image.shape)
    grain = draws.task(0.002, 0.12, of_log=True).view(-1, 1, 1, 1) * draws.normal(*size)
    shot = draws.chance(0.4).view(-1, 1, 1, 1)
    image = image + grain * torch.where(shot, image.clamp_min(0.02).sqrt(), 1.0)
    levels = draws.task(4, 64, of_log=True).round().view(-1, 1, 1, 1)
    coarse = draws.chance(0.12).view(-1, 1, 1, 1)
    return torch.where(coarse, (image.clamp(0, 1) * levels).round() / levels, image)


def _colours(draws: Draws, image: Tensor) -> Tensor:
    """As they are; or grey; or brightness shown in false colours. Then another gamma."""
    grey = image.mean(1, keepdim=True)
    turn = draws.task(0, 1, 3)[..., None, None] + grey.clamp(0, 1) * draws.task(0.3, 1.2, 3)[..., None, None]
    false = 0.5 + 0.5 * torch.cos(2 * pi * turn)
    kind = draws.task(0, 1).view(-1, 1, 1, 1)
    image = torch.where(kind < 0.4, grey.expand_as(image), torch.where(kind < 0.5, false, image))
    return image.clamp(1e-4, 1) ** draws.task(0.6, 1.7, of_log=True).view(-1, 1, 1, 1)
