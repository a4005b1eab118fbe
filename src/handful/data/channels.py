"""Channels: an image with as many as a net takes."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from handful.errors import DataError
from handful.names import plural

# Luma of ITU-R BT.601, as Pillow's convert("L"): what people call the grey picture of a colour one.
LUMA = (0.299, 0.587, 0.114)
TURNED_GREY = "in colour, the training images were grey: turned grey. Where colour tells, label some in colour too."


def match_channels(image: NDArray[Any], channels: int, where: str) -> NDArray[Any]:
    """The image (H, W, C) with as many channels as asked: grey is repeated, colour becomes its luma, a fourth channel
    beside three is dropped. Raises DataError for any other difference."""
    have = image.shape[2]
    if have == channels:
        return image
    if have == 1:
        if channels == 3:
            return np.repeat(image, channels, axis=2)
    elif may_lose_colour(have, channels):
        return _grey(image[:, :, :3])
    elif have == 4 and channels == 3:
        return np.ascontiguousarray(image[:, :, :3])
    elif have == 2 and channels == 1:
        return np.ascontiguousarray(image[:, :, :1])
    raise DataError(
        f"{where}: has {plural(have, 'channel')} where {channels} "
        f"{'were' if channels > 1 else 'was'} expected. "
        "Save it with the channels of the training images."
    )


def may_lose_colour(have: int, channels: int) -> bool:
    """Whether colours of an image that has so many channels are turned grey, if there are any."""
    return channels == 1 and have in (3, 4)


def loses_colour(image: NDArray[Any], channels: int) -> bool:
    """Whether `match_channels` turns colours of this image (H, W, C) grey."""
    return may_lose_colour(image.shape[2], channels) and not _is_grey(image[:, :, :3])


def _is_grey(image: NDArray[Any]) -> bool:
    return np.array_equal(image, np.broadcast_to(image[:, :, :1], image.shape), equal_nan=image.dtype.kind == "f")


def _grey(image: NDArray[Any]) -> NDArray[Any]:
    if _is_grey(image):
        return np.ascontiguousarray(image[:, :, :1])
    grey = sum(image[:, :, i].astype(np.float64) * weight for i, weight in enumerate(LUMA))
    grey = np.asarray(grey)[:, :, None]
    return grey.astype(image.dtype) if image.dtype.kind == "f" else np.rint(grey).astype(image.dtype)
