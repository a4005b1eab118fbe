"""A pair decoded: image and mask as arrays of one size."""

from __future__ import annotations

import copy
import os
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from math import prod
from typing import TYPE_CHECKING, Any, overload

import numpy as np
from numpy.typing import NDArray

from handful.data.channels import match_channels
from handful.data.decode import quiet
from handful.data.image import read_image
from handful.data.mask import MaskReading, read_mask
from handful.data.pairs import Pair
from handful.data.region import Region, spread_out
from handful.errors import DataError

if TYPE_CHECKING:
    from handful.data.audit import Audit

READY = 1_000_000_000  # bytes that images may take to be decoded once and kept: 400 of 512x512 in grey, 200 in colour
LEAST_READY = 64  # images of which so many would fit are decoded on demand; larger ones would keep a step waiting
LOOKED_AT = 48  # of images on demand for the plan: enough for medians and for whether up matters


@dataclass(frozen=True)
class Sample:
    """image (C, H, W) in the file's own type; mask uint8 (H, W), 255 void; labels int32 (H, W) or None."""

    name: str
    image: NDArray[Any]
    mask: NDArray[np.uint8]
    labels: NDArray[np.int32] | None


def read_sample(pair: Pair, reading: MaskReading, channels: int) -> Sample:
    """Decode one pair. Raises DataError when a file cannot be read or the sizes differ."""
    where = str(pair.image)
    image = match_channels(read_image(pair.image), channels, where)
    mask = read_mask(pair, reading)
    if image.shape[:2] != mask.classes.shape:
        raise DataError(size_mismatch(where, image.shape[:2], pair.masks[0].path.name, mask.classes.shape))
    return Sample(pair.name, np.ascontiguousarray(image.transpose(2, 0, 1)), mask.classes, mask.labels)


def size_mismatch(where: str, image: Sequence[int], mask_name: str, mask: Sequence[int]) -> str:
    """The message for an image and a mask of different size, with what is likely to have gone wrong."""
    text = (
        f"{where}: is {image[1]}x{image[0]} but its mask {mask_name} is {mask[1]}x{mask[0]}; width and "
        "height must agree."
    )
    if (image[1], image[0]) == (mask[0], mask[1]):
        return (
            f"{text} One of them is turned by 90 degrees: turn it back (photographs are read upright, as "
            "their EXIF tag says)."
        )
    return f"{text} Save the mask again at the size of the image, without smoothing."


def read_samples(audit: Audit, regions: Iterable[Region], threads: int | None = None) -> list[Sample]:
    """The samples of these regions in their order, each file decoded once, in threads.

    A region that is part of an image gives that part; labels keep their numbers. Raises DataError as read_sample does.
    """
    wanted = list(regions)
    pairs = pairs_of(audit, wanted)
    names = list(pairs)
    with quiet(), ThreadPoolExecutor(threads or min(8, os.cpu_count() or 1)) as pool:
        samples = dict(
            zip(
                names,
                pool.map(lambda name: read_sample(pairs[name], audit.reading, audit.channels), names),
                strict=True,
            )
        )
    return [cut(samples[region.name], region) for region in wanted]


def pairs_of(audit: Audit, regions: Iterable[Region]) -> dict[str, Pair]:
    """The pairs that regions are parts of, by name. Raises DataError for one that is not among those of the audit."""
    pairs = {pair.name: pair for pair in audit.pairs}
    names = list(dict.fromkeys(region.name for region in regions))
    for name in names:
        if name not in pairs:
            raise DataError(f"{name}: is not among the usable pairs of {audit.root}.")
    return {name: pairs[name] for name in names}


class SamplesOnDemand(Sequence[Sample]):
    """The samples of regions, each decoded anew whenever it is asked for, by number or one after the other.

    `shapes`: (H, W) of each; `classes`: the class numbers that its image holds (the region may hold fewer). A slice is
    such a sequence too. Raises DataError as read_samples does.
    """

    def __init__(self, audit: Audit, regions: Iterable[Region]) -> None:
        self.regions = tuple(regions)
        self.pairs, self.reading, self.channels = pairs_of(audit, self.regions), audit.reading, audit.channels
        self.classes = [
            tuple(number for number, pixels in enumerate(audit.facts[one.name].class_pixels) if pixels)
            for one in self.regions
        ]

    @property
    def shapes(self) -> list[tuple[int, int]]:
        return [one.shape for one in self.regions]

    def __len__(self) -> int:
        return len(self.regions)

    @overload
    def __getitem__(self, index: int) -> Sample: ...
    @overload
    def __getitem__(self, index: slice) -> SamplesOnDemand: ...
    def __getitem__(self, index: int | slice) -> Sample | SamplesOnDemand:
        if isinstance(index, slice):
            some = copy.copy(self)
            some.regions, some.classes = self.regions[index], self.classes[index]
            return some
        region = self.regions[index]
        return cut(read_sample(self.pairs[region.name], self.reading, self.channels), region)


def open_samples(audit: Audit, regions: Sequence[Region]) -> Sequence[Sample]:
    """The samples decoded, or where that would take more than READY bytes, on demand.

    Not on demand where the images are so large that each takes long to decode.
    """
    pixels = [prod(one.shape) for one in regions]
    needed = sum(pixels) * bytes_a_pixel(audit)
    if needed > READY and max(pixels) * bytes_a_pixel(audit) < READY / LEAST_READY:
        return SamplesOnDemand(audit, regions)
    return read_samples(audit, regions)


def bytes_a_pixel(audit: Audit) -> int:
    """That a training keeps of a decoded image: the file's values, classes and labels, and both once more as floats."""
    stored = max(np.dtype(one).itemsize for one in audit.dtypes) * audit.channels
    labels = 4 if audit.reading.instances else 0
    return stored + 1 + labels + 4 * audit.channels + 4


def look_at_some(samples: Sequence[Sample]) -> Sequence[Sample]:
    """Those that a plan is made from: all, or LOOKED_AT of those on demand, spread evenly and decoded."""
    if isinstance(samples, SamplesOnDemand):
        return spread_out(samples, LOOKED_AT)
    return samples


def cut(sample: Sample, region: Region) -> Sample:
    """The part of a sample that a region names."""
    (top, bottom), (left, right) = region.rows, region.columns
    height, width = sample.mask.shape
    if (top, bottom, left, right) == (0, height, 0, width):
        return sample
    if not (0 <= top < bottom <= height and 0 <= left < right <= width):
        raise DataError(
            f"{sample.name}: rows {top}-{bottom}, columns {left}-{right} lie outside its {width}x{height} pixels."
        )
    rows, columns = slice(top, bottom), slice(left, right)
    labels = None if sample.labels is None else np.ascontiguousarray(sample.labels[rows, columns])
    return Sample(
        sample.name,
        np.ascontiguousarray(sample.image[:, rows, columns]),
        np.ascontiguousarray(sample.mask[rows, columns]),
        labels,
    )
