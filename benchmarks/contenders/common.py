"""What the rivals share: reading the benchmark's folders, writing masks, the time they may take."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

BEGAN = time.monotonic()  # their clock runs without their imports where they are imported before this module


def arguments() -> tuple[Path, Path, Path, float, int]:
    """TRAIN TEST OUT SECONDS SEED."""
    train, test, out, seconds, seed = sys.argv[1:6]
    return Path(train), Path(test), Path(out), float(seconds), int(seed)


def shares_spent(seconds: float) -> Iterator[float]:
    """The share of the seconds that is spent, once a training step, until a tenth is left for what comes after."""
    while (spent := (time.monotonic() - BEGAN) / seconds) < 0.9:
        yield spent


def read_folder(folder: Path) -> tuple[list[str], list[NDArray[np.float32]], list[NDArray[np.uint8]], int]:
    """Names, images (H, W, C) standardised each by itself, masks of class numbers with 255 void, number of classes."""
    names = sorted(path.stem for path in (folder / "images").glob("*.png"))
    images, masks = [], []
    for name in names:
        image = np.asarray(Image.open(folder / "images" / f"{name}.png"), np.float32)
        image = image[:, :, None] if image.ndim == 2 else image[:, :, :3]
        images.append((image - image.mean()) / (image.std() + 1e-6))
        masks.append(np.asarray(Image.open(folder / "masks" / f"{name}.png")))
    channels = max(image.shape[2] for image in images)
    images = [np.repeat(image, channels, 2) if image.shape[2] < channels else image for image in images]
    classes = folder / "classes.txt"
    if classes.exists():
        void = [int(line.split()[0]) for line in classes.read_text().splitlines() if line.strip().endswith("void")]
        masks = [np.where(np.isin(mask, void), 255, mask).astype(np.uint8) for mask in masks]
        return names, images, masks, 1 + max(int(mask[mask != 255].max()) for mask in masks)
    return names, images, [(mask > 0).astype(np.uint8) for mask in masks], 2


def write_mask(out: Path, name: str, mask: NDArray[np.uint8], classes: int) -> None:
    """Into OUT/masks: 0 and 255, or class numbers."""
    (out / "masks").mkdir(parents=True, exist_ok=True)
    Image.fromarray((mask * 255 if classes == 2 else mask).astype(np.uint8)).save(out / "masks" / f"{name}.png")
