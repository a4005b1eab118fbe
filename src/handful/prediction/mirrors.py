"""Which mirror images of an image are answered too, and the answers averaged.

A net that was trained on mirror images answers each a little differently, and the mean is better than any (Krizhevsky
et al. 2012; nnU-Net does so for every image). Only what the net was trained on counts: one that saw streets the right
way up knows nothing of streets upside down (docs/why/defaults.md#mirror-images has the figures).
"""

from __future__ import annotations

from itertools import combinations
from typing import TYPE_CHECKING

from handful.errors import SettingsError

if TYPE_CHECKING:
    from handful.augment import Geometry
    from handful.modelfile import ModelCard

AXES = {"x": -1, "y": -2}  # left and right exchanged, top and bottom exchanged: the axis of (C, H, W)
# Of the image that the net is given. Up to here a CPU answers all four in some two seconds; for slides and large maps
# time counts for more than the gain.
MOST_PIXELS = 1 << 20

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
