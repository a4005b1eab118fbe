"""How far apart two outlines are: Hausdorff 95, mean surface distance, normalised surface Dice.

An outline is the set of object pixels that touch another pixel by an edge; the border of the image counts as outside,
so an object cut by it has an outline there in both masks.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import inf, nan
from typing import Any

import numpy as np
from numpy.typing import NDArray

from handful.errors import DataError

FloatArray = NDArray[np.float64]


@dataclass(frozen=True)
class SurfaceDistances:
    """Distances from every pixel of one outline to the nearest of the other, in the unit of `spacing`."""

    to_predicted: FloatArray
    to_true: FloatArray

    @property
    def nothing(self) -> float | None:
        """What a distance is where an outline is missing: nan if both are (nothing to score), inf if one is."""
        if self.to_predicted.size and self.to_true.size:
            return None
        return inf if self.to_predicted.size or self.to_true.size else nan


def surface_distances(
    true: NDArray[Any],
    predicted: NDArray[Any],
    *,
    spacing: tuple[float, float] = (1.0, 1.0),
    ignore: NDArray[np.bool_] | None = None,
) -> SurfaceDistances:
    """Distances between the outlines of two masks (H, W) of one class (bool).

    `spacing` is the height and width of a pixel. `ignore` is True where a pixel is left out: it is outside both.
    """
    from scipy import ndimage

    true, predicted = np.asarray(true, np.bool_), np.asarray(predicted, np.bool_)
    if true.shape != predicted.shape:
        raise DataError(f"surface: the predicted mask has shape {predicted.shape}, the true mask {true.shape}.")
    if ignore is not None:
        true, predicted = true & ~ignore, predicted & ~ignore
    outlines = [mask & ~ndimage.binary_erosion(mask) for mask in (true, predicted)]
    if not (outlines[0].any() and outlines[1].any()):
        # The distances are to nothing; only their number tells which outline is missing.
        return SurfaceDistances(*(np.full(int(outline.sum()), inf) for outline in outlines))
    rows, columns = np.nonzero(outlines[0] | outlines[1])
    box = (slice(rows.min(), rows.max() + 1), slice(columns.min(), columns.max() + 1))
    true_line, predicted_line = outlines[0][box], outlines[1][box]
    return SurfaceDistances(
        ndimage.distance_transform_edt(~predicted_line, sampling=spacing)[true_line],
        ndimage.distance_transform_edt(~true_line, sampling=spacing)[predicted_line],
    )


def hausdorff(distances: SurfaceDistances, percentile: float = 95.0) -> float:
    """The larger of the two directed distances at a percentile; nan if both masks are empty, inf if one is."""
    if distances.nothing is not None:
        return distances.nothing
    return float(max(np.percentile(way, percentile) for way in (distances.to_predicted, distances.to_true)))


def mean_surface_distance(distances: SurfaceDistances) -> float:
    """Mean over the pixels of both outlines; nan if both masks are empty, inf if one is."""
    if distances.nothing is not None:
        return distances.nothing
    return float(np.mean(np.concatenate([distances.to_predicted, distances.to_true])))


def surface_dice(distances: SurfaceDistances, tolerance: float) -> float:
    """Share of the pixels of both outlines that lie within `tolerance` of the other, 0 to 1.

    Nikolov et al. (2018), https://arxiv.org/abs/1809.04430, with pixels counted instead of outline length. nan if both
    masks are empty, 0 if one is.
    """
    both = np.concatenate([distances.to_predicted, distances.to_true])
    return float(np.mean(both <= tolerance)) if both.size else nan
