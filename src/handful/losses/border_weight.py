"""The weight map that stresses the gaps between objects (Ronneberger et al. 2015, eq. 2)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def border_weight(labels: NDArray[np.int32], *, height: float = 10.0, sigma: float = 5.0) -> NDArray[np.float32]:
    """1 + height * exp(-(d1 + d2)^2 / (2 sigma^2)) on background pixels, 1 inside objects.

    labels (H, W), 0 = background; d1 and d2 are the distances in pixels to the nearest and second nearest object;
    height and sigma are the paper's. With fewer than two objects the map is 1 everywhere. float32 (H, W).
    """
    from scipy import ndimage

    weight = np.ones(labels.shape, np.float32)
    reach = int(np.ceil(4 * sigma))  # beyond 4 sigma the term is under height * 3e-4
    nearest = np.full(labels.shape, np.inf, np.float32)
    second = np.full(labels.shape, np.inf, np.float32)
    for number, box in enumerate(ndimage.find_objects(labels), start=1):
        if box is None:
            continue
        rows, columns = (slice(max(side.start - reach, 0), side.stop + reach) for side in box)
        distance = ndimage.distance_transform_edt(labels[rows, columns] != number).astype(np.float32)
        near, far = nearest[rows, columns], second[rows, columns]
        np.minimum(far, np.maximum(near, distance), out=far)
        np.minimum(near, distance, out=near)
    gap = (labels == 0) & np.isfinite(second)
    weight[gap] += height * np.exp(-((nearest[gap] + second[gap]) ** 2) / (2 * sigma**2))
    return weight
