"""A small fully convolutional net: strided convolutions down, upsampling back, tanh between.

The net of the boundary detector that handful grew out of, after Long et al. 2015 in spirit: no skips, no
normalisation, few parameters.
"""

from __future__ import annotations

from itertools import pairwise

from torch import Tensor, nn
from torch.nn import functional as F

from handful.models.blocks import fit_to_multiple, set_prior


class FCN(nn.Module):
    """Input (B, in_channels, H, W) of any size; logits (B, classes, H, W)."""

    def __init__(self, in_channels: int, classes: int, *, width: int = 32, depth: int = 2) -> None:
        super().__init__()
        widths = [width * 2**level for level in range(depth + 1)]
        self.multiple = 2**depth
        # 2 for the stem; each level has a convolution down, one up, and upsampling that reaches 1 pixel of the next.
        self.halo = 2 + sum(4 * 2**level for level in range(depth))
        self.stem = nn.Conv2d(in_channels, widths[0], 5, padding=2)
        self.down = nn.ModuleList(nn.Conv2d(narrow, wide, 3, stride=2, padding=1) for narrow, wide in pairwise(widths))
        self.up = nn.ModuleList(
            nn.Conv2d(wide, narrow, 3, padding=1) for narrow, wide in reversed(list(pairwise(widths)))
        )
        self.head = nn.Conv2d(widths[0], classes, 1)

    def forward(self, x: Tensor) -> Tensor:
        height, width = x.shape[-2:]
        x = self.stem(fit_to_multiple(x, self.multiple)).tanh()
        for down in self.down:
            x = down(x).tanh()
        for up in self.up:
            x = up(F.interpolate(x, scale_factor=2.0, mode="bilinear", align_corners=False)).tanh()
        logits: Tensor = self.head(x)
        return logits[..., :height, :width]

    def set_prior(self, shares: Tensor) -> None:
        """Start from the class shares (classes,) as the answer everywhere."""
        set_prior(self.head, shares)
