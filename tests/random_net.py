"""A net of random kernels, whose answers depend on which way round an image is and on its size."""

import torch

from handful.modelfile import ModelCard
from handful.models import build_net
from handful.prediction import Segmenter

IMAGE = {"kind": "image", "per_channel": False}


def make_model(
    channels=1,
    classes=2,
    normalisation=IMAGE,
    scale=None,
    temperature=None,
    interior=False,
    **card,
):
    torch.manual_seed(0)
    net = build_net("quick", in_channels=channels, classes=classes + interior, width=8, depth=2).eval()
    for part in net.modules():
        if isinstance(part, torch.nn.BatchNorm2d):  # as after training, not as at the start
            part.running_mean.normal_(0, 0.1)
            part.running_var.uniform_(0.5, 2)
    torch.nn.init.normal_(net.head.weight, std=0.3)
    about = ModelCard(
        net="quick",
        net_settings={"width": 8, "depth": 2},
        channels=channels,
        classes=tuple(f"class {number}" for number in range(classes)),
        outputs=classes + interior,
        task="instances" if interior else "semantic",
        normalisation=normalisation,
        scale=scale or {"kind": "none"},
        temperature=temperature,
        tile=128,
        halo=net.halo,
        multiple=net.multiple,
        **({"mirrored": ("x", "y")} | card),
    )
    return Segmenter(net, about)
