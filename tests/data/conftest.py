"""Tiny data sets, drawn where a test needs them."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image


def _texture(height: int, width: int, seed: int) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 255, (height, width, 3), dtype=np.uint8)


@pytest.fixture
def write() -> Callable[..., Path]:
    """write(path, array, palette=None): an image by the path's ending; makes the folders."""

    def write(path: Path, array: np.ndarray, palette: Sequence[int] | None = None, **options: Any) -> Path:
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.suffix == ".npy":
            np.save(path, array)
        elif path.suffix in (".tif", ".tiff"):
            import tifffile

            tifffile.imwrite(path, array, **options)
        else:
            picture = Image.fromarray(array)
            if palette is not None:
                picture.putpalette(list(palette))
            picture.save(path, **options)
        return path

    return write


@pytest.fixture
def plant_masks(tmp_path: Path, write: Callable[..., Path]) -> Callable[..., Path]:
    """plant_masks([array, ...], suffix=".png"): a data set of noise images with these masks; returns its folder."""

    def plant(
        masks: Sequence[np.ndarray], suffix: str = ".png", palette: Sequence[int] | None = None, **options: Any
    ) -> Path:
        for number, mask in enumerate(masks):
            write(tmp_path / "images" / f"{number}.png", _texture(mask.shape[0], mask.shape[1], number))
            write(tmp_path / "masks" / f"{number}{suffix}", mask, palette, **options)
        return tmp_path

    return plant


@pytest.fixture
def shared_data() -> Path:
    """The folder of real data sets; the test skips where it is missing."""
    folder = Path(os.environ.get("HANDFUL_DATA", Path(__file__).parents[2] / ".." / "shared" / "data")).resolve()
    if not folder.is_dir():
        pytest.skip(f"no real data in {folder} (set HANDFUL_DATA)")
    return folder
