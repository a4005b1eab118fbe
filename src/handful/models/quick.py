"""The quick net: the default, made for the best score a second on a small machine.

A U-Net whose first act is to fold each 2x2 block of pixels into channels (space to depth, Shi et al. 2016, reversed),
so that no convolution runs at the full size, and whose last act is to unfold the logits again. With equal parameters
it learnt far more in a minute on two CPU cores than the same net at full resolution (docs/why/defaults.md).
"""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from handful.models.blocks import conv_norm_act, fit_to_multiple, set_prior


class QuickNet(nn.Module):
    """U-Net on folded pixels. Input (B, in_channels, H, W) of any size; logits (B, classes, H, W).

    width: channels of the first level; each level down has twice as many, up to `widest`. top: channels of the first
    level where not `width`: it costs most, and 16 or 32 suit the vectors of a processor, as 24 do not.
    depth: number of levels; the lowest works at 1 / (fold * 2 ** (depth - 1)) of the size.
    fold: side of the block of pixels folded into channels.
    """

    def __init__(
        self,
        in_channels: int,
        classes: int,
        *,
        width: int = 32,
        top: int = 0,
        depth: int = 4,
        fold: int = 2,
        widest: int = 256,
    ) -> None:
        super().__init__()
        widths = [min(width * 2**level, widest) for level in range(depth)]
        widths[0] = top or widths[0]
        self.fold = fold
        self.multiple = fold * 2 ** (depth - 1)
        # 2 convolutions down and 2 up reach 4 pixels of each level but the lowest, which has 2; going down and up by
        # whole blocks reaches to the end of the largest.
        self.halo = fold * (sum(4 * 2**level for level in range(depth - 1)) + 2 * 2 ** (depth - 1)) + self.multiple - 1
        self.stem = nn.Sequential(
            conv_norm_act(in_channels * fold * fold, widths[0]), conv_norm_act(widths[0], widths[0])
        )
        self.down = nn.ModuleList(
            nn.Sequential(
                conv_norm_act(narrow, wide, size=2, stride=2), conv_norm_act(wide, wide), conv_norm_act(wide, wide)
            )
            for narrow, wide in pairwise(widths)
        )
        self.up = nn.ModuleList(Up(wide, narrow) for narrow, wide in reversed(list(pairwise(widths))))
        self.head = nn.Conv2d(widths[0], classes * fold * fold, 1)

    def forward(self, x: Tensor) -> Tensor:
        height, width = x.shape[-2:]
        return F.pixel_shuffle(self.head(self.features(x)), self.fold)[..., :height, :width]

    def features(self, x: Tensor) -> Tensor:
        """What the head answers from: (B, width, h, w), a vector for each block of fold x fold pixels."""
        x = F.pixel_unshuffle(fit_to_multiple(x, self.multiple), self.fold)
        skips = [self.stem(x)]
        for down in self.down:
            skips.append(down(skips[-1]))  # half the size, twice the channels
        x = skips.pop()
        for up in self.up:
            x = up(x, skips.pop())  # back to the skip's size
        return x

    def set_prior(self, shares: Tensor) -> None:
        """Start from the class shares (classes,) as the answer everywhere: no step is spent on learning them."""
        # pixel_shuffle reads fold * fold channels in a row for each class.
        set_prior(self.head, shares, repeat=self.fold * self.fold)


class Up(nn.Module):
    """To the size of the skip, which is twice its own, joined with it, and two convolutions."""

    def __init__(self, wide: int, narrow: int) -> None:
        super().__init__()
        self.squeeze = nn.Conv2d(wide, narrow, 1, bias=False)  # before the upsampling, where it is four times cheaper
        self.convs = nn.Sequential(conv_norm_act(2 * narrow, narrow), conv_norm_act(narrow, narrow))

    def forward(self, x: Tensor, skip: Tensor) -> Tensor:
        x = Doubled.apply(self.squeeze(x))  # type: ignore[no-untyped-call]
        out: Tensor = self.convs(torch.cat([x, skip], dim=1))
        return out


class Doubled(torch.autograd.Function):
    """(B, C, H, W) at twice its size, every pixel four times.

    The gradient is a sum over 2x2 pixels, which torch's pooling takes four times as fast as its own way back from
    `interpolate` where channels come last and the gradient is a part of that of a joint.
    """

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        return F.interpolate(x, scale_factor=2.0, mode="nearest")

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Tensor:
        return F.avg_pool2d(gradient, 2, divisor_override=1)


class SplitUp(nn.Module):
    """What an `Up` in evaluation mode answers, to rounding, which makes the whole net a fifth quicker.

    Its first convolution is the sum of one of the skip and one of the upsampled rest, so that nothing need be joined.
    Each pixel of the latter sees a doubled pixel and its neighbour, twice: four kernels of 2x2 on the small image, one
    for each quarter of a pixel, do in 16 products what 3x3 on the doubled one do in 36.
    """

    def __init__(self, up: Up) -> None:
        super().__init__()
        blocks: Any = up.convs
        first, *others = blocks[0]
        weight = first.weight.detach()
        narrow = weight.shape[1] // 2
        self.squeeze = up.squeeze
        self.across = nn.Conv2d(narrow, len(weight), 3, padding=1, bias=first.bias is not None)
        self.across.weight = nn.Parameter(weight[:, narrow:].clone())
        if first.bias is not None:
            self.across.bias = first.bias
        quarters = [fold_taps(fold_taps(weight[:, :narrow], 2, low), 3, left) for low in (0, 1) for left in (0, 1)]
        self.quarters = nn.Conv2d(narrow, 4 * len(weight), 2, padding=1, bias=False)
        self.quarters.weight = nn.Parameter(torch.cat(quarters))
        self.rest = nn.Sequential(*others, *blocks[1:])

    def forward(self, x: Tensor, skip: Tensor) -> Tensor:
        rows, columns = x.shape[-2:]
        out = self.across(skip)
        for number, quarter in enumerate(self.quarters(self.squeeze(x)).chunk(4, dim=1)):
            low, left = divmod(number, 2)
            out[..., low::2, left::2] += quarter[..., low : low + rows, left : left + columns]
        joined: Tensor = self.rest(out)
        return joined


def fold_taps(kernel: Tensor, axis: int, second: int) -> Tensor:
    """Three taps along `axis` as two on pixels that are doubled: for the first or the second of the two."""
    before, middle, after = kernel.unbind(axis)
    taps = (before + middle, after) if second else (before, middle + after)
    return torch.stack(taps, axis)


def split_ups(net: nn.Module) -> None:
    """Put a `SplitUp` in the place of every `Up`."""
    for part in list(net.modules()):
        for name, child in part.named_children():
            if isinstance(child, Up):
                setattr(part, name, SplitUp(child))
