"""Discs on noise with their masks: data that many tests train and predict on, small enough for one core."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

SIDE = 64


def draw_discs(seed: int, side: int = SIDE) -> tuple[np.ndarray, np.ndarray]:
    """An image uint8 (side, side) of two bright discs on noise, and its mask of 0 and 255."""
    rng = np.random.default_rng(seed)
    rows, columns = np.mgrid[:side, :side]
    mask = np.zeros((side, side), bool)
    for _ in range(2):
        radius, (row, column) = rng.uniform(7, 12), rng.uniform(12, side - 12, 2)
        mask |= (rows - row) ** 2 + (columns - column) ** 2 < radius**2
    image = rng.normal(90, 20, mask.shape) + 70 * mask
    return image.clip(0, 255).astype(np.uint8), np.where(mask, 255, 0).astype(np.uint8)


def write_discs(root: Path, count: int = 8, first_seed: int = 0) -> Path:
    """A labelled folder: images/ beside masks/, the same names."""
    for part in ("images", "masks"):
        (root / part).mkdir(parents=True)
    for number in range(count):
        image, mask = draw_discs(first_seed + number)
        Image.fromarray(image).save(root / "images" / f"disc_{number}.png")
        Image.fromarray(mask).save(root / "masks" / f"disc_{number}.png")
    return root
