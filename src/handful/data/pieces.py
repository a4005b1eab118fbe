"""How many connected pieces a mask has, in little memory."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

BAND = 1 << 24  # pixels labelled at a time, 8 bytes and more of each


def count_pieces(codes: NDArray[Any]) -> int:
    """The pieces of equal whole numbers other than 0 in (H, W), pixels that touch at a corner connected."""
    from skimage.measure import label

    height, width = codes.shape
    rows = max(1, BAND // max(width, 1))
    total = 0
    seams: list[NDArray[np.int64]] = []
    above: tuple[NDArray[Any], NDArray[Any]] | None = None  # the last row of the band above: codes, numbers of pieces
    for begin in range(0, height, rows):
        band = codes[begin : begin + rows]
        pieces, count = label(band.astype(np.int32, copy=False), background=0, return_num=True, connectivity=2)
        numbers = pieces[[0, -1]].astype(np.int64) + total - 1  # wrong where there is no piece, and not asked there
        if above is not None:
            seams += [_touching(above, (band[0], numbers[0]), shift) for shift in (-1, 0, 1)]
        above = band[-1], numbers[1]
        total += int(count)
    if not seams or not total:
        return total
    from scipy.sparse import coo_array  # .1 s to import, for large masks alone
    from scipy.sparse.csgraph import connected_components

    one, two = np.unique(np.concatenate(seams, axis=1), axis=1)
    graph = coo_array((np.ones(len(one), bool), (one, two)), shape=(total, total))
    return int(connected_components(graph, directed=False, return_labels=False))


def _touching(
    above: tuple[NDArray[Any], NDArray[Any]], below: tuple[NDArray[Any], NDArray[Any]], shift: int
) -> NDArray[np.int64]:
    """Numbers (2, n) of the pieces of two rows that hold the same code, the lower pixel `shift` to the right."""
    width = len(above[0])
    upper = slice(max(-shift, 0), width - max(shift, 0))
    lower = slice(max(shift, 0), width - max(-shift, 0))
    same = (above[0][upper] == below[0][lower]) & (above[0][upper] != 0)
    return np.stack([above[1][upper][same], below[1][lower][same]])
