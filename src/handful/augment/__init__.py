"""Augmentation: batched, on the device, geometry for image and mask together, colour for the image alone,
objects of one sample before the ground of another."""

from handful.augment.colour import Colour, change_colour
from handful.augment.geometry import Geometry, apply_warp, draw_warp
from handful.augment.kinds import expand_augment
from handful.augment.paste import apply_paste, draw_paste

__all__ = [
    "Colour",
    "Geometry",
    "apply_paste",
    "apply_warp",
    "change_colour",
    "draw_paste",
    "draw_warp",
    "expand_augment",
]
