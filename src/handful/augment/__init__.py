"""Augmentation: batched, on the device, geometry for image and mask together, colour for the image alone."""

from handful.augment.colour import Colour, change_colour
from handful.augment.geometry import Geometry, apply_warp, draw_warp
from handful.augment.kinds import expand_augment

__all__ = ["Colour", "Geometry", "apply_warp", "change_colour", "draw_warp", "expand_augment"]
