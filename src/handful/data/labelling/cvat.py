"""CVAT for images 1.1, the XML of https://docs.cvat.ai/docs/manual/advanced/xml_format: polygons, masks, boxes."""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree
from collections import Counter
from functools import partial
from pathlib import Path
from xml.etree.ElementTree import Element

import numpy as np

from handful.data.labelling import fields
from handful.data.labelling.annotations import Annotated, Annotations
from handful.data.labelling.drawing import DrawnObject
from handful.data.labelling.shapes import Polygon, Runs, Shape, box, ellipse
from handful.errors import DataError

TOOL = "CVAT"


def read_cvat(raw: bytes, path: Path, shown: str) -> Annotations | None:
    """The images of an export; classes in the order of the task's labels. None for XML of another kind."""
    if b"<!DOCTYPE" in raw or b"<!ENTITY" in raw:
        # Entities can blow up to any size and name other files; CVAT writes none.
        raise DataError(f"{shown}: declares a document type, which is not read. Export it from CVAT anew.")
    try:
        root = ElementTree.fromstring(raw)
    except (ElementTree.ParseError, ValueError, LookupError) as error:
        raise DataError(f"{shown}: is no valid XML ({error}). Export it again.") from error
    if root.tag != "annotations":
        return None
    if root.find("track") is not None and root.find("image") is None:
        raise DataError(f"{shown}: is an export for video. Export it as `CVAT for images 1.1`.")
    passed: Counter[str] = Counter()
    images = []
    for place, element in enumerate(root.findall("image")):
        where = f"{shown}, image {place}"
        image = Annotated(
            fields.text(element.get("name"), f"{where}, name"),
            shown,
            fields.size(element.get("height"), element.get("width"), where),
        )
        where = f"{shown}, image {image.name!r}"
        image.collect(
            partial(_object, shape, f"{where}, {shape.tag} {number}", passed) for number, shape in enumerate(element)
        )
        images.append(image)
    order = tuple(name.strip() for label in root.iterfind("meta//labels/label") if (name := label.findtext("name")))
    return Annotations(TOOL, path, images, order, passed)


def _object(element: Element, where: str, passed: Counter[str]) -> DrawnObject | None:
    shape = _shape(element, where, passed)
    if shape is None:
        return None
    level = fields.whole(element.get("z_order") or 0, f"{where}, z_order", least=-(2**31))
    return DrawnObject(fields.text(element.get("label"), f"{where}, label"), shape, level)


def _shape(element: Element, where: str, passed: Counter[str]) -> Shape | None:
    def value(name: str, default: str | None = None) -> float:
        return fields.number(element.get(name, default), f"{where}, {name}")

    if element.tag == "polygon":
        places = [point.split(",") for point in (element.get("points") or "").split(";") if point.strip()]
        points = fields.points(places, f"{where}, points")
        if len(points) >= 3:
            return Polygon((points,))
        passed["polygons of fewer than three points"] += 1
        return None
    if element.tag == "box":
        return box(value("xtl"), value("ytl"), value("xbr"), value("ybr"), value("rotation", "0"))
    if element.tag == "ellipse":
        return ellipse(value("cx"), value("cy"), value("rx"), value("ry"), value("rotation", "0"))
    if element.tag == "mask":
        top, left = (
            fields.whole(element.get("top"), f"{where}, top"),
            fields.whole(element.get("left"), f"{where}, left"),
        )
        size = fields.size(element.get("height"), element.get("width"), where)
        if size is None:
            raise DataError(f"{where}: has no width and height.")
        try:
            runs = np.array([int(run) for run in (element.get("rle") or "").split(",")], np.int64)
        except (ValueError, OverflowError):
            raise DataError(f"{where}, rle: run lengths, whole numbers, were expected.") from None
        return Runs(runs, size, where, "C", top, left)
    if element.tag != "tag":  # of the whole image
        passed[f"shapes of type {element.tag}"] += 1
    return None
