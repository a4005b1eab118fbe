"""A net of another project in a plain good loop: random crops, flips, quarter turns, intensity; Dice and cross-entropy.

    python plain_loop.py basic_unet TRAIN TEST OUT SECONDS SEED     # MONAI's BasicUNet
    python plain_loop.py resnet18 TRAIN TEST OUT SECONDS SEED       # smp.Unet, its encoder without weights

Loop, loss and tiles are MONAI's for both.
"""

from __future__ import annotations

import sys
from functools import cache
from typing import Any

import numpy as np
import torch
from monai.inferers import sliding_window_inference
from monai.losses import DiceCELoss
from monai.networks.nets import BasicUNet
from monai.transforms import (
    Compose,
    RandFlipd,
    RandRotate90d,
    RandScaleIntensityd,
    RandShiftIntensityd,
    RandSpatialCropd,
    SpatialPadd,
)

# isort: split
from common import arguments, read_folder, shares_spent, write_mask


@cache  # which keeps it
def declare_nms() -> torch.library.Library:
    """Operators that torchvision speaks of when it is imported, and lacks where it was made for another torch."""
    library = torch.library.Library("torchvision", "FRAGMENT")
    for name in ("nms", "qnms"):
        library.define(f"{name}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
    return library


def build(name: str, channels: int, classes: int) -> Any:
    """The net by its name, from scratch."""
    if name == "basic_unet":
        return BasicUNet(2, channels, classes, features=(32, 32, 64, 128, 256, 32))
    declare_nms()
    import segmentation_models_pytorch as smp

    return smp.Unet(name, encoder_weights=None, in_channels=channels, classes=classes)


net_name = sys.argv.pop(1)
train, test, out, seconds, seed = arguments()
torch.manual_seed(seed)
np.random.seed(seed)  # noqa: NPY002 MONAI's own transforms draw from it
_, images, masks, classes = read_folder(train)
side = min(256, *(size // 32 * 32 for image in images for size in image.shape[:2]))
keys = ["image", "mask"]
augment = Compose(
    [
        SpatialPadd(keys, (side, side)),
        RandSpatialCropd(keys, (side, side), random_size=False),
        RandFlipd(keys, 0.5, 0),
        RandFlipd(keys, 0.5, 1),
        RandRotate90d(keys, 0.5),
        RandScaleIntensityd("image", 0.2, 0.5),
        RandShiftIntensityd("image", 0.2, 0.5),
    ]
)
augment.set_random_state(seed)
data = [
    {"image": torch.from_numpy(image.transpose(2, 0, 1).copy()), "mask": torch.from_numpy(mask[None].copy())}
    for image, mask in zip(images, masks, strict=True)
]
net = build(net_name, images[0].shape[2], classes)
optimiser = torch.optim.AdamW(net.parameters(), 1e-3)
loss_function = DiceCELoss(to_onehot_y=True, softmax=True)
rng = np.random.default_rng(seed)
names, test_images, _, _ = read_folder(test)
net.train()
for spent in shares_spent(seconds):
    for group in optimiser.param_groups:
        group["lr"] = 1e-3 * (1 - spent) ** 0.9
    batch = [augment(data[i]) for i in rng.integers(len(data), size=4)]
    x = torch.stack([torch.as_tensor(one["image"]) for one in batch])
    y = torch.stack([torch.as_tensor(one["mask"]) for one in batch]).long()
    counted = (y != 255).float()
    logits = net(x) * counted
    loss = loss_function(logits, y * counted.long())
    optimiser.zero_grad()
    loss.backward()
    optimiser.step()
net.eval()
with torch.inference_mode():
    for name, image in zip(names, test_images, strict=True):
        x = torch.from_numpy(image.transpose(2, 0, 1).copy())[None]
        answer = sliding_window_inference(x, (side, side), 4, net, overlap=0.25).argmax(1)[0].numpy().astype(np.uint8)
        write_mask(out, name, answer, classes)
