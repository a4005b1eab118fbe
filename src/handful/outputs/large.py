"""The outputs for an image that does not fit into memory, each by windows; the same pixels as in one piece.

What differs is said in the messages of the image: an overlay is shrunk to be looked at, and masks too large for PNG
readers are TIFF.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from math import isnan
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from handful.data.pixelsize import PixelSize, read_pixel_size
from handful.errors import DataError
from handful.measure.ridges import thin_ridges
from handful.names import plural
from handful.outputs.coco import coco_object
from handful.outputs.contours import class_margin, geojson_bytes, object_polygons
from handful.outputs.files import OutputFolder
from handful.outputs.objects import ObjectPixels, each_object
from handful.outputs.overlay import draw_overlay
from handful.outputs.palette import class_colours
from handful.outputs.png import png_bytes
from handful.outputs.prediction import FILES, OF_OBJECTS, SAVED, Written
from handful.outputs.rle import rle_object
from handful.outputs.rois import refuse_far, roi_writer
from handful.outputs.rows import LARGEST_PNG, Span, png_rows, tiff_tiles
from handful.outputs.table import Row, measure_objects
from handful.prediction.boundaries import region_boundaries
from handful.prediction.joined import Blocks, JoinedObjects, join_objects
from handful.prediction.planefile import PlaneFile
from handful.prediction.tiles import widened

if TYPE_CHECKING:
    from handful.data.windows import Windows
    from handful.prediction.large import LargePrediction

# What can be made by windows: a line may go through all of them.
BY_WINDOWS = frozenset(SAVED) - {"lines"}
# An overlay is looked at on a screen.
LARGEST_OVERLAY = 4096
# How far boundaries look: two Gaussians of standard deviation 1 and 2, cut at 4 of them, a slope and a step.
BOUNDARY_REACH = 16
# Objects are measured and outlined some at a time, in a window around them of no more pixels than this; an object that
# needs a larger one has its row of the table without what needs its outline.
LARGEST_WINDOW = 1 << 24
# Bytes a pixel for finding objects in a block.
BLOCK_COST = 170


def refuse_unknown(save: Collection[str], shape: tuple[int, int], name: str) -> None:
    """DataError for an output that cannot be made by windows, or not of an image (H, W) of this size."""
    if "rois" in save:
        refuse_far(shape)
    if unknown := sorted(set(save) - BY_WINDOWS):
        raise DataError(
            f"{name}: does not fit into --memory in one piece, and {', '.join(unknown)} cannot be made by windows. "
            f"Give more memory, or ask for some of {', '.join(sorted(BY_WINDOWS))}."
        )


@dataclass
class _Objects:
    """Objects of the image, found when first asked for; their labels lie in a file."""

    windows: Windows
    large: LargePrediction
    folder: Path
    budget: int
    done: Callable[[float], None]
    found: JoinedObjects | None = field(default=None)
    labels: PlaneFile | None = field(default=None)

    @property
    def joined(self) -> JoinedObjects:
        if self.found is None:
            self.labels = PlaneFile(self.folder / "labels.raw", 1, self.large.shape, np.int32, new=True)
            labels = self.labels

            def keep(rows: Span, columns: Span, numbers: NDArray[np.int32]) -> None:
                labels.write(rows, columns, numbers[None])

            blocks = self.blocks
            self.found = join_objects(blocks, self.large.card, self.large.look, keep, self.done)
        return self.found

    @property
    def blocks(self) -> Blocks:
        fitting = [edge for edge in (1024, 768, 512) if (edge + 256) ** 2 * BLOCK_COST <= self.budget]
        return Blocks(self.large.shape, (fitting or [256])[0])

    def read(self, rows: Span, columns: Span) -> NDArray[np.int32]:
        """Labels (h, w) as they are in the whole image."""
        table = self.joined.table
        assert self.labels is not None
        numbers: NDArray[np.int32] = table[self.labels.read(rows, columns)[0]]
        return numbers

    @property
    def largest(self) -> int:
        """Pixels of the largest window that an object is looked at in."""
        return min(LARGEST_WINDOW, self.budget // BLOCK_COST)

    def groups(self) -> Iterator[tuple[NDArray[np.int64], tuple[Span, Span] | None]]:
        """Numbers of objects that begin in one block with a window around them; each too large for one alone, None."""
        joined, edge = self.joined, self.blocks.block
        tops, lefts = joined.boxes[:, 0] // edge, joined.boxes[:, 1] // edge
        order = np.lexsort((np.arange(len(joined)), lefts, tops))
        keys = np.stack([tops[order], lefts[order]])
        starts = np.flatnonzero((np.diff(keys) != 0).any(axis=0)) + 1
        for group in np.split(order, starts) if len(order) else []:
            boxes = joined.boxes[group]
            sizes = (boxes[:, 2] - boxes[:, 0] + 2) * (boxes[:, 3] - boxes[:, 1] + 2)
            alone = sizes > min(self.largest, 4 * edge * edge) // 4
            for index in group[alone]:
                window = self._around(joined.boxes[[index]])
                small = sizes[group == index][0] <= self.largest
                yield np.array([index]) + 1, window if small else None
            if (~alone).any():
                yield group[~alone] + 1, self._around(boxes[~alone])

    def _around(self, boxes: NDArray[np.int64]) -> tuple[Span, Span]:
        (top, left), (bottom, right) = boxes[:, :2].min(axis=0), boxes[:, 2:].max(axis=0)
        height, width = self.large.shape
        return widened((int(top), int(bottom)), 1, height), widened((int(left), int(right)), 1, width)

    def only(self, numbers: NDArray[np.int64], rows: Span, columns: Span) -> NDArray[np.int32]:
        """Labels of a window with these objects as 1 to n, all others as -1."""
        labels = self.read(rows, columns)
        table = np.full(int(max(labels.max(initial=0), numbers.max())) + 1, -1, np.int32)
        table[0] = 0
        table[numbers] = np.arange(1, len(numbers) + 1)
        return table[labels]

    def each(self, messages: list[str], output: str) -> Iterator[tuple[ObjectPixels, int, float]]:
        """Objects with their classes and confidences; those too large for it are told in `messages`."""
        lost = 0
        for numbers, window in self.groups():
            if window is None:
                lost += 1
                continue
            (top, _), (left, _) = window
            for one in each_object(self.only(numbers, *window)):
                number = int(numbers[one.number - 1])
                pixels = ObjectPixels(number, top + one.top, left + one.left, one.inside)
                yield pixels, int(self.joined.classes[number - 1]), float(self.joined.confidence[number - 1])
        if lost:
            messages.append(self.too_large(lost, output))

    def too_large(self, lost: int, output: str) -> str:
        """How many objects are not in an output, and why."""
        many, limit = plural(lost, "object"), f"{self.largest / 1e6:.3g} million pixels"
        return f"{output}: without {many} in a window of more than {limit}."

    def close(self) -> None:
        if self.labels is not None:
            self.labels.remove()


@contextmanager
def write_large(
    folder: OutputFolder,
    name: str,
    windows: Windows,
    large: LargePrediction,
    save: frozenset[str],
    *,
    scratch: Path,
    budget: int,
    done: Callable[[float], None] = lambda share: None,
) -> Iterator[tuple[Written, dict[str, Iterator[Any]]]]:
    """Write what `save` asks for within about `budget` bytes; a context that gives what is missing in `Written`: rows,
    annotations and runs by name, as they are made and as far as they are asked for.

    >>> with write_large(...) as (written, lists): ...  # doctest: +SKIP
    """
    card, shape = large.card, large.shape
    classes, background = card.classes, card.background
    objects = _Objects(windows, large, scratch, budget, done)
    files: dict[str, str] = {}
    messages = list(large.messages)
    looked = _Looked(large, shape, np.zeros(len(classes), np.int64))
    size = read_pixel_size(windows.file.path)
    try:
        palette = None if len(classes) == 2 else class_colours(len(classes), background)
        if "mask" in save and shape[0] * shape[1] > LARGEST_PNG:
            file = str(Path(FILES["mask"].format(name)).with_suffix(".tif"))
            files["mask"] = folder.write(file, tiff_tiles(looked.mask, shape, np.uint8, palette=palette))
            messages.append("the mask is a TIFF: few programs open a PNG of so many pixels.")
        elif "mask" in save:
            files["mask"] = folder.write(FILES["mask"].format(name), png_rows(looked.bands(budget), shape, palette))
        else:
            for _ in looked.bands(budget):
                pass
        if "probability" in save:
            planes = 1 if len(classes) == 2 else len(classes)
            pages = tiff_tiles(
                lambda down, across: large.probabilities(down, across)[-planes:],
                shape,
                np.float32,
                planes=planes,
                compress=False,
                classes=list(classes),
            )
            files["probability"] = folder.write(FILES["probability"].format(name), pages)
        if "instances" in save:
            kind = np.uint16 if len(objects.joined) <= np.iinfo(np.uint16).max else np.uint32
            files["instances"] = folder.write(FILES["instances"].format(name), tiff_tiles(objects.read, shape, kind))
        if "boundaries" in save:
            thin = png_rows(_boundary_bands(large, budget), shape)
            files["boundaries"] = folder.write(FILES["boundaries"].format(name), thin)
        if "overlay" in save:
            per_object = card.task == "instances" or "instances" in save
            picture, factor = _overlay(windows, looked, objects if per_object else None)
            files["overlay"] = folder.write(FILES["overlay"].format(name), png_bytes(picture))
            if factor > 1:
                messages.append(f"the overlay is shrunk to 1/{factor} of the size.")
        if "rois" in save:
            regions = ((pixels, kind) for pixels, kind, _ in objects.each(messages, "rois"))
            files["rois"] = folder.write(FILES["rois"].format(name), roi_writer(regions, classes, background))
        if "contours" in save:
            files["contours"] = folder.write(FILES["contours"].format(name), _contours(objects, messages))
        entry: dict[str, Any] = {
            "name": name,
            "file": windows.file.path.name if windows.file.page is None else name,
            "height": shape[0],
            "width": shape[1],
            "channels": windows.channels,
            "files": files,
            "class_shares": {
                kind: round(float(looked.counts[index] / (shape[0] * shape[1])), 6)
                for index, kind in enumerate(classes)
            },
            "unlike": None if isnan(large.unlike) else round(large.unlike, 3),
            "messages": messages,
        }
        if size is not None:
            entry["pixel_size_um"] = [size.x, size.y]
        if save & OF_OBJECTS:
            entry["objects"] = len(objects.joined)
        lists: dict[str, Iterator[Any]] = {}
        if "table" in save:
            lists["rows"] = _table(name, objects, size)
        if "coco" in save:
            each = objects.each(messages, "coco")
            lists["annotations"] = (coco_object(*one, shape, background) for one in each)
        if "rle" in save:
            lists["runs"] = (rle_object(pixels, shape[0]) for pixels, _, _ in objects.each(messages, "rle"))
        yield Written(entry), lists
    finally:
        objects.close()


@dataclass
class _Looked:
    """The mask by windows, as it is saved, counting classes as it goes."""

    large: LargePrediction
    shape: tuple[int, int]
    counts: NDArray[np.int64]

    def mask(self, rows: Span, columns: Span) -> NDArray[np.uint8]:
        classes = self.large.look(rows, columns)[0]
        self.counts += np.bincount(classes.ravel(), minlength=len(self.counts))
        return np.where(classes == 1, np.uint8(255), np.uint8(0)) if len(self.counts) == 2 else classes

    def bands(self, budget: int) -> Iterator[NDArray[np.uint8]]:
        for rows in _band_spans(self.shape, budget, 16 * len(self.counts)):
            yield self.mask(rows, (0, self.shape[1]))


def _band_spans(shape: tuple[int, int], budget: int, cost: int) -> Iterator[Span]:
    """Full rows that take no more than the budget at `cost` bytes a pixel, and not more than pay."""
    step = int(min(max(1, budget // (shape[1] * cost)), 512))
    return ((top, min(top + step, shape[0])) for top in range(0, shape[0], step))


def _boundary_bands(large: LargePrediction, budget: int) -> Iterator[NDArray[np.uint8]]:
    card, (height, width) = large.card, large.shape
    edge = int(max(256, min(1024, (budget / 400) ** 0.5))) - 2 * BOUNDARY_REACH
    for top in range(0, height, edge):
        bottom = min(top + edge, height)
        up, down = widened((top, bottom), BOUNDARY_REACH, height)
        band = np.empty((bottom - top, width), np.uint8)
        for left in range(0, width, edge):
            right = min(left + edge, width)
            west, east = widened((left, right), BOUNDARY_REACH, width)
            probabilities = large.probabilities((up, down), (west, east))
            if card.task == "boundaries" and len(card.object_classes) == 1:
                thin = thin_ridges(probabilities[card.object_classes[0]])
            else:
                thin = region_boundaries(probabilities)
            inner = thin[top - up : bottom - up, left - west : right - west]
            band[:, left:right] = np.round(np.clip(inner, 0, 1) * 255)
        yield band


def _overlay(windows: Windows, looked: _Looked, objects: _Objects | None) -> tuple[NDArray[np.uint8], int]:
    """The picture shrunk by a whole factor: pixels of the image averaged, of the mask the middle ones."""
    (height, width), card = looked.shape, looked.large.card
    factor = -(-max(height, width) // LARGEST_OVERLAY)
    tall, wide = height // factor or 1, width // factor or 1
    across = min(factor, width)
    image = np.empty((tall, wide, windows.channels), windows.dtype)
    mask = np.empty((tall, wide), np.uint8)
    labels = None if objects is None else np.empty((tall, wide), np.int32)
    for row in range(tall):
        start = row * factor
        rows = (start, min(start + factor, height))
        line = windows.read(rows, (0, wide * across)).astype(np.float32)
        image[row] = line.reshape(line.shape[0], wide, across, -1).mean(axis=(0, 2))
        middle = (start + (rows[1] - start) // 2, start + (rows[1] - start) // 2 + 1)
        mask[row] = looked.large.look(middle, (0, width))[0][0, across // 2 :: across][:wide]
        if labels is not None and objects is not None:
            labels[row] = objects.read(middle, (0, width))[0, across // 2 :: across][:wide]
    return draw_overlay(image, mask, len(card.classes), card.background, labels), factor


def _contours(objects: _Objects, messages: list[str]) -> Callable[[BinaryIO], None]:
    """Writer of one GeoJSON collection, some features at a time."""
    card, joined = objects.large.card, objects.joined

    def write(stream: BinaryIO) -> None:
        stream.write(b'{"type":"FeatureCollection","features":[')
        first, lost = True, 0
        for numbers, window in objects.groups():
            if window is None:
                lost += 1
                continue
            kinds, sure = joined.classes[numbers - 1].tolist(), joined.confidence[numbers - 1].tolist()
            margin = class_margin(objects.large.probabilities(*window), kinds, card.threshold)
            polygons = object_polygons(objects.only(numbers, *window), margin)
            corner = np.array([window[1][0], window[0][0]])
            moved = [[[ring + corner for ring in polygon] for polygon in parts] for parts in polygons]
            content = geojson_bytes(moved, kinds, sure, card.classes, card.background, numbers.tolist())
            features = content[content.index(b"[") + 1 : content.rindex(b"]")]
            if features:
                stream.write(features if first else b"," + features)
                first = False
        stream.write(b"]}")
        if lost:
            messages.append(objects.too_large(lost, "contours"))

    return write


def _table(name: str, objects: _Objects, size: PixelSize | None) -> Iterator[Row]:
    card, joined = objects.large.card, objects.joined
    for numbers, window in objects.groups():
        if window is None:
            index = int(numbers[0]) - 1
            yield {
                "image": name,
                "object": int(numbers[0]),
                "class": card.classes[joined.classes[index]],
                "area": int(joined.sizes[index]),
                "confidence": float(f"{joined.confidence[index]:.6g}"),
            }
            continue
        (top, _), (left, _) = window
        labels = objects.only(numbers, *window)
        labels[labels < 0] = 0
        image = objects.windows.read(*window)
        kinds, sure = joined.classes[numbers - 1].tolist(), joined.confidence[numbers - 1].tolist()
        measured = measure_objects(name, labels, image, kinds, sure, card.classes, size)
        for row, number in zip(measured, numbers, strict=True):
            row["object"] = int(number)
            row["centroid_x"], row["centroid_y"] = _moved(row["centroid_x"], left), _moved(row["centroid_y"], top)
            if size is not None:
                row["centroid_x_um"] = _moved(row["centroid_x_um"], left * size.x)
                row["centroid_y_um"] = _moved(row["centroid_y_um"], top * size.y)
            yield row


def _moved(value: str | int | float, corner: float) -> float:
    return float(f"{float(value) + corner:.9g}")
