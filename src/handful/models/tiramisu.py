"""The One Hundred Layers Tiramisu: FC-DenseNet of Jégou, Drozdzal, Vázquez, Romero and Bengio, CVPR workshops 2017.

In a dense block every layer sees the input of the block and what all layers before it made; on the way up only what a
block itself made is passed on, or the channels would explode (their figure 2, tables 1 and 2). The three nets of the
paper have 56, 67 and 103 layers and begin with 48 channels.
"""

from __future__ import annotations

from itertools import accumulate

import torch
from torch import Tensor, nn

from handful.models.blocks import fit_to_multiple, set_prior


class DenseLayer(nn.Sequential):
    """Batch normalisation, ReLU, 3x3 convolution to `width` channels, dropout (table 1)."""

    def __init__(self, in_channels: int, width: int, dropout: float) -> None:
        super().__init__(
            nn.BatchNorm2d(in_channels),
            nn.ReLU(inplace=True),
            nn.Conv2d(in_channels, width, 3, padding=1, bias=False),
            nn.Dropout(dropout),
        )


class DenseBlock(nn.Module):
    """(B, in_channels, H, W) to the `layers` * `width` channels that its layers make."""

    def __init__(self, in_channels: int, layers: int, width: int, dropout: float) -> None:
        super().__init__()
        self.layers = nn.ModuleList(DenseLayer(in_channels + k * width, width, dropout) for k in range(layers))

    def forward(self, x: Tensor) -> Tensor:
        made: list[Tensor] = []
        for layer in self.layers:
            made.append(layer(torch.cat([x, *made], dim=1)))
        return torch.cat(made, dim=1)


class TransitionDown(nn.Sequential):
    """Batch normalisation, ReLU, 1x1 convolution, dropout, 2x2 max pooling (table 1)."""

    def __init__(self, channels: int, dropout: float) -> None:
        super().__init__(
            nn.BatchNorm2d(channels),
            nn.ReLU(inplace=True),
            nn.Conv2d(channels, channels, 1, bias=False),
            nn.Dropout(dropout),
            nn.MaxPool2d(2),
        )


class Tiramisu(nn.Module):
    """FC-DenseNet. Input (B, in_channels, H, W) of any size; logits (B, classes, H, W).

    layers: of the dense blocks on the way down, which those on the way up mirror, and at last of the bottleneck.
    width: channels that a layer adds, the growth rate. stem: channels of the first convolution.
    dropout: share of the values set to 0 in training.
    """

    def __init__(
        self, in_channels: int, classes: int, *, layers: tuple[int, ...], width: int, stem: int, dropout: float
    ) -> None:
        super().__init__()
        *levels, bottleneck = layers
        self.multiple = 2 ** len(levels)
        # A block reaches a pixel a layer, on the way down and up; the transposed convolution reaches a pixel of the
        # level below to either side, and that one pixel is two wide. The stem reaches one more.
        self.halo = 1 + list(accumulate(reversed(levels), lambda reach, n: 2 * (reach + n + 1), initial=bottleneck))[-1]
        self.stem = nn.Conv2d(in_channels, stem, 3, padding=1, bias=False)
        skips = [stem + sum(levels[: level + 1]) * width for level in range(len(levels))]
        inputs = [stem, *skips]
        self.down = nn.ModuleList(DenseBlock(c, n, width, dropout) for c, n in zip(inputs, levels, strict=False))
        self.pool = nn.ModuleList(TransitionDown(channels, dropout) for channels in skips)
        self.bottleneck = DenseBlock(skips[-1], bottleneck, width, dropout)
        below = [n * width for n in (*levels[1:], bottleneck)]  # channels that come up to each level
        self.grow = nn.ModuleList(
            nn.ConvTranspose2d(c, c, 3, stride=2, padding=1, output_padding=1, bias=False) for c in reversed(below)
        )
        joined = [skip + c for skip, c in zip(skips, below, strict=True)]
        self.up = nn.ModuleList(
            DenseBlock(c, n, width, dropout) for c, n in zip(reversed(joined), reversed(levels), strict=True)
        )
        self.head = nn.Conv2d(joined[0] + levels[0] * width, classes, 1)

    def forward(self, x: Tensor) -> Tensor:
        height, width = x.shape[-2:]
        x = self.stem(fit_to_multiple(x, self.multiple))
        skips = []
        for block, pool in zip(self.down, self.pool, strict=True):
            skips.append(torch.cat([x, block(x)], dim=1))
            x = pool(skips[-1])
        x = made = self.bottleneck(x)
        for grow, block in zip(self.grow, self.up, strict=True):
            x = torch.cat([grow(made), skips.pop()], dim=1)
            made = block(x)
        logits: Tensor = self.head(torch.cat([x, made], dim=1))
        return logits[..., :height, :width]

    def set_prior(self, shares: Tensor) -> None:
        """Start from the class shares (classes,) as the answer everywhere."""
        set_prior(self.head, shares)


class Tiramisu56(Tiramisu):
    """FC-DenseNet56: 4 layers in every block, growth rate 12."""

    def __init__(self, in_channels: int, classes: int, *, width: int = 12, dropout: float = 0.2) -> None:
        super().__init__(in_channels, classes, layers=(4,) * 6, width=width, stem=4 * width, dropout=dropout)


class Tiramisu67(Tiramisu):
    """FC-DenseNet67: 5 layers in every block, growth rate 16."""

    def __init__(self, in_channels: int, classes: int, *, width: int = 16, dropout: float = 0.2) -> None:
        super().__init__(in_channels, classes, layers=(5,) * 6, width=width, stem=3 * width, dropout=dropout)


class Tiramisu103(Tiramisu):
    """FC-DenseNet103: 4, 5, 7, 10, 12 layers and 15 in the bottleneck, growth rate 16."""

    def __init__(self, in_channels: int, classes: int, *, width: int = 16, dropout: float = 0.2) -> None:
        layers = 4, 5, 7, 10, 12, 15
        super().__init__(in_channels, classes, layers=layers, width=width, stem=3 * width, dropout=dropout)
