"""The U-Net of Ronneberger, Fischer and Brox, MICCAI 2015, figure 1, with 31 million parameters.

Two things differ from the figure, as in most later use: convolutions are padded, so that the output has the size of
the input, and each is followed by batch normalisation, without which it often answers black for hundreds of steps.
"""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from handful.models.blocks import conv_norm_act, fit_to_multiple, set_prior


def double_conv(in_channels: int, out_channels: int) -> nn.Sequential:
    return nn.Sequential(conv_norm_act(in_channels, out_channels), conv_norm_act(out_channels, out_channels))


class UpConv(nn.Module):
    """2x2 up-convolution that halves the channels, the copy from the other side, two convolutions."""

    def __init__(self, in_channels: int) -> None:
        super().__init__()
        self.up = nn.ConvTranspose2d(in_channels, in_channels // 2, 2, stride=2)
        self.convs = double_conv(in_channels, in_channels // 2)

    def forward(self, x: Tensor, skip: Tensor) -> Tensor:
        out: Tensor = self.convs(torch.cat([skip, self.up(x)], dim=1))
        return out


class UNet(nn.Module):
    """Input (B, in_channels, H, W) of any size; logits (B, classes, H, W). width 64 and depth 5 are the paper's."""

    def __init__(self, in_channels: int, classes: int, *, width: int = 64, depth: int = 5) -> None:
        super().__init__()
        widths = [width * 2**level for level in range(depth)]
        self.multiple = 2 ** (depth - 1)
        # 2 convolutions down and 2 up reach 4 pixels of each level but the lowest, which has 2; what is pooled and
        # brought back up reaches to the end of its block.
        self.halo = sum(4 * 2**level for level in range(depth - 1)) + 2 * 2 ** (depth - 1) + self.multiple - 1
        self.stem = double_conv(in_channels, widths[0])
        self.down = nn.ModuleList(double_conv(narrow, wide) for narrow, wide in pairwise(widths))
        self.up = nn.ModuleList(UpConv(wide) for wide in reversed(widths[1:]))
        self.head = nn.Conv2d(widths[0], classes, 1)

    def forward(self, x: Tensor) -> Tensor:
        height, width = x.shape[-2:]
        skips = [self.stem(fit_to_multiple(x, self.multiple))]
        for down in self.down:
            skips.append(down(F.max_pool2d(skips[-1], 2)))
        x = skips.pop()
        for up in self.up:
            x = up(x, skips.pop())
        logits: Tensor = self.head(x)
        return logits[..., :height, :width]

    def set_prior(self, shares: Tensor) -> None:
        """Start from the class shares (classes,) as the answer everywhere."""
        set_prior(self.head, shares)
