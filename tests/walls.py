"""Thin walls between cells, weak at some places: lines whose gaps join two cells."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image
from scipy import ndimage


def walls(rng: np.random.Generator, side: int = 96, cells: int = 12, gap: float = 0.3) -> tuple[np.ndarray, np.ndarray]:
    """Truth (H, W) of 1 on walls between cells, and a probability that falls to `gap` at some places of a wall."""
    points = rng.uniform(0, side, (cells, 2))
    rows, columns = np.indices((side, side))
    distance = np.sort(np.hypot(rows - points[:, :1, None], columns - points[:, 1:, None]), axis=0)
    truth = (distance[1] - distance[0] < 3).astype(np.uint8)
    holes = np.zeros((side, side))
    for row, column in rng.integers(0, side, (20, 2)):
        holes[max(0, row - 4) : row + 5, max(0, column - 4) : column + 5] = 1
    strength = np.where(holes > 0, gap, 0.95) * truth
    return truth, (0.02 + ndimage.gaussian_filter(strength, 0.7)).clip(0, 1).astype(np.float32)


def write_walls(root: Path, count: int) -> Path:
    """A labelled folder: images/ as bright as the probability, beside masks/ of 0 and 255."""
    rng = np.random.default_rng(count)
    for part in ("images", "masks"):
        (root / part).mkdir(parents=True)
    for number in range(count):
        truth, probability = walls(rng)
        for part, values in (("images", probability), ("masks", truth)):
            Image.fromarray((255 * values).astype(np.uint8)).save(root / part / f"wall_{number}.png")
    return root
