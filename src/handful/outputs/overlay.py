"""overlays/NAME.png: the photograph with its objects outlined."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from skimage.segmentation import find_boundaries

from handful.outputs.palette import Colour, class_colours
from handful.outputs.view import to_view

# Bright, saturated and far apart: on any image one of them stands out.
OUTLINES: tuple[Colour, ...] = ((255, 221, 0), (0, 229, 255), (255, 0, 200), (57, 255, 20), (255, 85, 0))
# Lines grow with the picture, as it is shown smaller: one pixel for each 600 of its longer side.
PIXELS_A_LINE = 600
# Strong enough to tell classes apart, weak enough to see the photograph.
TINT = 0.35


def draw_overlay(
    image: NDArray[Any],
    mask: NDArray[np.uint8],
    classes: int,
    background: int | None = 0,
    labels: NDArray[np.int32] | None = None,
) -> NDArray[np.uint8]:
    """The image (H, W, C) as a picture uint8 (H, W, 3) with outlines of a mask (H, W).

    Two classes: the object is outlined in whichever of a few bright colours stands out most from the pixels under the
    line. More: each class is tinted and outlined in its colour of the palette. With labels (H, W) the outlines run
    round every object, also where two touch.
    """
    picture = to_view(image)
    objects = np.ones(mask.shape, bool) if background is None else mask != background
    regions = mask.astype(np.int32) if labels is None else labels
    outline = find_boundaries(regions, mode="inner", background=-1) & objects
    width = max(1, round(max(mask.shape) / PIXELS_A_LINE))
    if width > 1:
        # Inwards only: outwards lies another class's colour, or none.
        outline = ndimage.maximum_filter(outline, width) & objects
    if not outline.any() and not objects.any():
        return picture
    if classes == 2 and background is not None:
        picture[outline] = best_outline(picture[outline])
        return picture
    colours = np.array(class_colours(classes, background), np.uint8)[mask]
    picture[objects] = np.round((1 - TINT) * picture[objects] + TINT * colours[objects]).astype(np.uint8)
    picture[outline] = colours[outline]
    return picture


def best_outline(pixels: NDArray[np.uint8]) -> Colour:
    """The colour of `OUTLINES` that lies farthest from these pixels (n, 3), judged by the nearest tenth of them."""
    if not len(pixels):
        return OUTLINES[0]
    distances = [np.linalg.norm(pixels.astype(np.float32) - colour, axis=1) for colour in OUTLINES]
    return OUTLINES[int(np.argmax([np.percentile(distance, 10) for distance in distances]))]
