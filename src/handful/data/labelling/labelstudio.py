"""Label Studio's JSON export (https://labelstud.io/guide/export): brush, polygons, rectangles, ellipses.

Places are in percent of the image. A task without annotation is not labelled; of several annotations of a task the
first that was not cancelled is read.
"""

from __future__ import annotations

from collections import Counter
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from handful.data.labelling import fields
from handful.data.labelling.annotations import Annotated, Annotations
from handful.data.labelling.drawing import DrawnObject
from handful.data.labelling.shapes import Polygon, Runs, Shape, box, ellipse
from handful.data.runs import run_lengths
from handful.errors import DataError

TOOL = "Label Studio"
CHANNELS = 4  # the brush packs red, green, blue and opacity of every pixel; opacity is the mask
LARGEST_BRUSH = 2**26  # pixels; decoded they take four bytes each


def is_label_studio(content: Any) -> bool:
    """Whether a JSON file is a list of Label Studio's tasks."""
    return (
        isinstance(content, list)
        and bool(content)
        and all(isinstance(task, dict) for task in content)
        and any("data" in task and ("annotations" in task or "completions" in task) for task in content)
    )


def read_label_studio(content: Any, path: Path, shown: str) -> Annotations:
    """The images of an export, classes by the alphabet: the export does not hold their order."""
    passed: Counter[str] = Counter()
    images = []
    for place, task in enumerate(content):
        where = f"{shown}, task {task.get('id', place)}"
        given = task.get("annotations", task.get("completions"))
        done = [fields.record(one, where) for one in (fields.items(given, f"{where}, annotations") if given else [])]
        done = [one for one in done if not one.get("was_cancelled")]
        if not done:
            passed["tasks without annotation"] += 1
            continue
        if len(done) > 1:
            passed["further annotations of the same image"] += len(done) - 1
        image = Annotated(_image_name(task, where), shown)
        images.append(image)
        try:
            results = [fields.record(one, where) for one in fields.items(done[0].get("result"), f"{where}, result")]
            labels = _labels(results, where)
            sizes = {size for one in results if (size := _size(one, where)) is not None}
            if len(sizes) > 1:
                raise DataError(f"{where}: its regions are drawn on images of different sizes.")
        except DataError as error:
            image.problem = str(error)
            continue
        image.size = sizes.pop() if sizes else None
        image.collect(
            partial(_object, one, labels.get(_region(one, number), "object"), f"{where}, result[{number}]", passed)
            for number, one in enumerate(results)
        )
    return Annotations(TOOL, path, images, (), passed)


def _image_name(task: dict[str, Any], where: str) -> str:
    """The first value of the task's data that names a file; `?d=` is how Label Studio names files of its own disk."""
    data = fields.record(task.get("data"), f"{where}, data")
    named = [value for value in data.values() if isinstance(value, str) and "." in value.rsplit("/", 1)[-1]]
    first = next((data[key] for key in ("image", "img", "url") if isinstance(data.get(key), str)), None)
    name = first or (named[0] if named else task.get("file_upload"))
    return fields.text(name, f"{where}, data").split("?d=")[-1]


def _size(result: dict[str, Any], where: str) -> tuple[int, int] | None:
    return fields.size(result.get("original_height"), result.get("original_width"), where)


def _region(result: dict[str, Any], place: int) -> str | int:
    """What several results of one region have in common."""
    name = result.get("id")
    return name if isinstance(name, str) else place


def _labels(results: list[dict[str, Any]], where: str) -> dict[str | int, str]:
    """Region -> its label, which comes with its shape or, under the same id, by itself. Regions need no label."""
    labels: dict[str | int, str] = {}
    for place, result in enumerate(results):
        value = result.get("value")
        if not isinstance(value, dict):
            continue
        for key, names in value.items():
            if key.endswith("labels") and isinstance(names, list) and names:
                labels[_region(result, place)] = fields.text(names[0], f"{where}, result[{place}].{key}")
    return labels


def _object(result: dict[str, Any], label: str, where: str, passed: Counter[str]) -> DrawnObject | None:
    kind = str(result.get("type")).removesuffix("labels")
    if kind not in _SHAPES:
        if kind not in ("", "choices", "relation"):
            passed[f"regions of type {kind}"] += 1
        return None
    size = _size(result, where)
    if size is None:
        raise DataError(f"{where}: has no original_width and original_height. Export it again.")
    if result.get("image_rotation"):
        raise DataError(f"{where}: was drawn on the image turned round ({result['image_rotation']}). Draw it upright.")
    value = fields.record(result.get("value"), f"{where}.value")
    shape = _SHAPES[kind](value, size, f"{where}.value")
    if shape is None:
        passed["polygons of fewer than three points"] += 1
        return None
    return DrawnObject(label, shape)


def _percent(value: dict[str, Any], key: str, side: int, where: str) -> float:
    return fields.number(value.get(key), f"{where}.{key}") * side / 100


def _polygon(value: dict[str, Any], size: tuple[int, int], where: str) -> Shape | None:
    points = fields.points(value.get("points"), f"{where}.points") * (size[1] / 100, size[0] / 100)
    return Polygon((points,)) if len(points) >= 3 else None


def _rectangle(value: dict[str, Any], size: tuple[int, int], where: str) -> Shape:
    left, top = _percent(value, "x", size[1], where), _percent(value, "y", size[0], where)
    right, bottom = left + _percent(value, "width", size[1], where), top + _percent(value, "height", size[0], where)
    return box(left, top, right, bottom, fields.number(value.get("rotation") or 0, where), about="corner")


def _ellipse(value: dict[str, Any], size: tuple[int, int], where: str) -> Shape:
    middle = _percent(value, "x", size[1], where), _percent(value, "y", size[0], where)
    radii = _percent(value, "radiusX", size[1], where), _percent(value, "radiusY", size[0], where)
    return ellipse(*middle, *radii, fields.number(value.get("rotation") or 0, where))


def _brush(value: dict[str, Any], size: tuple[int, int], where: str) -> Shape:
    if value.get("format") != "rle":
        raise DataError(f"{where}: format {value.get('format')!r} is not known; rle was expected.")
    try:
        packed = bytes(fields.items(value.get("rle"), f"{where}.rle"))
    except (TypeError, ValueError):
        raise DataError(f"{where}.rle: numbers from 0 to 255 were expected.") from None
    pixels = unpack_brush(packed, size[0] * size[1] * CHANNELS, f"{where}.rle").reshape(*size, CHANNELS)
    return Runs(run_lengths(pixels[:, :, -1] > 0), size, where)


_SHAPES = {"polygon": _polygon, "rectangle": _rectangle, "ellipse": _ellipse, "brush": _brush}


def unpack_brush(packed: bytes, count: int, where: str) -> NDArray[np.uint8]:
    """`count` values out of the bits that the brush stores (rle-pack of thi.ng/umbrella).

    32 bits: how many values; 5: bits of a value, less one; four times 4: sizes of a length, less one. Then groups: 1
    bit (repeated or not), 2 bits (which size), the length less one, and the value once or all one after another.
    Raises DataError where that is not what `packed` holds.
    """
    bits = np.unpackbits(np.frombuffer(packed, np.uint8))
    text = (bits + ord("0")).tobytes().decode("ascii")
    damaged = DataError(f"{where}: the brush's mask is damaged. Export it again.")
    place = 0

    def take(length: int) -> int:
        nonlocal place
        if place + length > len(text):
            raise damaged
        place += length
        return int(text[place - length : place], 2)

    if count > LARGEST_BRUSH * CHANNELS or take(32) != count:
        raise DataError(f"{where}: the brush's mask has not the size of its image. Export it again.")
    word = take(5) + 1
    sizes = [take(4) + 1 for _ in range(4)]
    if word != 8:
        raise damaged
    values = np.zeros(count, np.uint8)
    done = 0
    while done < count:
        repeated, length = take(1), take(sizes[take(2)]) + 1
        if done + length > count:
            raise damaged
        if repeated:
            values[done : done + length] = take(word)
        else:
            if place + length * word > len(bits):
                raise damaged
            values[done : done + length] = np.packbits(bits[place : place + length * word])
            place += length * word
        done += length
    return values
