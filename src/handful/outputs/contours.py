"""contours/NAME.geojson: outlines of objects as polygons with holes, finer than a pixel.

Coordinates are (x, y) in pixels, x to the right and y down, and the corner of the image is the origin: the first pixel
reaches from (0, 0) to (1, 1), its centre is (0.5, 0.5). QuPath reads the file as it is (File > Import objects).
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from skimage.measure import find_contours, points_in_poly

from handful.outputs.palette import class_colours

# A contour stays this far, in probability, on the right side of every pixel centre, so that polygons and mask agree.
MARGIN = 0.01
DECIMALS = 3

Ring = NDArray[np.float64]  # (n, 2) of x, y, the first point again at the end
Polygon = list[Ring]  # the outline, then its holes


def object_polygons(
    labels: NDArray[np.int32], probability: NDArray[np.float32] | None = None, level: float = 0.5
) -> list[list[Polygon]]:
    """Outlines of objects 1 to n of labels (H, W): for each its polygons, one unless it touches itself at corners only.

    probability: of being an object, (H, W); outlines then run where it crosses `level`, else half-way between pixels.
    Pixel centres lie in a polygon exactly where the labels say so: where probability and labels disagree (objects that
    touch, small ones dropped), the labels win. Outlines run counter-clockwise in (x, y) as numbers, holes clockwise,
    as RFC 7946 wants.
    """
    # One pixel of nothing around: outlines close, at the very edge of the image.
    framed = np.pad(labels, 1)
    frame = np.pad(np.zeros(labels.shape, bool), 1, constant_values=True)
    excess = None if probability is None else np.pad(probability.astype(np.float64) - level, 1, mode="edge")
    found: list[list[Polygon]] = []
    for number, box in enumerate(ndimage.find_objects(framed), start=1):
        if box is None:
            found.append([])
            continue
        window = tuple(slice(side.start - 1, side.stop + 1) for side in box)
        inside = framed[window] == number
        strength = np.ones(inside.shape)
        if excess is not None:
            # Towards a neighbour object or the frame the line runs half-way: there the outside mirrors the inside.
            mirrored = (framed[window] != 0) | frame[window]
            outside = np.where(mirrored, np.abs(excess[window]), -excess[window])
            strength = np.maximum(np.where(inside, excess[window], outside), MARGIN)
        found.append(_polygons(np.where(inside, strength, -strength), (window[0].start - 1, window[1].start - 1)))
    return found


def geojson_bytes(
    polygons: Sequence[Sequence[Polygon]],
    object_classes: Sequence[int],
    confidence: Sequence[float],
    classes: Sequence[str],
    background: int | None = 0,
) -> bytes:
    """A GeoJSON FeatureCollection, a feature an object, with class name, colour and confidence as QuPath has them."""
    colours = class_colours(len(classes), background)
    features: list[dict[str, Any]] = []
    for number, (parts, kind, sure) in enumerate(zip(polygons, object_classes, confidence, strict=True), start=1):
        rings = [[np.round(ring, DECIMALS).tolist() for ring in polygon] for polygon in parts]
        if not rings:
            continue
        geometry = {"type": "Polygon", "coordinates": rings[0]}
        if len(rings) > 1:
            geometry = {"type": "MultiPolygon", "coordinates": rings}
        properties = {
            "objectType": "annotation",
            "name": f"{classes[kind]} {number}",
            "classification": {"name": classes[kind], "color": list(colours[kind])},
            "measurements": {"object": number, "confidence": round(float(sure), 4)},
        }
        features.append({"type": "Feature", "geometry": geometry, "properties": properties})
    collection = {"type": "FeatureCollection", "features": features}
    return json.dumps(collection, ensure_ascii=False, separators=(",", ":")).encode()


def _polygons(field: NDArray[np.float64], corner: tuple[int, int]) -> list[Polygon]:
    """Polygons around what is above 0; `corner` is the row and column of the field's first pixel in the image."""
    outlines: list[Polygon] = []
    holes: list[Ring] = []
    for contour in find_contours(field, 0.0):
        ring = contour[:, ::-1] + (corner[1] + 0.5, corner[0] + 0.5)
        # find_contours keeps low values on one side all along, so outlines and holes turn opposite ways.
        if _signed_area(ring) > 0:
            outlines.append([ring])
        else:
            holes.append(ring)
    outlines.sort(key=lambda polygon: _signed_area(polygon[0]))
    for hole in holes:
        around = (one for one in outlines if len(outlines) == 1 or points_in_poly(hole[:1], one[0])[0])
        next(around, outlines[-1]).append(hole)
    return outlines


def _signed_area(ring: Ring) -> float:
    """Above 0 where the ring runs counter-clockwise in (x, y) taken as numbers."""
    x, y = ring[:, 0] - ring[0, 0], ring[:, 1] - ring[0, 1]
    return float(np.sum(x[:-1] * y[1:] - x[1:] * y[:-1]) / 2)
