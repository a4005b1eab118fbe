"""A whole prediction folder: what was asked for about every image, and an index of it all."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from math import isnan
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from handful.errors import SettingsError
from handful.modelfile import ModelCard
from handful.names import nearest
from handful.outputs.boundaries import boundaries_png
from handful.outputs.contours import geojson_bytes, object_polygons
from handful.outputs.files import OutputFolder
from handful.outputs.instances import instances_tiff
from handful.outputs.masks import mask_png
from handful.outputs.overlay import draw_overlay
from handful.outputs.png import png_bytes
from handful.outputs.probability import probability_tiff
from handful.outputs.table import Row, measure_objects, table_csv

if TYPE_CHECKING:
    from handful.prediction.segmenter import Prediction

# What can be saved -> the file of an image. The table is one file for all images.
FILES = {
    "mask": "masks/{}.png",
    "probability": "probability/{}.tif",
    "overlay": "overlays/{}.png",
    "contours": "contours/{}.geojson",
    "instances": "instances/{}.tif",
    "boundaries": "boundaries/{}.png",
}
TABLE, INDEX = "objects.csv", "predictions.json"
SAVED = (*FILES, "table")


@dataclass(frozen=True)
class Written:
    """What was written about one image: its line in predictions.json, and its rows of objects.csv."""

    entry: dict[str, Any]
    rows: tuple[Row, ...] = ()


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
    files = [INDEX, *([TABLE] if "table" in save else [])]
    return files + [pattern.format(name) for name in names for kind, pattern in FILES.items() if kind in save]


def write_prediction(
    folder: OutputFolder,
    name: str,
    image: NDArray[Any],
    prediction: Prediction,
    card: ModelCard,
    save: Collection[str] = ("mask",),
) -> Written:
    """Write what `save` asks for about one image (H, W, C); objects are separated only where an output needs them."""
    save = check_saved(save)
    mask, classes, background = prediction.mask, card.classes, card.background
    per_object = card.task == "instances" or "instances" in save  # else the outline of the mask says as much
    files: dict[str, str] = {}
    rows: list[Row] = []
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
        polygons = object_polygons(objects.labels, *_object_probability(prediction, card))
        content = geojson_bytes(polygons, objects.classes.tolist(), objects.confidence.tolist(), classes, background)
        files["contours"] = folder.write(FILES["contours"].format(name), content)
    if "instances" in save:
        files["instances"] = folder.write(FILES["instances"].format(name), instances_tiff(prediction.labels))
    if "boundaries" in save:
        files["boundaries"] = folder.write(FILES["boundaries"].format(name), boundaries_png(prediction.boundaries))
    if "table" in save:
        objects = prediction.objects
        rows = measure_objects(
            name, objects.labels, image, objects.classes.tolist(), objects.confidence.tolist(), classes
        )
    counts = np.bincount(mask.ravel(), minlength=len(classes))
    entry: dict[str, Any] = {
        "name": name,
        "height": int(mask.shape[0]),
        "width": int(mask.shape[1]),
        "channels": int(image.shape[2]),
        "files": files,
        "class_shares": {kind: round(float(counts[index] / mask.size), 6) for index, kind in enumerate(classes)},
        "unlike": None if isnan(prediction.unlike) else round(prediction.unlike, 3),
        "messages": list(prediction.messages),
    }
    if save & {"instances", "contours", "table"}:
        entry["objects"] = len(prediction.objects)
    return Written(entry, tuple(rows))


def write_index(
    folder: OutputFolder, written: Sequence[Written], card: ModelCard, save: Collection[str], **about: Any
) -> None:
    """Write predictions.json, and objects.csv where the table was asked for; call once, when all images are done.

    about: further entries for the index, plain JSON values (the model's path, images that failed and why).
    """
    if "table" in save:
        folder.write(TABLE, table_csv(row for one in written for row in one.rows))
    model = {"net": card.net, "task": card.task, "classes": list(card.classes), "background": card.background}
    index = {"model": model, **about, "images": [one.entry for one in written]}
    folder.write(INDEX, json.dumps(index, indent=1, ensure_ascii=False, allow_nan=False).encode())


def _object_probability(prediction: Prediction, card: ModelCard) -> tuple[NDArray[np.float32] | None, float]:
    """Probability of being an object and the level at which it is one; none where classes do not meet at one level."""
    if len(card.classes) == 2 and card.background is not None:
        threshold = 0.5 if card.threshold is None else card.threshold
        kind = card.object_classes[0]
        return prediction.probabilities[kind], threshold if kind == 1 else 1 - threshold
    return None, 0.5
