"""coco.json: objects of all images as https://cocodataset.org/#format-data and #format-results have them."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from handful.data.runs import column_runs, counts_of, runs_to_text
from handful.outputs.objects import ObjectPixels, each_object
from handful.outputs.outlines import pixel_outlines

Annotation = dict[str, Any]


def coco_objects(
    labels: NDArray[np.int32], object_classes: Sequence[int], confidence: Sequence[float], background: int | None = 0
) -> list[Annotation]:
    """An annotation for each object of labels (H, W), without ids: `coco_json` gives them.

    segmentation: polygons along the edges of pixels where the object has no hole, else packed run lengths, since COCO's
    polygons can have none; pycocotools makes exactly the object's pixels of either. score: the confidence.
    """
    found = []
    for pixels in each_object(labels):
        height, width = pixels.inside.shape
        kind = object_classes[pixels.number - 1]
        found.append(
            {
                "category_id": _category_number(kind, background),
                "segmentation": _segmentation(pixels, (labels.shape[0], labels.shape[1])),
                "area": int(np.count_nonzero(pixels.inside)),
                "bbox": [pixels.left, pixels.top, width, height],
                "iscrowd": 0,
                "score": round(float(confidence[pixels.number - 1]), 4),
            }
        )
    return found


def coco_json(
    images: Iterable[tuple[dict[str, Any], Sequence[Annotation]]], classes: Sequence[str], background: int | None = 0
) -> bytes:
    """The file: images as {"file_name", "height", "width"} with their annotations, all numbered from 1.

    Categories are the classes that are objects, under their class numbers; where no class is the background, under
    their class numbers and 1, as COCO counts from 1.
    """
    listed: list[dict[str, Any]] = []
    annotations: list[Annotation] = []
    for image, objects in images:
        listed.append({"id": len(listed) + 1, **image})
        for one in objects:
            annotations.append({"id": len(annotations) + 1, "image_id": len(listed), **one})
    categories = [
        {"id": _category_number(number, background), "name": name, "supercategory": "object"}
        for number, name in enumerate(classes)
        if number != background
    ]
    content = {"images": listed, "annotations": annotations, "categories": categories}
    return json.dumps(content, ensure_ascii=False, separators=(",", ":")).encode()


def _category_number(kind: int, background: int | None) -> int:
    return int(kind) if background == 0 else int(kind) + 1


def _segmentation(pixels: ObjectPixels, shape: tuple[int, int]) -> Any:
    polygons = pixel_outlines(pixels.inside, pixels.top, pixels.left)
    if all(len(rings) == 1 for rings in polygons):
        return [rings[0].ravel().tolist() for rings in polygons]
    starts, lengths = column_runs(pixels.inside, pixels.top, pixels.left, shape[0])
    return {"size": list(shape), "counts": runs_to_text(counts_of(starts, lengths, shape[0] * shape[1]))}
