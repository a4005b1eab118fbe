"""Separate objects from probabilities: a watershed seeded at the middle of each object.

How it works:
1. The foreground is every pixel whose class in the mask is an object.
2. Height of a foreground pixel = its distance to the background, smoothed. Objects that touch are hills that meet in
   a saddle.
3. A hill is an object of its own if it rises by `h` pixels above the saddle to a higher hill (h-maxima, Soille 1999).
4. The watershed (scikit-image) grows the hills over the foreground; objects smaller than `min_size` are dropped.

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
from skimage.morphology import local_maxima, reconstruction
from skimage.segmentation import watershed

from handful.errors import SettingsError
from handful.names import nearest


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
            if isinstance(value, bool) or not isinstance(value, (int, float)) or not value >= 0:
                raise SettingsError(f"object setting {key} is {value!r}, expected a number of pixels from 0.")
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
    # By reconstruction and regional maxima rather than skimage's h_maxima, which is slower on floats.
    lowered = reconstruction(height - max(settings.h, 1e-6), height, method="dilation")
    markers = label(local_maxima(lowered) & foreground, connectivity=2)
    regions: NDArray[np.int32] = watershed(-height, markers, mask=foreground).astype(np.int32)
    # A component that nowhere rises by h has no marker: it is an object all the same.
    lost = label(foreground & (regions == 0), connectivity=1)
    return np.where(lost > 0, lost + regions.max(), regions).astype(np.int32)


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
