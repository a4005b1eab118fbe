"""Whether a class is thin lines that part the rest into regions, as membranes do."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from handful.data.mask import VOID
from handful.data.region import middle_window, spread_out
from handful.measure.rand import label_regions

DEEPEST = 8  # pixels that the middle of a line may lie from its edge
# Regions of one size that are as likely to part two pixels: 22 in a slice of membranes, 1 around nuclei or a cat.
LEAST_REGIONS = 3.0
LEAST_THIN = 0.9
LOOKED_AT, WIDE = 8, 1024  # masks that are looked at for that, 30 ms each at most, and their pixels across and down


def are_lines(masks: Sequence[NDArray[np.uint8]], kind: int) -> bool:
    """Whether class `kind` is lines that part the rest into many regions in most masks (H, W), as far as looked at."""
    parts = [mask[middle_window(mask.shape, WIDE)] for mask in spread_out(masks, LOOKED_AT)]
    found = [share_thin(part, kind) >= LEAST_THIN and count_regions(part, kind) >= LEAST_REGIONS for part in parts]
    return 2 * sum(found) > len(found)


def share_thin(mask: NDArray[np.uint8], kind: int) -> float:
    """The share of the pixels of class `kind` that lie within DEEPEST of others, as all of a line do; 0 without any."""
    from scipy import ndimage

    inside = mask == kind
    depth = ndimage.distance_transform_cdt(np.pad(inside, 1, constant_values=True), "chessboard")[1:-1, 1:-1][inside]
    return float((depth <= DEEPEST).mean()) if depth.size else 0.0


def count_regions(mask: NDArray[np.uint8], kind: int) -> float:
    """The number of regions of one size that would part two pixels beside class `kind` as often as these do.

    1 over the sum of squared shares of the area (Simpson 1949); 0 where there is nothing beside.
    """
    sizes = np.bincount(label_regions((mask != kind) & (mask != VOID)).ravel())[1:].astype(np.float64)
    return float(sizes.sum() ** 2 / (sizes**2).sum()) if sizes.size else 0.0
