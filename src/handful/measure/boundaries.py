"""Are the boundaries where people drew them: ODS, OIS and AP by the protocol of the Berkeley benchmark, BSDS500.

Martin, Fowlkes and Malik, PAMI 2004; Arbelaez, Maire, Fowlkes and Malik, PAMI 2011. A predicted pixel is right where
it can be paired with a drawn one not further away than 0.0075 of the image's diagonal, each pixel in one pair only.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import hypot
from typing import Any

import numpy as np
from numpy.typing import NDArray

from handful.errors import DataError
from handful.measure.overlap import ratio

THRESHOLDS = tuple(round(0.01 * step, 2) for step in range(1, 100))
TOLERANCE = 0.0075  # of the diagonal: 4.3 pixels of 481x321

BoolArray = NDArray[np.bool_]
IntArray = NDArray[np.int64]
FloatArray = NDArray[np.float64]


@dataclass(frozen=True)
class BoundaryCounts:
    """Boundary pixels of one image, of which the `true` ones are counted for every person who drew.

    `found` (thresholds,) true pixels that are paired, of `true` in all; `right` (thresholds,) predicted pixels that
    are paired with those of at least one person, of `predicted` (thresholds,).
    """

    thresholds: tuple[float, ...]
    found: IntArray
    true: int
    right: IntArray
    predicted: IntArray

    def row(self) -> IntArray:
        """All counts in a row (3 * thresholds + 1,), so that rows of images can be added: see `split_row`."""
        return np.concatenate([self.found, self.right, self.predicted, [self.true]])


def count_boundaries(
    true: NDArray[Any],
    predicted: NDArray[Any],
    *,
    thresholds: Sequence[float] = THRESHOLDS,
    tolerance: float = TOLERANCE,
    name: str = "boundaries",
) -> BoundaryCounts:
    """Compare predicted boundaries of one image with those that people drew, at every threshold.

    Parameters
    ----------
    true : (people, H, W) or (H, W), not 0 on thin boundaries.
    predicted : (H, W) strength in 0 to 1, thin (see `handful.measure.ridges.thin_ridges`); a bool array is 1 and 0.
    thresholds : rising; a pixel is predicted from its threshold on (>=).
    tolerance : the longest distance of a pair, as a share of the image's diagonal.

    How it works
    ------------
    1. For each person, every predicted pixel that passes the lowest threshold may be paired with every drawn one
       within the tolerance.
    2. One assignment serves all thresholds. A set of predicted pixels that can be paired all at once is independent in
       a matroid (the transversal one), so the heaviest such set, each pixel as heavy as the thresholds it passes, has
       as many pixels above every single threshold as any assignment made for that threshold alone could have. Among
       those the one of the shortest distances is taken. That is a minimum-cost assignment in which each predicted pixel
       may also stay alone, at the price of its weight.
    3. Recall counts the drawn pixels that are paired, over all people. Precision counts a predicted pixel once, as
       right if it is paired with a pixel of anyone.

    Where the official code differs: it thins again at each threshold (thin maps need none), and assigns at each
    threshold anew, so that pairs may change partners between thresholds. How many pixels are paired with those of each
    person is the same; precision comes out .002 to .006 lower (BSDS500 val), since here the strongest pixels are paired
    with everyone.

    Raises DataError for shapes that differ, strengths outside of 0 to 1 and thresholds that do not rise.
    """
    true, predicted = _check(np.asarray(true), np.asarray(predicted), name)
    cuts = np.asarray(thresholds, np.float64)
    if cuts.ndim != 1 or not cuts.size or not (np.diff(cuts) > 0).all() or cuts[0] <= 0:
        raise DataError(f"{name}: thresholds must be numbers above 0 that rise.")
    longest = tolerance * hypot(*predicted.shape)
    places = np.argwhere(predicted >= cuts[0])
    # How many thresholds each predicted pixel passes, at least 1. float32 0.3 is a little above 0.3, 0.7 below.
    strength = predicted[tuple(places.T)]
    passed = np.searchsorted(cuts.astype(strength.dtype), strength, side="right")
    found = np.zeros(len(cuts), np.int64)
    right = np.zeros(len(places), np.bool_)
    for one in true:
        paired = pair_off(places, np.argwhere(one), passed, longest)
        found += _reaching(passed[paired], len(cuts))
        right |= paired
    return BoundaryCounts(
        tuple(thresholds),
        found,
        int(np.count_nonzero(true)),
        _reaching(passed[right], len(cuts)),
        _reaching(passed, len(cuts)),
    )


def _check(true: NDArray[Any], predicted: NDArray[Any], name: str) -> tuple[NDArray[Any], NDArray[Any]]:
    true = true[None] if true.ndim == 2 else true
    if true.ndim != 3 or not len(true) or predicted.shape != true.shape[1:]:
        raise DataError(
            f"{name}: predicted boundaries have shape {predicted.shape}, true ones {true.shape}; expected (H, W) and "
            "(people, H, W)."
        )
    if predicted.dtype.kind != "f":
        predicted = predicted.astype(np.float64)
    if predicted.size and not (predicted.min() >= 0 and predicted.max() <= 1):  # a not-a-number fails too
        raise DataError(f"{name}: predicted boundaries hold values outside of 0 to 1, which a strength may not have.")
    return true != 0, predicted


def _reaching(passed: IntArray, thresholds: int) -> IntArray:
    """(thresholds,): how many of the pixels pass each threshold, given how many thresholds each passes."""
    histogram = np.bincount(passed, minlength=thresholds + 1)
    return np.cumsum(histogram[::-1])[::-1][1:].astype(np.int64)


def pair_off(predicted: IntArray, true: IntArray, weight: IntArray, longest: float) -> BoolArray:
    """Which predicted pixels (n, 2) are paired with one of the true pixels (m, 2), one to one, (n,) bool.

    No pair is longer than `longest`; the total weight (n,), whole numbers from 1, is as large as can be, and the total
    length as short as that allows.
    """
    from scipy.sparse import csr_array
    from scipy.sparse.csgraph import min_weight_full_bipartite_matching
    from scipy.spatial import KDTree

    paired = np.zeros(len(predicted), np.bool_)
    if not len(predicted) or not len(true):
        return paired
    near = KDTree(predicted).sparse_distance_matrix(KDTree(true), longest, output_type="ndarray")
    reached, rows = np.unique(near["i"], return_inverse=True)  # pixels far from all others stay alone
    n, m = len(reached), len(true)
    if not n:
        return paired
    # All lengths together stay below 1, the least that any weight can differ by; 1 more everywhere, since a cost of 0
    # would be no cell of a sparse matrix.
    lengths = near["v"] / max(longest, 1e-12) / (2 * (n + 1))
    alone = np.arange(n)
    costs = np.concatenate([1 + lengths, 1.0 + weight[reached]])
    cells = np.concatenate([rows, alone]), np.concatenate([near["j"], m + alone])
    chosen_rows, chosen = min_weight_full_bipartite_matching(csr_array((costs, cells), shape=(n, m + n)))
    paired[reached[chosen_rows[chosen < m]]] = True
    return paired


def split_row(sums: NDArray[Any]) -> tuple[FloatArray, FloatArray]:
    """Recall and precision (..., thresholds) of rows of counts or their sums; nan where there is nothing to count."""
    size = (sums.shape[-1] - 1) // 3
    found, right, predicted = sums[..., :size], sums[..., size : 2 * size], sums[..., 2 * size : 3 * size]
    return ratio(found, sums[..., -1:]), ratio(right, predicted)


def f_measure(recall: NDArray[Any], precision: NDArray[Any]) -> FloatArray:
    """Harmonic mean; 0 where nothing is predicted or nothing right, nan where there is no true boundary."""
    precision = np.nan_to_num(precision)
    return np.where(np.isnan(recall), np.nan, np.nan_to_num(ratio(2 * recall * precision, recall + precision)))


def optimal_dataset_scale(sums: NDArray[Any]) -> FloatArray:
    """ODS (...): the best F that one threshold for all images reaches, of summed rows (..., 3 * thresholds + 1).

    The official code also looks between thresholds, where recall and precision are interpolated.
    """
    best: FloatArray = f_measure(*split_row(sums)).max(axis=-1)
    return best


def best_threshold(sums: NDArray[Any], thresholds: Sequence[float] = THRESHOLDS) -> float:
    """The threshold of the ODS; the lowest where several do as well."""
    return float(thresholds[int(np.argmax(np.nan_to_num(f_measure(*split_row(np.asarray(sums))))))])


def at_own_threshold(rows: NDArray[Any]) -> IntArray:
    """Counts (images, 4) of found, right, predicted and true pixels, each image at the threshold of its best F.

    The F of their sums is the OIS. Of thresholds that do as well the highest is taken, as officially: an image where
    nothing is right at any threshold adds as few wrong pixels as it can.
    """
    rows = np.asarray(rows)
    size = (rows.shape[-1] - 1) // 3
    f = np.nan_to_num(f_measure(*split_row(rows)))
    best = size - 1 - np.argmax(f[..., ::-1], axis=-1)
    image = np.arange(len(rows))
    columns = [rows[image, best + part * size] for part in range(3)]
    return np.stack([*columns, rows[:, -1]], axis=1)


def average_precision(sums: NDArray[Any]) -> FloatArray:
    """AP (...): the area under precision against recall, of summed rows (..., 3 * thresholds + 1).

    Precision is interpolated at recalls 0, .01 to 1 and counts as 0 where no threshold reaches (as officially).
    """
    recall, precision = split_row(np.asarray(sums))
    areas = [_area(r, p) for r, p in zip(np.atleast_2d(recall), np.atleast_2d(precision), strict=True)]
    return np.array(areas).reshape(recall.shape[:-1])


def _area(recall: FloatArray, precision: FloatArray) -> float:
    if np.isnan(recall).any():
        return float("nan")
    known = ~np.isnan(precision)
    if not known.any():
        return 0.0
    levels, first = np.unique(recall[known], return_index=True)
    grid = np.linspace(0, 1, 101)
    return float(np.interp(grid, levels, precision[known][first], left=0.0, right=0.0).sum() * 0.01)
