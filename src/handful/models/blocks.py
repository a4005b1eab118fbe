"""What several nets are made of."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F


def conv_norm_act(in_channels: int, out_channels: int, *, size: int = 3, stride: int = 1) -> nn.Sequential:
    """Convolution, batch normalisation (Ioffe & Szegedy 2015), ReLU.

    Batch and not instance or group normalisation: those take their statistics from the tile at hand, so that a tile
    would be predicted otherwise than the whole image.
    """
    padding = (size - 1) // 2
    return nn.Sequential(
        nn.Conv2d(in_channels, out_channels, size, stride=stride, padding=padding, bias=False),
        nn.BatchNorm2d(out_channels),
        nn.ReLU(inplace=True),
    )


def fit_to_multiple(x: Tensor, multiple: int) -> Tensor:
    """Pad (B, C, H, W) at the bottom and right, repeating the edge, until H and W are multiples of `multiple`."""
    height, width = x.shape[-2:]
    bottom, right = -height % multiple, -width % multiple
    return F.pad(x, (0, right, 0, bottom), mode="replicate") if bottom or right else x


def set_prior(head: nn.Conv2d, shares: Tensor, repeat: int = 1) -> None:
    """Make a last 1x1 convolution answer the class shares (classes,) at first, nearly the same everywhere.

    repeat: how many of its outputs in a row belong to one class. Focal loss begins so (Lin et al. 2017, section 4.1).
    """
    with torch.no_grad():
        bias = shares.clamp_min(1e-3).log()
        head.weight.mul_(0.1)
        assert head.bias is not None
        head.bias.copy_((bias - bias.mean()).repeat_interleave(repeat))
