"""Image values as a net sees them: the same arithmetic in training and in prediction.

Two kinds, kept in the model file as a small dict:

- ``{"kind": "image", "per_channel": bool}``: every image is standardised by its own centre and scale. Right where
  exposure, staining or bit depth change from image to image (microscopes, drones, phones).
- ``{"kind": "dataset", "per_channel": bool, "mean": [...], "std": [...]}``: the same numbers for every image. Right
  where absolute brightness carries meaning.

The statistics of an image are measured apart from being applied (`image_statistics`, then `standardise`), so that a
tile of a large image is given exactly the values that the whole image would give it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from handful.errors import SettingsError

KINDS = ("image", "dataset")
# Statistics look at no more pixels than this: a million pin the percentiles below to a few parts in ten thousand, and
# take about 20 ms.
STATISTICS_PIXELS = 1_000_000
# Tails that do not count for centre and scale (hot pixels, dust, burnt-in scale bars). nnU-Net clips CT images at
# these same percentiles. Median and MAD would be more robust and wrong here: on a dark field with few bright cells
# they measure the noise of the dark and blow the cells up to hundreds.
TAILS = (0.5, 99.5)
# No value leaves this range: a hot pixel in a flat image must not drown everything within its receptive field.
LIMIT = 10.0


class HasImage(Protocol):
    """A sample: ``image`` is (C, H, W) in the type of its file."""

    @property
    def image(self) -> NDArray[Any]: ...


@dataclass(frozen=True)
class Statistics:
    """Centre and scale per channel, each float32 (C,), in the unit range of `handful.data.image.as_unit`."""

    centre: NDArray[np.float32]
    scale: NDArray[np.float32]


def measure_normalisation(kind: str, samples: Iterable[HasImage] = (), *, per_channel: bool = True) -> dict[str, Any]:
    """Normalisation settings for a data set, ready for the model file.

    kind: "image" (nothing is measured, samples may be empty) or "dataset" (the mean of the samples' centres and the
    root mean square of their scales about it, every image counting the same however large).
    per_channel: False keeps the relations between channels, that is, the colours of a photograph.
    """
    if kind not in KINDS:
        raise SettingsError(f"normalisation {kind!r} does not exist: choose one of {', '.join(KINDS)}.")
    if kind == "image":
        return {"kind": "image", "per_channel": per_channel}
    measured = [_measure(np.moveaxis(sample.image, 0, -1), per_channel) for sample in samples]
    if not measured:
        raise SettingsError('normalisation "dataset" needs at least one image to measure.')
    centres = np.stack([statistics.centre for statistics in measured]).astype(np.float64)
    scales = np.stack([statistics.scale for statistics in measured]).astype(np.float64)
    mean = centres.mean(axis=0)
    std = np.sqrt((scales**2 + (centres - mean) ** 2).mean(axis=0))
    return {"kind": "dataset", "per_channel": per_channel, "mean": mean.tolist(), "std": std.tolist()}


def image_statistics(image: NDArray[Any], normalisation: Mapping[str, Any]) -> Statistics:
    """Centre and scale with which `standardise` turns this image (H, W, C), or any window of it, into net input."""
    if normalisation["kind"] == "dataset":
        return Statistics(np.asarray(normalisation["mean"], np.float32), np.asarray(normalisation["std"], np.float32))
    return _measure(image, bool(normalisation.get("per_channel", True)))


def standardise(image: NDArray[Any], statistics: Statistics) -> NDArray[np.float32]:
    """(image - centre) / scale as float32 (H, W, C) within -10 to 10. Not-a-number and infinite pixels become 0."""
    from handful.data.image import as_unit

    values = np.array(as_unit(image), np.float32)
    values -= statistics.centre
    values /= statistics.scale
    if not np.issubdtype(image.dtype, np.integer):
        np.copyto(values, 0.0, where=~np.isfinite(values))
    return np.clip(values, -LIMIT, LIMIT, out=values)


def apply_normalisation(image: NDArray[Any], normalisation: Mapping[str, Any]) -> NDArray[np.float32]:
    """Net input of a whole image (H, W, C) of any type: float32 (H, W, C), finite, within -10 to 10.

    A constant image gives zeros.
    """
    return standardise(image, image_statistics(image, normalisation))


def _measure(image: NDArray[Any], per_channel: bool) -> Statistics:
    """Mean and standard deviation of the values clipped to the `TAILS` percentiles, on a regular grid of pixels."""
    from handful.data.image import as_unit

    height, width, channels = image.shape
    stride = int(np.ceil(np.sqrt(max(1.0, height * width / STATISTICS_PIXELS))))
    values = as_unit(np.ascontiguousarray(image[::stride, ::stride])).reshape(-1, channels).astype(np.float64)
    columns = [values[:, c] for c in range(channels)] if per_channel else [values.ravel()]
    measured = [_centre_and_scale(column, _smallest_step(image.dtype)) for column in columns]
    if not per_channel:
        measured *= channels
    centre, scale = np.array(measured, np.float32).reshape(channels, 2).T
    return Statistics(centre, scale)


def _centre_and_scale(values: NDArray[np.float64], step: float) -> tuple[float, float]:
    values = values[np.isfinite(values)]
    if not values.size:
        return 0.0, 1.0
    low, high = np.percentile(values, TAILS)
    if high == low:  # constant but for the tails: centred on the constant, so that it becomes exactly 0
        return float(low), max(step, 1e-6 * abs(float(low)), 1e-12)
    clipped = np.clip(values, low, high)
    return float(clipped.mean()), max(float(clipped.std()), step, 1e-6 * abs(float(low)), 1e-12)


def _smallest_step(dtype: np.dtype[Any]) -> float:
    """The smallest difference the type can hold, in unit range: less contrast than this is not amplified."""
    if not np.issubdtype(dtype, np.integer):
        return 0.0
    limits = np.iinfo(dtype)
    return 1.0 / (float(limits.max) - float(limits.min))
