"""The size at which a net works, where that is not the image's own: the same in training and in prediction.

Kept in the model file as a small dict:

- ``{"kind": "none"}``: pixels as they are.
- ``{"kind": "factor", "value": 0.5}``: every image shrunk alike, for objects that are large in every image.
- ``{"kind": "side", "value": 128}``: every image brought to this longer side, for photographs in which the object
  fills about the same share whatever the size of the file.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from math import ceil, floor
from typing import Any

import numpy as np
from numpy.typing import NDArray

from handful.normalise import apply_normalisation

KINDS = ("none", "factor", "side")


def working_size(shape: tuple[int, int], scale: Mapping[str, Any]) -> tuple[int, int]:
    """(H, W) of an image as the net sees it; no side below 8 pixels unless the image's own is."""
    factor = 1.0
    if scale["kind"] == "factor":
        factor = float(scale["value"])
    elif scale["kind"] == "side":
        factor = float(scale["value"]) / max(shape)
    height, width = (max(round(size * factor), min(size, 8)) for size in shape)
    return height, width


def net_planes(image: NDArray[Any], normalisation: Mapping[str, Any], scale: Mapping[str, Any]) -> NDArray[np.float32]:
    """What a net is given of an image (H, W, C): standardised, at the size that it works at, float32 (C, h, w)."""
    values = apply_normalisation(image, normalisation)
    return resize_planes(np.moveaxis(values, -1, 0), working_size((image.shape[0], image.shape[1]), scale))


def resize_planes(planes: NDArray[np.float32], size: tuple[int, int]) -> NDArray[np.float32]:
    """Planes (C, H, W) at another size (h, w): bilinear, smoothed first where they shrink. float32 (C, h, w)."""
    from PIL import Image

    if planes.shape[1:] == size:
        return planes
    resized = [
        np.asarray(Image.fromarray(np.ascontiguousarray(plane)).resize(size[::-1], Image.Resampling.BILINEAR))
        for plane in planes.astype(np.float32, copy=False)
    ]
    return np.stack(resized)


def resize_window(
    read: Callable[[tuple[int, int], tuple[int, int]], NDArray[np.float32]],
    shape: tuple[int, int],
    size: tuple[int, int],
    rows: tuple[int, int],
    columns: tuple[int, int],
) -> NDArray[np.float32]:
    """Rows and columns, given as (start, stop), of planes (C, *shape) brought to `size`, as `resize_planes` gives them.

    `read` is asked for the window of the planes that this needs and for no more.
    """
    from PIL import Image

    if shape == size:
        return read(rows, columns)
    spans, box = [], []
    for (start, stop), have, want in zip((rows, columns), shape, size, strict=True):
        ratio = have / want
        reach = max(ratio, 1.0) + 1  # of the triangle around each new pixel, in old ones
        span = max(0, floor(start * ratio - reach)), min(have, ceil(stop * ratio + reach))
        spans.append(span)
        box.append((max(0.0, start * ratio - span[0]), min(stop * ratio - span[0], float(span[1] - span[0]))))
    (top, bottom), (left, right) = box
    resized = [
        np.asarray(
            Image.fromarray(np.ascontiguousarray(plane)).resize(
                (columns[1] - columns[0], rows[1] - rows[0]),
                Image.Resampling.BILINEAR,
                box=(left, top, right, bottom),
            )
        )
        for plane in read(spans[0], spans[1]).astype(np.float32, copy=False)
    ]
    return np.stack(resized)


def resize_mask(mask: NDArray[np.uint8], size: tuple[int, int]) -> NDArray[np.uint8]:
    """A mask (H, W) at another size: the class that covers most of the new pixel, void counting as one."""
    if mask.shape == size:
        return mask
    values = np.unique(mask)
    shares = resize_planes(np.stack([(mask == value).astype(np.float32) for value in values]), size)
    chosen: NDArray[np.uint8] = values[shares.argmax(0)].astype(np.uint8)
    return chosen
