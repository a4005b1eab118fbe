"""A model file whose net calls bright what is bright: real layers, known answers, no training."""

from __future__ import annotations

from pathlib import Path

import torch

from handful.modelfile import ModelCard, save_model
from handful.models import build_net


def save_bright_model(path: Path, *, interior: bool = False) -> Path:
    """Each of the four folded pixels goes on its own through stem, skip and head; all other weights are 0.

    interior: what is very bright is the middle of an object.
    """
    net = build_net("quick", in_channels=1, classes=2 + interior, width=8, depth=2).eval()
    card = ModelCard(
        net="quick",
        net_settings={"width": 8, "depth": 2},
        channels=1,
        classes=("background", "cell"),
        outputs=2 + interior,
        postprocessing={"lift": 4.0, "h": 1.0} if interior else {},
        normalisation={"kind": "image", "per_channel": False},
        task="instances",
        tile=256,
        mirrored=("x", "y"),
        halo=net.halo,
        multiple=net.multiple,
    )
    with torch.no_grad():
        for parameter in net.parameters():
            parameter.zero_()
        for part in net.modules():
            if isinstance(part, torch.nn.BatchNorm2d):
                part.weight.fill_(1)
        last = net.up[-1].convs
        for pixel in range(4):
            net.stem[0][0].weight[pixel, pixel, 1, 1] = 1
            net.stem[1][0].weight[pixel, pixel, 1, 1] = 1
            last[0][0].weight[pixel, 8 + pixel, 1, 1] = 1
            last[1][0].weight[pixel, pixel, 1, 1] = 1
            net.head.weight[4 + pixel, pixel] = 6
            net.head.bias[4 + pixel] = -3
            if interior:
                net.head.weight[8 + pixel, pixel] = 12
                net.head.bias[8 + pixel] = -13
    save_model(path, net, card)
    return path
