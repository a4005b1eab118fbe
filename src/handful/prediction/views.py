"""Which views of an image are answered too, its mirror images and other sizes of it, and the answers averaged.

A net that was trained on mirror images answers each a little differently, and the mean is better than any (Krizhevsky
et al. 2012; nnU-Net does so for every image). Only what the net was trained on counts: one that saw streets the right
way up knows nothing of streets upside down. Other sizes are for lines, whose gaps they close (Liu et al. 2017 average
so over boundaries). docs/why/defaults.md#mirror-images-and-sizes has the figures.
"""

from __future__ import annotations

from itertools import combinations
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from handful.errors import SettingsError
from handful.prediction.tiles import Tiling, predict_tiles
from handful.scale import resize_planes

if TYPE_CHECKING:
    from torch import nn

    from handful.augment import Geometry
    from handful.modelfile import ModelCard

AXES = {"x": -1, "y": -2}  # left and right exchanged, top and bottom exchanged: the axis of (C, H, W)
# Of the image that the net is given. Up to here a CPU answers all four in some two seconds; for slides and large maps
# time counts for more than the gain.
MOST_PIXELS = 1 << 20
LINE_SIZES = (0.8, 1.25)  # beside the size itself; a net was trained on zooms from 1 / 1.3 to 1.3

Mirrors = tuple[tuple[int, ...], ...]  # of each mirror image, the axes that are turned round


def mirrored_axes(geometry: Geometry) -> tuple[str, ...]:
    """The axes along which a net trained with this geometry saw mirror images as often as images."""
    return tuple(axis for axis, seen in (("x", geometry.flip), ("y", geometry.upside_down)) if seen)


def choose_mirrors(card: ModelCard, size: tuple[int, int], asked: bool | None = None) -> Mirrors:
    """The mirror images to average over, beside the image itself, where the net is given (height, width).

    asked: False for none, True for all that the model was trained on, None for those where the image is not large.
    SettingsError where mirror images are asked for of a model that was trained on none.
    """
    if asked and not card.mirrored:
        raise SettingsError("flips: this model was not trained on mirror images. Leave --flips out.")
    if asked is False or (asked is None and size[0] * size[1] > MOST_PIXELS):
        return ()
    axes = [AXES[axis] for axis in card.mirrored]
    return tuple(some for count in range(1, len(axes) + 1) for some in combinations(axes, count))


def choose_sizes(card: ModelCard, size: tuple[int, int], asked: bool | None = None) -> tuple[float, ...]:
    """The sizes to average over, beside (height, width) itself, as factors; none of large images."""
    return () if asked is False or size[0] * size[1] > MOST_PIXELS else card.sizes


def work_of(mirrors: Mirrors, sizes: tuple[float, ...]) -> float:
    """How many times the work of a single answer these views are."""
    return (1 + len(mirrors)) * (1 + sum(factor * factor for factor in sizes))


def predict_views(
    net: nn.Module,
    planes: NDArray[np.float32],
    tiling: Tiling,
    mirrors: Mirrors = (),
    sizes: tuple[float, ...] = (),
    *,
    half: bool = False,
) -> NDArray[np.float32]:
    """Probabilities (classes, H, W) of a net input (C, H, W), the mean over all these views of it."""
    total = predict_tiles(net, planes, tiling, mirrors=mirrors, half=half)
    size: tuple[int, int] = planes.shape[1:]
    for factor in sizes:
        other = max(1, round(size[0] * factor)), max(1, round(size[1] * factor))
        answer = predict_tiles(net, resize_planes(planes, other), tiling, mirrors=mirrors, half=half)
        total = total + resize_planes(answer, size)
    return total / np.float32(1 + len(sizes)) if sizes else total


def at_one_size(card: ModelCard, size: tuple[int, int], asked: bool | None = None) -> tuple[str, ...]:
    """What is said of an image that is answered by windows, where all of it would be answered at several sizes."""
    if not choose_sizes(card, size, asked):
        return ()
    return ("answered at one size, as it goes by windows; with more memory its lines would be answered at several.",)
