"""Are pixels grouped into the right cells: Rand and information scores of a segmentation, as for the ISBI challenges.

They ask whether two pixels lie in one segment or in two, so a thin gap in a membrane, which costs no accuracy, costs
what it should: two cells are merged.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import nan
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from handful.measure.contingency import count_shared

Boundary = Literal["singletons", "segment"]


@dataclass(frozen=True)
class GroupingScore:
    """Scores of one image, 0 to 1 (1 is best) but for the two `voi`, in bits, 0 best.

    `*_split` falls where true segments are broken up, `*_merge` where different ones are joined, `*_f` is their
    harmonic mean. `adapted_rand_error` is 1 - `rand_f`. All are nan where no pixel has a true segment.
    """

    rand_split: float
    rand_merge: float
    rand_f: float
    information_split: float
    information_merge: float
    information_f: float
    voi_split: float
    voi_merge: float

    @property
    def adapted_rand_error(self) -> float:
        """1 - V^Rand F-score."""
        return 1 - self.rand_f


def score_grouping(
    true: NDArray[Any],
    predicted: NDArray[Any],
    *,
    boundary: Boundary = "singletons",
    ignore: NDArray[np.bool_] | None = None,
) -> GroupingScore:
    """V^Rand and V^Info of Arganda-Carreras et al. (2015), https://doi.org/10.3389/fnana.2015.00142, one image.

    Parameters
    ----------
    true, predicted : (H, W) labels, 0 on boundaries. `label_regions` makes them of a mask.
    boundary : what predicted 0 means inside a true segment. "singletons": each such pixel is a segment of its own,
        as in the challenge's script; "segment": they are one segment, as in scikit-image's `adapted_rand_error`.
    ignore : True where a pixel is left out.

    Notes
    -----
    Restricted to the foreground: pixels whose true label is 0 do not count, so that the width of the drawn boundary
    does not matter. With p_ij the share of pixels in predicted segment i and true segment j, s_i and t_j its sums:
    V^Rand split = sum p_ij^2 / sum t_j^2, merge = sum p_ij^2 / sum s_i^2, F = 2 sum p_ij^2 / (sum s_i^2 + sum t_j^2);
    V^Info split = I(S;T) / H(S), merge = I(S;T) / H(T), F = 2 I(S;T) / (H(S) + H(T)). Where an entropy is 0 (one
    segment) nothing can be broken or joined on that side: its ratio is 1.
    """
    shared = count_shared(true, predicted, ignore=ignore)
    inside = shared.true > 0
    pixels = shared.pixels[inside].astype(np.float64)
    total = pixels.sum()
    if total == 0:
        return GroupingScore(*[nan] * 8)
    rows = np.unique(shared.predicted[inside], return_inverse=True)[1]
    columns = np.unique(shared.true[inside], return_inverse=True)[1]
    true_sizes = np.bincount(columns, pixels).astype(np.float64)
    alone = pixels[shared.predicted[inside] == 0].sum() if boundary == "singletons" else 0.0
    if alone:
        grouped = shared.predicted[inside] > 0
        pixels = pixels[grouped]
        rows = rows[grouped]
    predicted_sizes = np.bincount(rows, pixels).astype(np.float64)
    # `alone` segments of one pixel each add alone * 1^2 to sums of squares and alone * log2(total) / total bits.
    both = _squares(pixels, alone, total)
    true_squares, predicted_squares = _squares(true_sizes, 0.0, total), _squares(predicted_sizes, alone, total)
    h_both = _entropy(pixels, alone, total)
    h_true, h_predicted = _entropy(true_sizes, 0.0, total), _entropy(predicted_sizes, alone, total)
    information = max(0.0, h_true + h_predicted - h_both)
    return GroupingScore(
        rand_split=both / true_squares,
        rand_merge=both / predicted_squares,
        rand_f=2 * both / (true_squares + predicted_squares),
        information_split=_share(information, h_predicted),
        information_merge=_share(information, h_true),
        information_f=_share(2 * information, h_predicted + h_true),
        voi_split=max(0.0, h_both - h_true),
        voi_merge=max(0.0, h_both - h_predicted),
    )


def label_regions(mask: NDArray[np.bool_]) -> NDArray[np.int32]:
    """Labels of the connected regions of a mask (H, W), neighbours by edge; 0 elsewhere.

    By edge and not by corner: a membrane one pixel wide that runs diagonally still parts two cells.
    """
    from scipy import ndimage

    labels: NDArray[np.int32] = ndimage.label(mask)[0].astype(np.int32)
    return labels


def _squares(sizes: NDArray[np.float64], alone: float, total: float) -> float:
    return float((np.sum(sizes**2) + alone) / total**2)


def _entropy(sizes: NDArray[np.float64], alone: float, total: float) -> float:
    """In bits, of segments of these sizes and `alone` more of one pixel."""
    shares = sizes[sizes > 0] / total
    return float(-np.sum(shares * np.log2(shares)) + alone / total * np.log2(total))


def _share(part: float, whole: float) -> float:
    return min(1.0, part / whole) if whole > 1e-12 else 1.0
