"""A whole prediction folder: what was asked for about every image, and an index of it all."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from math import isnan
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from handful.data.decode import ImageFile
from handful.data.pixelsize import read_pixel_size
from handful.errors import SettingsError
from handful.modelfile import ModelCard
from handful.names import nearest
from handful.outputs.boundaries import boundaries_png
from handful.outputs.coco import Annotation, coco_objects, coco_writer
from handful.outputs.contours import class_margin, geojson_bytes, object_polygons
from handful.outputs.files import OutputFolder
from handful.outputs.instances import instances_tiff
from handful.outputs.lines import boundary_field, boundary_lines, lines_geojson
from handful.outputs.masks import mask_png
from handful.outputs.overlay import draw_overlay
from handful.outputs.png import png_bytes
from handful.outputs.probability import probability_tiff
from handful.outputs.rle import rle_objects, rle_writer
from handful.outputs.rois import roi_zip
from handful.outputs.table import Row, measure_objects, table_writer

if TYPE_CHECKING:
    from handful.prediction.segmenter import Prediction

# What can be saved -> the file of an image.
FILES = {
    "mask": "masks/{}.png",
    "probability": "probability/{}.tif",
    "overlay": "overlays/{}.png",
    "contours": "contours/{}.geojson",
    "instances": "instances/{}.tif",
    "boundaries": "boundaries/{}.png",
    "lines": "lines/{}.geojson",
    "rois": "rois/{}.zip",
}
# ... -> the one file for all images.
LISTS = {"table": "objects.csv", "coco": "coco.json", "rle": "rle.csv"}
INDEX = "predictions.json"
SAVED = (*FILES, *LISTS)
OF_OBJECTS = frozenset({"contours", "instances", "rois", *LISTS})  # objects are separated for these, and counted


@dataclass(frozen=True)
class Written:
    """What was written about one image: its line in predictions.json, its rows of objects.csv, and its objects for
    coco.json and rle.csv. All of it plain values that JSON can hold."""

    entry: dict[str, Any]
    rows: Iterable[Row] = ()
    annotations: Iterable[Annotation] = ()
    runs: Iterable[str] = ()


def check_saved(save: Iterable[str]) -> frozenset[str]:
    """The outputs asked for; none, or a name that is none of `SAVED`, is a SettingsError."""
    asked = frozenset(save)
    if not asked:
        raise SettingsError(f"--save: nothing is asked for. Name some of {', '.join(SAVED)}.")
    for name in sorted(asked - set(SAVED)):
        raise SettingsError(f"--save {name}: no such output. Outputs: {', '.join(SAVED)}.{nearest(name, SAVED)}")
    return asked


def planned_files(names: Iterable[str], save: Collection[str]) -> list[str]:
    """Every file that predicting images of these names will write, for `OutputFolder.refuse_existing` beforehand."""
    files = [INDEX, *(file for kind, file in LISTS.items() if kind in save)]
    return files + [pattern.format(name) for name in names for kind, pattern in FILES.items() if kind in save]


def write_prediction(
    folder: OutputFolder,
    name: str,
    image: NDArray[Any],
    prediction: Prediction,
    card: ModelCard,
    save: Collection[str] = ("mask",),
    source: ImageFile | None = None,
) -> Written:
    """Write what `save` asks for about one image (H, W, C); objects are separated only where an output needs them.

    source: the file of the image, whose name the lists keep and which may state how large a pixel is.
    """
    save = check_saved(save)
    mask, classes, background = prediction.mask, card.classes, card.background
    per_object = card.task == "instances" or "instances" in save  # else the outline of the mask says as much
    files: dict[str, str] = {}
    rows: list[Row] = []
    if "rois" in save:  # first, as they may refuse the image
        objects = prediction.objects
        content = roi_zip(objects.labels, objects.classes.tolist(), classes, background)
        files["rois"] = folder.write(FILES["rois"].format(name), content)
    if "mask" in save:
        files["mask"] = folder.write(FILES["mask"].format(name), mask_png(mask, len(classes), background))
    if "probability" in save:
        pages = probability_tiff(prediction.probabilities, classes)
        files["probability"] = folder.write(FILES["probability"].format(name), pages)
    if "overlay" in save:
        labels = prediction.labels if per_object else None
        picture = png_bytes(draw_overlay(image, mask, len(classes), background, labels))
        files["overlay"] = folder.write(FILES["overlay"].format(name), picture)
    if "contours" in save:
        objects = prediction.objects
        margin = class_margin(prediction.probabilities, objects.classes.tolist(), card.threshold)
        polygons = object_polygons(objects.labels, margin)
        content = geojson_bytes(polygons, objects.classes.tolist(), objects.confidence.tolist(), classes, background)
        files["contours"] = folder.write(FILES["contours"].format(name), content)
    if "instances" in save:
        files["instances"] = folder.write(FILES["instances"].format(name), instances_tiff(prediction.labels))
    if "boundaries" in save:
        files["boundaries"] = folder.write(FILES["boundaries"].format(name), boundaries_png(prediction.boundaries))
    if "lines" in save:
        crest = card.object_classes[0] if card.task == "boundaries" and len(card.object_classes) == 1 else None
        field = boundary_field(prediction.probabilities, crest)
        lines = boundary_lines(prediction.boundaries, field)
        files["lines"] = folder.write(FILES["lines"].format(name), lines_geojson(lines))
    size = read_pixel_size(source.path) if source is not None else None
    if "table" in save:
        objects = prediction.objects
        kinds, sure = objects.classes.tolist(), objects.confidence.tolist()
        rows = measure_objects(name, objects.labels, image, kinds, sure, classes, size)
    annotations: list[Annotation] = []
    if "coco" in save:
        objects = prediction.objects
        kinds, sure = objects.classes.tolist(), objects.confidence.tolist()
        annotations = coco_objects(objects.labels, kinds, sure, background)
    runs = rle_objects(prediction.labels) if "rle" in save else []
    counts = np.bincount(mask.ravel(), minlength=len(classes))
    entry: dict[str, Any] = {
        "name": name,
        "file": source.path.name if source is not None and source.page is None else name,
        "height": int(mask.shape[0]),
        "width": int(mask.shape[1]),
        "channels": int(image.shape[2]),
        "files": files,
        "class_shares": {kind: round(float(counts[index] / mask.size), 6) for index, kind in enumerate(classes)},
        "unlike": None if isnan(prediction.unlike) else round(prediction.unlike, 3),
        "messages": list(prediction.messages),
    }
    if size is not None:
        entry["pixel_size_um"] = [size.x, size.y]
    if save & OF_OBJECTS:
        entry["objects"] = len(prediction.objects)
    return Written(entry, tuple(rows), tuple(annotations), tuple(runs))


def write_index(
    folder: OutputFolder, written: Sequence[Written], card: ModelCard, save: Collection[str], **about: Any
) -> None:
    """Write predictions.json, and the lists of all objects that were asked for; call once, when all images are done.

    about: further entries for the index, plain JSON values (the model's path, images that failed and why).
    """
    if "table" in save:
        folder.write(LISTS["table"], table_writer(lambda: (row for one in written for row in one.rows)))
    if "coco" in save:
        images = [(_coco_image(one.entry), one.annotations) for one in written]
        folder.write(LISTS["coco"], coco_writer(images, card.classes, card.background))
    if "rle" in save:
        folder.write(LISTS["rle"], rle_writer((one.entry["name"], one.runs) for one in written))
    model = {"net": card.net, "task": card.task, "classes": list(card.classes), "background": card.background}
    index = {"model": model, **about, "images": [one.entry for one in written]}
    folder.write(INDEX, json.dumps(index, indent=1, ensure_ascii=False, allow_nan=False).encode())


def _coco_image(entry: dict[str, Any]) -> dict[str, Any]:
    return {"file_name": entry["file"], "height": entry["height"], "width": entry["width"]}
