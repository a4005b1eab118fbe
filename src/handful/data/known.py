"""Images that a model has seen, told by small pictures of them: copies saved anew, brightened, cropped or mirrored.

A hash of the pixels finds the very image. A copy that went through JPEG, a phone or a crop has another hash, and a
score on it is no test score either.
"""

from __future__ import annotations

from base64 import b64decode, b64encode
from collections.abc import Iterator, Mapping
from functools import lru_cache
from itertools import product

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import uniform_filter

SIDE = 32  # pixels: a kilobyte an image, and too little to recognise a face by
COARSE = 16
CROPS = 0.0, 0.05, 0.1  # of a side, cut off at each of the four sides
LOOKED_AT = 3  # best matches of an image that are aligned finely
AT_ONCE = 4_000_000  # pairs of a picture and a window that are compared in one product: 128 MB
WORTH_A_LOOK = 0.75  # real crops of up to 10 % reach .85 and more
# Measured on membrane, nuclei, cats and camvid: of 1170 copies (JPEG at 30, half size, brightness, gamma, mirrored,
# turned, cut by up to 10 % on every side, and three of these at once) 1169 are found. Other images reach .70 and .58 at
# most, but for frames of a video whose camera stands still (.98, .88).
WHOLE, DETAIL = 0.88, 0.8

FloatArray = NDArray[np.float32]
Window = tuple[float, float, float, float]  # top, bottom, left, right as shares of the sides


def small(thumbnail: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """A thumbnail of any square size, averaged to SIDE x SIDE."""
    rows = _boxes(0.0, 1.0, thumbnail.shape[0], SIDE)
    averaged: NDArray[np.uint8] = np.rint(rows @ thumbnail.astype(np.float32) @ rows.T).astype(np.uint8)
    return averaged


def write_known(thumbnails: Mapping[str, NDArray[np.uint8]]) -> dict[str, str]:
    """Thumbnails by name as text, for a model file."""
    return {name: b64encode(small(picture).tobytes()).decode() for name, picture in thumbnails.items()}


def read_known(texts: Mapping[str, str]) -> dict[str, NDArray[np.uint8]]:
    """Back from `write_known`; what is damaged is left out, since no prediction needs it."""
    found = {}
    for name, text in texts.items():
        try:
            content = b64decode(text, validate=True)
        except (ValueError, TypeError):
            continue
        if len(content) == SIDE * SIDE:
            found[name] = np.frombuffer(content, np.uint8).reshape(SIDE, SIDE)
    return found


def find_known(
    pictures: Mapping[str, NDArray[np.uint8]], known: Mapping[str, NDArray[np.uint8]]
) -> dict[str, tuple[str, float]]:
    """The known image that each picture is a copy of, with their likeness 0 to 1; pictures without one are left out.

    How it works
    ------------
    1. Of every known image 81 crops are made, each side cut by 0, 5 or 10 %, and compared with the picture in its eight
       turns and mirrorings at 16 x 16 pixels. The same with the roles exchanged.
    2. The best few are aligned finely: the window moves until the correlation at 32 x 32 pixels rises no more.
    3. A copy is what then correlates above WHOLE, and above DETAIL when means over 5 x 5 pixels are taken off.
    """
    if not pictures or not known:
        return {}
    names, others = list(pictures), list(known)
    seen, stored = (np.stack([small(one[name]) for name in one]).astype(np.float32) for one in (pictures, known))
    found: dict[str, tuple[str, float]] = {}
    for one, two, likeness in [*_copies(seen, stored), *((b, a, s) for a, b, s in _copies(stored, seen))]:
        if likeness > found.get(names[one], ("", 0.0))[1]:
            found[names[one]] = others[two], likeness
    return found


def _copies(crops: FloatArray, wholes: FloatArray) -> Iterator[tuple[int, int, float]]:
    """Pairs (crop, whole) where a picture of `crops` is a window of one of `wholes`, and how alike they are."""
    windows = [(top, 1 - bottom, left, 1 - right) for top, bottom, left, right in product(CROPS, repeat=4)]
    bank = _unit(np.concatenate([_cut(wholes, window, COARSE) for window in windows]))
    turned = [_turn(crops, turn) for turn in range(8)]
    coarse = np.stack([_unit(_cut(pictures, windows[0], COARSE)) for pictures in turned], axis=1)
    for one, laid in enumerate(_correlations(coarse, bank)):
        likeness = laid.reshape(len(turned), len(windows), len(wholes))
        best = likeness.max(axis=(0, 1))  # of the ways to lay it over each whole
        for two in np.argsort(-best)[:LOOKED_AT]:
            if best[two] < WORTH_A_LOOK:
                break
            turn, window = divmod(int(likeness[:, :, two].argmax()), len(windows))
            whole, detail = _align(turned[turn][one], wholes[two], windows[window])
            if whole > WHOLE and detail > DETAIL:
                yield one, int(two), whole


def _correlations(pictures: FloatArray, bank: FloatArray) -> Iterator[FloatArray]:
    """Of each of `pictures` (n, turns, pixels) with all of the `bank` (m, pixels): (turns, m).

    Several pictures in one product, or it waits for the bank to come from memory.
    """
    _, turns, pixels = pictures.shape
    at_once = max(1, AT_ONCE // len(bank))
    for start in range(0, len(pictures), at_once):
        some = pictures[start : start + at_once].reshape(-1, pixels)
        yield from (some @ bank.T).reshape(-1, turns, len(bank))


def _align(picture: FloatArray, whole: FloatArray, window: Window) -> tuple[float, float]:
    """The correlation, whole and in detail, of a picture with the window of `whole` that fits it best."""

    def likeness(window: Window) -> float:
        both = np.stack([picture, _cut(whole[None], window, SIDE)[0]])
        return float(np.prod(_unit(both), axis=0).sum())

    best, step = likeness(window), max(CROPS) / 4
    while step > 0.004:  # an eighth of a pixel
        moved = False
        for side, sign in product(range(4), (-1, 1)):
            bounds = list(window)
            bounds[side] = min(1.0, max(0.0, bounds[side] + sign * step))
            tried = bounds[0], bounds[1], bounds[2], bounds[3]
            if (score := likeness(tried)) > best:
                best, window, moved = score, tried, True
        step = step if moved else step / 2
    both: FloatArray = np.stack([picture, _cut(whole[None], window, SIDE)[0]])
    smooth: FloatArray = uniform_filter(both, (0, 5, 5), mode="nearest")
    return best, float(np.prod(_unit(both - smooth), axis=0).sum())


def _cut(pictures: FloatArray, window: Window, side: int) -> FloatArray:
    """A window of each picture, averaged to side x side."""
    rows, columns = _boxes(*window[:2], pictures.shape[1], side), _boxes(*window[2:], pictures.shape[2], side)
    cut: FloatArray = np.matmul(rows @ pictures, columns.T, dtype=np.float32)
    return cut


@lru_cache(maxsize=4096)
def _boxes(low: float, high: float, pixels: int, side: int) -> FloatArray:
    """(side, pixels): what each pixel gives to each of `side` equal boxes between two shares of its line."""
    edges = (low + (high - low) * np.arange(side + 1) / side) * pixels
    start, stop = edges[:-1, None], edges[1:, None]
    pixel = np.arange(pixels)[None]
    share = np.clip(np.minimum(stop, pixel + 1) - np.maximum(start, pixel), 0, None)
    boxes: FloatArray = (share / share.sum(axis=1, keepdims=True)).astype(np.float32)
    return boxes


def _unit(pictures: FloatArray) -> FloatArray:
    """Each picture as a vector of mean 0 and length 1 (0 where it is flat), so that a product is a correlation."""
    flat = pictures.reshape(len(pictures), -1)
    flat = flat - flat.mean(axis=1, keepdims=True)
    length = np.linalg.norm(flat, axis=1, keepdims=True)
    unit: FloatArray = np.divide(flat, length, out=np.zeros_like(flat), where=length > 1e-3)
    return unit


def _turn(pictures: FloatArray, turn: int) -> FloatArray:
    """Turn 0 to 3 times by 90 degrees; 4 to 7 mirrored as well."""
    turned = np.rot90(pictures, turn % 4, (1, 2))
    return turned[:, :, ::-1] if turn >= 4 else turned
