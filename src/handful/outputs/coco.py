"""coco.json: objects of all images as https://cocodataset.org/#format-data and #format-results have them."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from handful.data.runs import column_runs, counts_of, runs_to_text
from handful.outputs.objects import ObjectPixels, each_object
from handful.outputs.outlines import pixel_outlines

Annotation = dict[str, Any]


def coco_objects(
    labels: NDArray[np.int32], object_classes: Sequence[int], confidence: Sequence[float], background: int | None = 0
) -> list[Annotation]:
    """An annotation for each object of labels (H, W), without ids: `coco_writer` gives them.

    segmentation: polygons along the edges of pixels where the object has no hole, else packed run lengths, since COCO's
    polygons can have none; pycocotools makes exactly the object's pixels of either. score: the confidence.
    """
    shape = labels.shape[0], labels.shape[1]
    return [
        coco_object(pixels, object_classes[pixels.number - 1], confidence[pixels.number - 1], shape, background)
        for pixels in each_object(labels)
    ]


def coco_object(
    pixels: ObjectPixels, kind: int, confidence: float, shape: tuple[int, int], background: int | None = 0
) -> Annotation:
    """The annotation of one object of an image (H, W)."""
    height, width = pixels.inside.shape
    return {
        "category_id": _category_number(kind, background),
        "segmentation": _segmentation(pixels, shape),
        "area": int(np.count_nonzero(pixels.inside)),
        "bbox": [int(pixels.left), int(pixels.top), width, height],
        "iscrowd": 0,
        "score": round(float(confidence), 4),
    }


def coco_writer(
    images: Sequence[tuple[dict[str, Any], Iterable[Annotation]]], classes: Sequence[str], background: int | None = 0
) -> Callable[[BinaryIO], None]:
    """Writer of the file: images as {"file_name", "height", "width"} with their annotations, all numbered from 1.

    Annotations are gone through one at a time, as they may be too many for memory.

    Categories are the classes that are objects, under their class numbers; where no class is the background, under
    their class numbers and 1, as COCO counts from 1.
    """
    listed = [{"id": number, **image} for number, (image, _) in enumerate(images, start=1)]
    categories = [
        {"id": _category_number(number, background), "name": name, "supercategory": "object"}
        for number, name in enumerate(classes)
        if number != background
    ]

    def write(stream: BinaryIO) -> None:
        stream.write(b'{"images":' + _compact(listed) + b',"annotations":[')
        numbered = ((number, one) for number, (_, objects) in enumerate(images, start=1) for one in objects)
        for identity, (number, one) in enumerate(numbered, start=1):
            stream.write(b","[: identity > 1] + _compact({"id": identity, "image_id": number, **one}))
        stream.write(b'],"categories":' + _compact(categories) + b"}")

    return write


def _compact(content: Any) -> bytes:
    return json.dumps(content, ensure_ascii=False, separators=(",", ":")).encode()


def _category_number(kind: int, background: int | None) -> int:
    return int(kind) if background == 0 else int(kind) + 1


def _segmentation(pixels: ObjectPixels, shape: tuple[int, int]) -> Any:
    polygons = pixel_outlines(pixels.inside, pixels.top, pixels.left)
    if all(len(rings) == 1 for rings in polygons):
        return [rings[0].ravel().tolist() for rings in polygons]
    starts, lengths = column_runs(pixels.inside, pixels.top, pixels.left, shape[0])
    return {"size": list(shape), "counts": runs_to_text(counts_of(starts, lengths, shape[0] * shape[1]))}
