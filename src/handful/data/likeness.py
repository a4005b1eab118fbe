"""Which images resemble each other: the same picture twice, and pictures that follow each other.

Both leak from training into test when a split ignores them. Everything is judged on small grey thumbnails.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

SIDE = 64  # pixels of a thumbnail's side
COARSE = 16
# Two thumbnails are the same picture from this correlation on, whole and in detail. Measured on five sets: JPEG at
# quality 30, half size, brighter, gamma and noise stay above .95; different pictures reach .85 at most (two dark nuclei
# images).
TWIN = 0.94


def thumbnail(image: NDArray[Any]) -> NDArray[np.uint8]:
    """A grey picture of SIDE x SIDE pixels, means of boxes, spread from the image's darkest to its brightest value."""
    from PIL import Image

    grey = image[:, :, 0] if image.shape[2] < 3 else image[:, :, :3].mean(axis=2, dtype=np.float32)
    small = Image.fromarray(np.ascontiguousarray(grey, np.float32)).resize((SIDE, SIDE), Image.Resampling.BOX)
    values = np.asarray(small)
    low, high = float(values.min()), float(values.max())
    return np.rint((values - low) * (255.0 / (high - low) if high > low else 0.0)).astype(np.uint8)


def _rows(thumbnails: NDArray[np.float32]) -> NDArray[np.float32]:
    """Each thumbnail as a vector of mean 0 and length 1 (0 where it is flat), so that a product is a correlation."""
    flat = thumbnails.reshape(len(thumbnails), -1)
    flat = flat - flat.mean(axis=1, keepdims=True)
    length = np.linalg.norm(flat, axis=1, keepdims=True)
    result: NDArray[np.float32] = np.divide(flat, length, out=np.zeros_like(flat), where=length > 1e-3)
    return result


def _detail(thumbnails: NDArray[np.float32]) -> NDArray[np.float32]:
    """What is left when means over 9 x 9 pixels are taken off: shading that many images share is no likeness."""
    from scipy.ndimage import uniform_filter

    smooth: NDArray[np.float32] = uniform_filter(thumbnails, (0, 9, 9), mode="nearest")
    return thumbnails - smooth


def _turned(thumbnails: NDArray[np.float32]) -> list[NDArray[np.float32]]:
    """The eight ways to turn and mirror."""
    turns = [np.rot90(thumbnails, k, (1, 2)) for k in range(4)]
    return turns + [turn[:, :, ::-1] for turn in turns]


def find_twins(contents: Mapping[str, str], thumbnails: Mapping[str, NDArray[np.uint8]]) -> list[tuple[str, ...]]:
    """Groups of names whose pictures are equal or nearly so (also turned or mirrored), each sorted, in order.

    `contents`: a hash of the pixels by name. Nearly: thumbnails, whole and in detail, correlate above TWIN.
    """
    names = sorted(contents)
    leader = {name: name for name in names}

    def lead(name: str) -> str:
        while leader[name] != name:
            name = leader[name]
        return name

    first: dict[str, str] = {}
    for name in names:
        leader[lead(name)] = lead(first.setdefault(contents[name], name))
    for one, two in _alike([name for name in names if name in thumbnails], thumbnails):
        leader[lead(two)] = lead(one)
    groups: dict[str, list[str]] = {}
    for name in names:
        groups.setdefault(lead(name), []).append(name)
    return sorted(tuple(group) for group in groups.values() if len(group) > 1)


def _alike(names: Sequence[str], thumbnails: Mapping[str, NDArray[np.uint8]]) -> list[tuple[str, str]]:
    if len(names) < 2:
        return []
    fine = np.stack([thumbnails[name] for name in names]).astype(np.float32)
    coarse = fine.reshape(len(names), COARSE, SIDE // COARSE, COARSE, SIDE // COARSE).mean(axis=(2, 4))
    found = set()
    plain = _rows(coarse)
    for turn, turned in enumerate(_turned(coarse)):
        rows = _rows(turned)
        for start in range(0, len(names), 1024):
            likeness = plain[start : start + 1024] @ rows.T
            for one, two in np.argwhere(likeness > TWIN):
                if one + start < two:
                    found.add((int(one + start), int(two), turn))
    if not found:
        return []
    # Verified pair by pair on what is fine: cheap, since few survive the coarse look.
    pairs = []
    for one, two, turn in sorted(found):
        both = np.stack([fine[one], _turned(fine[two : two + 1])[turn][0]])
        whole, detail = _rows(both), _rows(_detail(both))
        if float(whole[0] @ whole[1]) > TWIN and float(detail[0] @ detail[1]) > TWIN:
            pairs.append((names[one], names[two]))
    return pairs


def in_sequence(names: Sequence[str], thumbnails: Mapping[str, NDArray[np.uint8]]) -> list[tuple[str, ...]]:
    """Runs of images that follow each other (slices, video frames): numbered names whose neighbours are markedly more
    alike than images far apart. `names` in natural order; every run has at least 6 images.

    Measured, median correlation of neighbours and of images far apart: membrane slices .56 and .03, four driving videos
    .71 to .96 and .58 to .79; numbered photographs that do not follow each other .12 and .04 at most.
    """
    series: dict[str, list[str]] = {}
    for name in names:
        digits = re.findall(r"\d+", name)
        if digits and name in thumbnails:
            key = re.sub(r"\d+(?=\D*$)", "#", name)
            series.setdefault(key, []).append(name)
    return [tuple(members) for members in series.values() if len(members) >= 6 and _follows(members, thumbnails)]


def _correlations(names: Sequence[str], thumbnails: Mapping[str, NDArray[np.uint8]]) -> NDArray[np.float32]:
    small = np.stack([thumbnails[name] for name in names]).astype(np.float32)
    rows = _rows(small.reshape(len(names), 32, SIDE // 32, 32, SIDE // 32).mean(axis=(2, 4)))
    return rows @ rows.T


def neighbour_likeness(names: Sequence[str], thumbnails: Mapping[str, NDArray[np.uint8]]) -> tuple[float, float]:
    """(median correlation of neighbours, median correlation of images at least a third of the series apart)."""
    likeness = _correlations(names, thumbnails)
    near = np.diagonal(likeness, 1)
    far = likeness[np.triu_indices(len(names), max(2, len(names) // 3))]
    return float(np.median(near)), float(np.median(far))


def _follows(names: Sequence[str], thumbnails: Mapping[str, NDArray[np.uint8]]) -> bool:
    near, far = neighbour_likeness(names, thumbnails)
    if near - far < 0.05 or (1 - near) > 0.85 * (1 - far):
        return False
    # Few images may be in such an order by chance: 99 of 100 shuffles must give neighbours that are less alike.
    likeness = _correlations(names, thumbnails)
    shuffle = np.random.default_rng(0)
    orders = [shuffle.permutation(len(names)) for _ in range(200)]
    shuffled = [float(likeness[order[:-1], order[1:]].mean()) for order in orders]
    return float(np.diagonal(likeness, 1).mean()) > float(np.quantile(shuffled, 0.99))
