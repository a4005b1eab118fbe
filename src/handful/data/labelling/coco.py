"""COCO JSON, https://cocodataset.org/#format-data: polygons, run lengths, crowds, numbered categories."""

from __future__ import annotations

from collections import Counter
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from handful.data.labelling import fields
from handful.data.labelling.annotations import Annotated, Annotations
from handful.data.labelling.drawing import DrawnObject
from handful.data.labelling.shapes import Polygon, Runs, Shape, joined
from handful.data.runs import runs_from_text
from handful.errors import DataError

TOOL = "COCO"


def is_coco(content: Any) -> bool:
    """Whether a JSON file is a COCO data set with categories (captions have none)."""
    return isinstance(content, dict) and {"images", "annotations", "categories"} <= content.keys()


def read_coco(content: Any, path: Path, shown: str) -> Annotations:
    """The images of a COCO data set; classes in the order of the categories' numbers."""
    names = _categories(content["categories"], shown)
    images: dict[Any, Annotated] = {}
    for place, item in enumerate(fields.items(content["images"], f"{shown}, images")):
        where = f"{shown}, images[{place}]"
        entry = fields.record(item, where)
        key = _key(entry.get("id"), where)
        if key in images:
            raise DataError(f"{where}: id {key!r} is used twice; every image has its own.")
        size = fields.size(entry.get("height"), entry.get("width"), where)
        images[key] = Annotated(fields.text(entry.get("file_name"), f"{where}.file_name"), shown, size)
    passed: Counter[str] = Counter()
    drawn: dict[Any, list[partial[DrawnObject | None]]] = {}
    for place, item in enumerate(fields.items(content["annotations"], f"{shown}, annotations")):
        where = f"{shown}, annotations[{place}]"
        entry = fields.record(item, where)
        key = _key(entry.get("image_id"), f"{where}.image_id")
        if key not in images:
            raise DataError(f"{where}: image_id {key!r} is none of the images of this file.")
        drawn.setdefault(key, []).append(partial(_object, entry, names, images[key].size, where, passed))
    for key, shapes in drawn.items():
        images[key].collect(shapes)
    return Annotations(TOOL, path, list(images.values()), tuple(names[key] for key in sorted(names)), passed)


def _categories(listed: Any, shown: str) -> dict[int, str]:
    names: dict[int, str] = {}
    for place, item in enumerate(fields.items(listed, f"{shown}, categories")):
        where = f"{shown}, categories[{place}]"
        entry = fields.record(item, where)
        number = fields.whole(entry.get("id"), f"{where}.id")
        if number in names:
            raise DataError(f"{where}: id {number} is used twice; every category has its own.")
        names[number] = fields.text(entry.get("name"), f"{where}.name")
    return names


def _key(value: Any, where: str) -> int | str:
    """An image's id: a number by the standard, text in some programs."""
    if isinstance(value, int | str) and not isinstance(value, bool):
        return value
    raise DataError(f"{where}: {str(value)[:40]!r} was found where the id of an image was expected.")


def _object(
    entry: dict[str, Any], names: dict[int, str], size: tuple[int, int] | None, where: str, passed: Counter[str]
) -> DrawnObject | None:
    number = fields.whole(entry.get("category_id"), f"{where}.category_id")
    if number not in names:
        raise DataError(f"{where}: category_id {number} is none of the categories of this file.")
    shape = _shape(entry.get("segmentation"), size, f"{where}.segmentation")
    if shape is None:
        passed["boxes without an outline"] += 1
        return None
    return DrawnObject(names[number], shape, crowd=bool(entry.get("iscrowd")))


def _shape(value: Any, size: tuple[int, int] | None, where: str) -> Shape | None:
    """Polygons (x, y, x, y, ...), joined; or run lengths, packed or not. None where there is no outline at all."""
    if value is None or value == [] or value == {}:
        return None
    if isinstance(value, dict):
        window = fields.items(value.get("size"), f"{where}.size")
        if len(window) != 2:
            raise DataError(f"{where}.size: [height, width] was expected.")
        height, width = (fields.whole(side, f"{where}.size", 1) for side in window)
        if size is not None and (height, width) != size:
            raise DataError(f"{where}: is {width}x{height} on an image of {size[1]}x{size[0]}. Export it again.")
        counts = value.get("counts")
        try:
            runs = runs_from_text(counts) if isinstance(counts, str) else _whole_numbers(counts, f"{where}.counts")
        except DataError as error:
            raise error if str(error).startswith(where) else DataError(f"{where}.counts: {error}.") from error
        return Runs(runs, (height, width), where)
    polygons = fields.items(value, where)
    if not isinstance(polygons[0], list):
        polygons = [polygons]  # one polygon without the list around it
    shapes: list[Shape] = []
    for polygon in polygons:
        flat = [fields.number(part, where) for part in fields.items(polygon, where)]
        if len(flat) % 2:
            raise DataError(f"{where}: holds {len(flat)} numbers; x and y of every point were expected.")
        if len(flat) >= 6:  # two points enclose nothing
            shapes.append(Polygon((np.array(flat, np.float64).reshape(-1, 2),)))
    return joined(shapes) if shapes else None


def _whole_numbers(counts: Any, where: str) -> np.ndarray[Any, np.dtype[np.int64]]:
    try:
        found = np.array(fields.items(counts, where))
    except (ValueError, OverflowError):
        found = np.array("")
    if found.dtype.kind != "i" or found.ndim != 1:
        raise DataError(f"{where}: run lengths, whole numbers, were expected.")
    return found.astype(np.int64)
