"""Gaps in lines that part an image into regions, membranes for example, bridged along the crest of what is left there.

A gap of a few pixels costs no accuracy and joins two cells. Where a line is too weak for the threshold its probability
still has a crest: what reaches a second, lower threshold is thinned to lines (Guo and Hall 1989), and these count as
well. Regions parted at the lower threshold stay parted, for lines one pixel wide. The two thresholds are those of
Canny (1986), whose lines are followed as far as they go; here the thinning ends after ROUNDS, so that what becomes of a
pixel rests on pixels within REACH and any window of a large image says what the whole image says.
"""

from __future__ import annotations

import time
from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from handful.data.mask import VOID
from handful.data.region import middle_window
from handful.measure.lines import DEEPEST
from handful.measure.overlap import count_overlap, dice
from handful.measure.rand import label_regions, score_grouping
from handful.names import plural
from handful.prediction.parting import LEAST_IMAGES, SIDE, choose, scale_odds

ROUNDS = DEEPEST  # lines are thinned to one pixel; what is thicker still is no line
REACH = 2 * ROUNDS + 2
# Odds of the lower threshold as a share of the odds of the upper. V^Rand of the mask of six membrane nets on 4 unseen
# slices each, one of 60 s and five of 300 s: .835 .941 .926 .965 .954 .882 as it is, .877 .941 .927 .966 .966 .883 with
# 1/9, .881 .942 .933 .966 .966 .944 with 1/4, .881 .943 .935 .966 .968 .923 with 3/7; Dice falls by .002, .001, .0005.
GENERAL = 1 / 4
SHARES = (1 / 9, GENERAL, 3 / 7)
MOST_DICE = 0.005  # that bridges may cost


def bridge_gaps(mask: NDArray[np.bool_], probability: NDArray[np.float32], least: float) -> NDArray[np.bool_]:
    """A mask (H, W) of lines and the crest lines on which its probability (H, W) reaches `least`."""
    from scipy import ndimage
    from skimage.morphology import thin

    # Thinned, a line that reaches the edge of the image would end before it.
    wide = np.pad(probability >= least, ROUNDS, mode="edge")
    lines = thin(wide, max_num_iter=ROUNDS)
    lines &= ~ndimage.binary_opening(lines, np.ones((3, 3)))
    bridged: NDArray[np.bool_] = mask | lines[ROUNDS:-ROUNDS, ROUNDS:-ROUNDS]
    return bridged


def fit_bridge(
    cases: Iterable[tuple[NDArray[np.float32], NDArray[np.uint8]]],
    kind: int,
    threshold: float,
    *,
    until: float | None = None,
) -> tuple[float | None, str]:
    """The lower threshold for lines of class `kind`, None for no bridges, and in words what it rests on.

    cases: of images held back, the probability of the class (H, W) and the true mask (H, W). The general one stays with
    fewer than 2 images, and where neither another nor none has a better mean V^Rand beyond luck; one that costs more
    than MOST_DICE of the Dice score is out.
    """
    least = [None, *(scale_odds(threshold, share) for share in SHARES)]
    usual = 1 + SHARES.index(GENERAL)
    rows: list[NDArray[np.float64]] = []
    for probability, true in cases:
        if until is not None and time.monotonic() > until:
            break
        window = middle_window(true.shape, SIDE)
        cells = label_regions((true[window] != kind) & (true[window] != VOID))
        if not cells.any():
            continue
        above = probability[window] > threshold
        masks = (above if one is None else bridge_gaps(above, probability[window], one) for one in least)
        rows.append(np.array([_score(mask, true[window], kind, cells) for mask in masks]))
    images = f"{plural(len(rows), 'image')} held back"
    if len(rows) < LEAST_IMAGES:
        return least[usual], f"gaps bridged by a general threshold: {images}, {LEAST_IMAGES} are needed to fit another"
    rand, overlap = np.moveaxis(np.array(rows), -1, 0)
    dear = overlap.mean(axis=0) < overlap[:, 0].mean() - MOST_DICE
    if dear[usual]:
        usual = 0
    best = choose(np.where(dear, -1.0, rand - rand[:, [usual]]))
    chosen = usual if best is None else best
    words = f"V^Rand {rand[:, chosen].mean():.3f} with, {rand[:, 0].mean():.3f} without, on {images}"
    if least[chosen] is None:
        return None, f"gaps left as they are: bridges do not help on {images}"
    return least[chosen], f"gaps bridged, {words}"


def _score(
    lines: NDArray[np.bool_], true: NDArray[np.uint8], kind: int, cells: NDArray[np.int32]
) -> tuple[float, float]:
    """V^Rand of the regions between the lines, truly `cells`, and Dice of class `kind`, 1 where it is in neither."""
    rand = score_grouping(cells, label_regions(~lines), ignore=true == VOID).rand_f
    tp, fp, fn, _ = count_overlap(true, np.where(lines, kind, 1 - kind).astype(np.uint8), 2)
    return rand, float(np.nan_to_num(dice(tp, fp, fn)[kind], nan=1.0))
