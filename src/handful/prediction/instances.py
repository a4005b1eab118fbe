"""Separate objects from probabilities: a watershed seeded at the middle of each object.

How it works:
1. The foreground is every pixel whose class in the mask is an object.
2. Height of a foreground pixel = its distance to the background, smoothed. Objects that touch are hills that meet in
   a saddle.
3. The watershed (scikit-image) gives every hill its pixels.
4. A hill is an object of its own if it rises by `h` pixels above the saddle to a higher hill (h-maxima, Soille 1999),
   else it joins that hill; objects smaller than `min_size` are dropped.

Without splitting (a cat is not to fall into head and paws), or where every class is one in its own right (no
background), objects are the connected regions of each class.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from skimage.measure import label
from skimage.morphology import local_maxima
from skimage.segmentation import watershed

from handful.errors import SettingsError
from handful.names import nearest

# A smoothing over more pixels than images have would take all memory for its kernel.
LARGEST = {"min_size": 2**31, "smoothing": 256, "h": 2**16}


@dataclass(frozen=True)
class ObjectSettings:
    """Kept in the model file as `postprocessing`; all in pixels.

    min_size: objects of fewer pixels are dropped. smoothing: standard deviation of the Gaussian over the distances.
    h: how far a hill must rise above its saddle to be an object of its own; larger splits less.
    """

    min_size: int = 10
    # On 90 of the DSB 2018 nuclei images, true masks blurred by a pixel, pooled F1 at IoU .5: this pair .946, plain
    # connected components .851, h = 0.25 .947, h = 1 .936, smoothing 2 .935; smoothing 0.5 .948, but real masks are
    # rougher than these.
    smoothing: float = 1.0
    h: float = 0.5

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> ObjectSettings:
        """Settings from a model file or an option; an unknown key or a negative number is a SettingsError."""
        known = [one.name for one in fields(cls)]
        for key, value in values.items():
            if key not in known:
                raise SettingsError(f"object setting {key!r} does not exist.{nearest(key, known)}")
            if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value <= LARGEST[key]:
                raise SettingsError(
                    f"object setting {key} is {value!r}, expected a number of pixels from 0 to {LARGEST[key]}."
                )
        return cls(**values)


@dataclass(frozen=True)
class Objects:
    """Objects of one image: labels int32 (H, W), 0 none, 1 to n; of object k, classes[k - 1] and confidence[k - 1].

    confidence: mean probability of the object's class over its pixels, 0 to 1.
    """

    labels: NDArray[np.int32]
    classes: NDArray[np.int64]
    confidence: NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.classes)


def find_objects(
    mask: NDArray[np.uint8],
    probabilities: NDArray[np.float32],
    background: int | None,
    settings: ObjectSettings | None = None,
    *,
    split: bool = True,
) -> Objects:
    """Objects of a mask (H, W) with its probabilities (classes, H, W), numbered from the top down.

    split: part objects that touch, whatever their classes; an object's class is then the one with the highest mean
    probability over it, the background left aside.
    """
    settings = settings or ObjectSettings()
    if split and background is not None:
        regions = _split(mask != background, settings)
    else:
        regions = label(mask.astype(np.int32), background=-1 if background is None else background, connectivity=2)
    labels = _keep(regions, settings.min_size)
    count = int(labels.max(initial=0))
    if count == 0:
        return Objects(labels, np.zeros(0, np.int64), np.zeros(0))
    index = np.arange(1, count + 1)
    means = np.stack([ndimage.mean(plane, labels, index) for plane in probabilities])
    if split and background is not None:
        ranked = means.copy()
        ranked[background] = -1
        classes = ranked.argmax(axis=0)
    else:
        classes = ndimage.maximum(mask, labels, index).astype(np.int64)
    return Objects(labels, classes, means[classes, np.arange(count)])


def _split(foreground: NDArray[np.bool_], settings: ObjectSettings) -> NDArray[np.int32]:
    if foreground.all():  # no background to measure a distance to
        return np.ones(foreground.shape, np.int32)
    # The border of the image is no background: an object cut by it has its hill at the border.
    height = ndimage.distance_transform_edt(foreground)
    if settings.smoothing:
        height = np.where(foreground, ndimage.gaussian_filter(height, settings.smoothing), 0.0)
    tops = label(local_maxima(height) & foreground, connectivity=2)
    hills: NDArray[np.int32] = watershed(-height, tops, mask=foreground).astype(np.int32)
    return _join_low_hills(hills, height, settings.h)


def _join_low_hills(hills: NDArray[np.int32], height: NDArray[np.float64], h: float) -> NDArray[np.int32]:
    """Hills whose top rises less than h above the saddle to a higher neighbour become part of that neighbour.

    The same tops survive as in the h-maxima transform, whose usual way, a reconstruction, sorts every pixel twice and
    takes three times as long: here only the saddles, few against the pixels, are sorted, from the highest down.
    """
    peaks = ndimage.maximum(height, hills, np.arange(hills.max() + 1))
    pairs, saddles = _saddles(hills, height)
    root = list(range(len(peaks)))

    def find(hill: int) -> int:
        while root[hill] != hill:
            root[hill] = root[root[hill]]
            hill = root[hill]
        return hill

    for index in np.lexsort((pairs[:, 1], pairs[:, 0], -saddles)):
        low, high = sorted((find(pairs[index, 0]), find(pairs[index, 1])), key=lambda hill: (peaks[hill], -hill))
        if low != high and peaks[low] - saddles[index] < h:
            root[low] = high
    joined: NDArray[np.int32] = np.array([find(hill) for hill in range(len(root))], np.int32)[hills]
    return joined


def _saddles(hills: NDArray[np.int32], height: NDArray[np.float64]) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Pairs (n, 2) of hills that touch, the smaller number first, and the height (n,) of the highest pass between."""
    first, second, passes = [], [], []
    # Each pixel against its neighbour to the right, below, and below on either side.
    ahead, behind, whole = slice(1, None), slice(None, -1), slice(None)
    for here, there in (
        ((whole, behind), (whole, ahead)),
        ((behind, whole), (ahead, whole)),
        ((behind, behind), (ahead, ahead)),
        ((behind, ahead), (ahead, behind)),
    ):
        a, b = hills[here], hills[there]
        touch = (a != b) & (a > 0) & (b > 0)
        first.append(np.minimum(a[touch], b[touch]))
        second.append(np.maximum(a[touch], b[touch]))
        passes.append(np.minimum(height[here][touch], height[there][touch]))
    keys = np.column_stack([np.concatenate(first), np.concatenate(second)]).astype(np.int64)
    pairs, which = np.unique(keys, axis=0, return_inverse=True)
    saddles = np.full(len(pairs), -np.inf)
    np.maximum.at(saddles, which.ravel(), np.concatenate(passes))
    return pairs, saddles


def _keep(regions: NDArray[Any], min_size: float) -> NDArray[np.int32]:
    """Regions of at least min_size pixels, renumbered 1 to n in the order of their first pixel."""
    sizes = np.bincount(regions.ravel())
    kept = np.where((sizes < min_size)[regions], 0, regions)
    numbers, first = np.unique(kept, return_index=True)
    table = np.zeros(len(sizes), np.int32)
    objects = numbers > 0
    table[numbers[objects][np.argsort(first[objects])]] = np.arange(1, objects.sum() + 1)
    labels: NDArray[np.int32] = table[kept]
    return labels
