"""contours/NAME.geojson: outlines of objects as polygons with holes, finer than a pixel.

Coordinates are (x, y) in pixels, x to the right and y down, and the corner of the image is the origin: the first pixel
reaches from (0, 0) to (1, 1), its centre is (0.5, 0.5). QuPath reads the file as it is (File > Import objects).
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
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
# (number of an object, rows, columns) -> how far the answer is, in probability, on the object's side: below 0 outside.
Margin = Callable[[int, slice, slice], NDArray[np.floating[Any]]]


def object_polygons(labels: NDArray[np.int32], margin: Margin | None = None) -> list[list[Polygon]]:
    """Outlines of objects 1 to n of labels (H, W): for each its polygons, one unless it touches itself at corners only.

    margin: outlines run where it crosses 0 (see `class_margin`), without it half-way between pixels. Pixel centres lie
    in a polygon exactly where the labels say so: where margin and labels disagree (objects that touch, small ones
    dropped), the labels win. Outlines run counter-clockwise in (x, y) as numbers, holes clockwise, as RFC 7946 wants.
    """
    found: list[list[Polygon]] = []
    for number, box in enumerate(ndimage.find_objects(labels), start=1):
        if box is None:
            found.append([])
            continue
        # One pixel around, beyond the image's edge too: outlines close, there at the very edge.
        around = [(side.start - 1, side.stop + 1) for side in box]
        seen = [slice(max(0, start), min(stop, n)) for (start, stop), n in zip(around, labels.shape, strict=True)]
        lacking = [(one.start - start, stop - one.stop) for (start, stop), one in zip(around, seen, strict=True)]
        window = np.pad(labels[seen[0], seen[1]], lacking, constant_values=-1)
        inside = window == number
        strength = np.ones(inside.shape)
        if margin is not None:
            excess = np.pad(margin(number, seen[0], seen[1]).astype(np.float64), lacking, mode="edge")
            # Towards a neighbour object or the edge the line runs half-way: there the outside mirrors the inside.
            outside = np.where(window != 0, np.abs(excess), -excess)
            strength = np.maximum(np.where(inside, excess, outside), MARGIN)
        found.append(_polygons(np.where(inside, strength, -strength), (around[0][0], around[1][0])))
    return found


def class_margin(
    probabilities: NDArray[np.float32], object_classes: Sequence[int], threshold: float | None = None
) -> Margin:
    """The margin of objects of these classes in probabilities (classes, H, W), between the class and the next best.

    Two classes meet where class 1 has the probability `threshold`, .5 if None; more where two are equally probable, so
    that outlines of neighbours of different classes run along the same line.
    """

    def margin(number: int, rows: slice, columns: slice) -> NDArray[np.floating[Any]]:
        kind = object_classes[number - 1]
        window = probabilities[:, rows, columns]
        if len(window) == 2:
            level = 0.5 if threshold is None else threshold
            other: Any = level if kind == 1 else 1 - level
        else:
            other = np.delete(window, kind, axis=0).max(axis=0)
        excess: NDArray[np.floating[Any]] = window[kind] - other
        return excess

    return margin


def geojson_bytes(
    polygons: Sequence[Sequence[Polygon]],
    object_classes: Sequence[int],
    confidence: Sequence[float],
    classes: Sequence[str],
    background: int | None = 0,
    numbers: Sequence[int] | None = None,
) -> bytes:
    """A GeoJSON FeatureCollection, a feature an object, with class name, colour and confidence as QuPath has them.

    numbers: of the objects, where they are not 1 to n.
    """
    colours = class_colours(len(classes), background)
    features: list[dict[str, Any]] = []
    numbers = range(1, len(polygons) + 1) if numbers is None else numbers
    for number, parts, kind, sure in zip(numbers, polygons, object_classes, confidence, strict=True):
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
