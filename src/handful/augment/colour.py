"""Colour: brightness, contrast, colour casts, noise and blur, on standardised images."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F


@dataclass(frozen=True)
class Colour:
    """How strongly samples are changed, in standard deviations of the image where not said otherwise. 0 is off."""

    brightness: float = 0.2  # standard deviation of what is added to all channels alike
    contrast: float = 0.25  # standard deviation of the logarithm of the factor
    cast: float = 0.1  # brightness and contrast of each channel by itself, images of several channels only
    noise: float = 0.1  # largest standard deviation of the noise of a pixel
    blur: float = 0.15  # chance of a 3x3 binomial blur


def change_colour(image: Tensor, colour: Colour, generator: torch.Generator) -> Tensor:
    """Change (B, C, H, W) standardised images, each in its own way. Returns a new tensor."""
    batch, channels = image.shape[:2]
    device = image.device

    def normal(*shape: int) -> Tensor:
        return torch.randn(*shape, 1, 1, generator=generator).to(device)

    factor = (normal(batch, 1) * colour.contrast).exp()
    offset = normal(batch, 1) * colour.brightness
    if channels > 1:
        factor = factor * (normal(batch, channels) * colour.cast).exp()
        offset = offset + normal(batch, channels) * colour.cast
    image = image * factor + offset
    if colour.blur:
        blurred = torch.rand(batch, generator=generator) < colour.blur
        if blurred.any():
            chosen = blurred.nonzero()[:, 0].to(device)
            image[chosen] = binomial_blur(image[chosen])
    if colour.noise:
        strength = torch.rand(batch, 1, 1, 1, generator=generator).to(device) * colour.noise
        image = image + torch.randn(image.shape, generator=generator).to(device) * strength
    return image


def binomial_blur(image: Tensor) -> Tensor:
    """(B, C, H, W) smoothed by 1 2 1 in both directions, the edge repeated."""
    channels = image.shape[1]
    row = torch.tensor([0.25, 0.5, 0.25], device=image.device, dtype=image.dtype)
    kernel = (row[:, None] * row).expand(channels, 1, 3, 3)
    return F.conv2d(F.pad(image, (1, 1, 1, 1), mode="replicate"), kernel, groups=channels)
