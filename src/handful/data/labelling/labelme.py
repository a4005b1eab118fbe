"""LabelMe's JSON, a file an image (github.com/wkentaro/labelme): polygons, rectangles, circles and painted masks."""

from __future__ import annotations

import base64
import binascii
import io
import math
from collections import Counter
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from handful.data.decode import quiet
from handful.data.labelling import fields
from handful.data.labelling.annotations import Annotated, Annotations
from handful.data.labelling.drawing import DrawnObject
from handful.data.labelling.shapes import Polygon, Runs, Shape, box, ellipse, joined
from handful.data.runs import run_lengths
from handful.errors import DataError

TOOL = "LabelMe"


def is_labelme(content: Any) -> bool:
    """Whether a JSON file is LabelMe's."""
    return isinstance(content, dict) and "shapes" in content and ("imagePath" in content or "imageHeight" in content)


def read_labelme(content: Any, path: Path, shown: str) -> Annotations:
    """The one image of a LabelMe file. Shapes of one label and one group number are parts of one object."""
    size = fields.size(content.get("imageHeight"), content.get("imageWidth"), shown)
    name = content.get("imagePath")
    image = Annotated(name if isinstance(name, str) and name.strip() else path.stem, shown, size)
    passed: Counter[str] = Counter()
    groups: dict[Any, list[tuple[dict[str, Any], str]]] = {}
    for place, item in enumerate(fields.items(content["shapes"], f"{shown}, shapes")):
        where = f"{shown}, shapes[{place}]"
        entry = fields.record(item, where)
        group = entry.get("group_id")
        key = (entry.get("label"), group) if isinstance(group, int) and isinstance(entry.get("label"), str) else place
        groups.setdefault(key, []).append((entry, where))
    image.collect(partial(_object, parts, passed) for parts in groups.values())
    return Annotations(TOOL, path, [image], (), passed)


def _object(parts: list[tuple[dict[str, Any], str]], passed: Counter[str]) -> DrawnObject | None:
    shapes = [shape for entry, where in parts if (shape := _shape(entry, where, passed)) is not None]
    if not shapes:
        return None
    entry, where = parts[0]
    return DrawnObject(fields.text(entry.get("label"), f"{where}.label"), joined(shapes))


def _shape(entry: dict[str, Any], where: str, passed: Counter[str]) -> Shape | None:
    kind = entry.get("shape_type") or "polygon"  # early files do not say
    points = fields.points(entry.get("points"), f"{where}.points")
    if kind == "polygon" and len(points) >= 3:
        return Polygon((points,))
    if kind in ("rectangle", "circle", "mask") and len(points) != 2:
        raise DataError(f"{where}: a {kind} has {len(points)} points; two were expected.")
    if kind == "rectangle":
        (left, top), (right, bottom) = points.min(axis=0).tolist(), points.max(axis=0).tolist()
        return box(left, top, right, bottom)
    if kind == "circle":  # its centre and a point of its rim
        x, y = points[0].tolist()
        radius = math.dist(points[0], points[1])
        return ellipse(x, y, radius, radius)
    if kind == "mask":
        return _mask(entry.get("mask"), points, where)
    passed[f"shapes of type {kind}" if kind != "polygon" else "polygons of fewer than three points"] += 1
    return None


def _mask(packed: Any, corners: np.ndarray[Any, np.dtype[np.float64]], where: str) -> Shape:
    """A picture in the file, its corners the first and the last pixel that it covers."""
    from PIL import Image

    left, top = (math.floor(one + 0.5) for one in corners.min(axis=0))
    right, bottom = (math.floor(one + 0.5) for one in corners.max(axis=0))
    size = bottom - top + 1, right - left + 1
    try:
        with quiet(), Image.open(io.BytesIO(base64.b64decode(packed or "", validate=True))) as picture:
            if (picture.height, picture.width) != size:  # before it is decoded
                raise DataError(
                    f"{where}: its mask is {picture.width}x{picture.height} pixels in a frame of {size[1]}x{size[0]}. "
                    "Save it again with LabelMe."
                )
            inside = np.asarray(picture.convert("L")) > 0
    except DataError:
        raise
    except (binascii.Error, TypeError, ValueError, OSError, SyntaxError, Image.DecompressionBombError) as error:
        raise DataError(f"{where}: its mask is no picture ({str(error)[:80]}). Save it again with LabelMe.") from error
    # As run lengths: a few hundred numbers where the pixels would be kept for the whole data set.
    return Runs(run_lengths(inside), size, where, top=top, left=left)
