"""Any image as a picture to look at: 8 bits, three channels."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

# A few hot or dead pixels must not set the brightness of the picture.
TAILS = (0.2, 99.8)
# An 8-bit image that uses at least this share of its range is shown as it is.
SHOWN_AS_IT_IS = 0.4
LARGEST_SAMPLE = 500_000


def to_view(image: NDArray[Any]) -> NDArray[np.uint8]:
    """uint8 (H, W, 3) of an image (H, W, C) of any type.

    8-bit images are shown as they are unless very dark or flat; everything else is stretched between the 0.2 and 99.8
    percentiles of all channels together, so that colours stay. One channel is grey; two are red and green; of more than
    three the first three are shown. Not-a-number is black.
    """
    image = image[:, :, None] if image.ndim == 2 else image
    channels = image.shape[2]
    if channels == 1:
        image = np.repeat(image, 3, axis=2)
    elif channels == 2:
        image = np.concatenate([image, np.zeros_like(image[:, :, :1])], axis=2)
    image = image[:, :, :3]
    stride = int(np.ceil(np.sqrt(max(1.0, image.shape[0] * image.shape[1] / LARGEST_SAMPLE))))
    sample = image[::stride, ::stride, : min(channels, 3)].astype(np.float64)
    sample = sample[np.isfinite(sample)]
    if not sample.size:
        return np.zeros(image.shape, np.uint8)
    low, high = np.percentile(sample, TAILS)
    if image.dtype == np.uint8 and high - low >= SHOWN_AS_IT_IS * 255:
        return np.array(image)
    if high <= low:  # constant: black if 0, white if at the top of its type, grey between
        top = np.iinfo(image.dtype).max if np.issubdtype(image.dtype, np.integer) else max(1.0, high)
        low, high = 0.0, float(top)
    stretched = (np.nan_to_num(image.astype(np.float32), nan=low) - low) * (255 / (high - low))
    view: NDArray[np.uint8] = np.clip(stretched + 0.5, 0, 255).astype(np.uint8)
    return view
