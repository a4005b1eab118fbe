"""Separate objects of an image that is looked at block by block, an object on a border between blocks being one.

How it works:
1. The image is cut into blocks. Each is looked at with a halo around it, and its objects are found as in any image
   (`handful.prediction.instances`), small ones too.
2. The two lines of pixels along the border between blocks lie in the views of both. An object of one block and one of
   the other are the same if, on these lines, they share more than half of the pixels of the smaller; for objects that
   are the connected regions of the mask one shared pixel is enough.
3. Joined objects get the sums of their parts' pixels and probabilities, from the blocks without their halos; those of
   fewer than `min_size` pixels or less than `min_probability` are dropped; the rest are numbered by their first pixel,
   from the top down.

The law (tests): connected regions come out as in the whole image always; objects that touch and are parted come out as
in the whole image where the halo is wider than an object (both blocks then see all of an object on their border).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from handful.modelfile import ModelCard
from handful.prediction.confidence import object_confidence
from handful.prediction.instances import ObjectSettings, find_objects
from handful.prediction.tiles import Span, widened

# Objects are cells, leaves, cars: at the size at which they are labelled by hand few are wider than this.
HALO = 128
BLOCK = 1024

FloatArray = NDArray[np.float64]
Place = tuple[int, int]  # row and column of a block
# Mask (h, w), probabilities (classes, h, w), and those of interiors (h, w) where the model answers them.
Look = tuple[NDArray[np.uint8], NDArray[np.float32], NDArray[np.float32] | None]


@dataclass(frozen=True)
class Blocks:
    """How an image (H, W) is cut: edge of a block and halo around it, in pixels."""

    shape: tuple[int, int]
    block: int = BLOCK
    halo: int = HALO

    def places(self) -> Iterator[Place]:
        down, across = (-(-size // self.block) for size in self.shape)
        return ((row, column) for row in range(down) for column in range(across))

    def core(self, place: Place) -> tuple[Span, Span]:
        rows, columns = (
            (number * self.block, min((number + 1) * self.block, size))
            for number, size in zip(place, self.shape, strict=True)
        )
        return rows, columns

    def view(self, place: Place) -> tuple[Span, Span]:
        """The block with its halo, as far as there is image."""
        rows, columns = self.core(place)
        return widened(rows, self.halo, self.shape[0]), widened(columns, self.halo, self.shape[1])


@dataclass(frozen=True)
class Part:
    """What one block tells: its objects are 1 to n, those in the halo included.

    lines: labels on the two lines along each of its four borders that a neighbour shares, by "top", "bottom", "left",
    "right". sizes (n,), sums (classes, n), first (n,: row * W + column), boxes (n, 4: top, left, bottom, right) and
    labels (h, w) count the pixels of the block without its halo.
    """

    place: Place
    labels: NDArray[np.int32]
    sizes: NDArray[np.int64]
    sums: NDArray[np.float64]
    first: NDArray[np.int64]
    boxes: NDArray[np.int64]
    classes: NDArray[np.int64]
    lines: dict[str, NDArray[np.int32]] = field(repr=False)


@dataclass(frozen=True)
class JoinedObjects:
    """Objects 1 to n: classes (n,), confidence (n,), sizes (n,), boxes (n, 4). table: of parts to objects, 0 none."""

    table: NDArray[np.int32]
    classes: NDArray[np.int64]
    confidence: NDArray[np.float64]
    sizes: NDArray[np.int64]
    boxes: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.classes)


def find_part(blocks: Blocks, place: Place, look: Look, card: ModelCard) -> Part:
    """The objects of a block from the look at its view."""
    mask, probabilities, interior = look
    settings = replace(ObjectSettings.from_dict(card.postprocessing), min_size=0, min_probability=0.0)
    found = find_objects(
        mask, probabilities, card.background, settings, interior=interior, split=card.task == "instances"
    )
    (top, bottom), (left, right) = blocks.core(place)
    (up, _), (west, _) = blocks.view(place)
    inside = slice(top - up, bottom - up), slice(left - west, right - west)
    labels = np.ascontiguousarray(found.labels[inside])
    count = len(found)
    flat = labels.ravel()
    sizes = np.bincount(flat, minlength=count + 1)[1:]
    weights = (plane[inside].ravel().astype(np.float64) for plane in probabilities)
    sums: FloatArray = np.stack([np.bincount(flat, weight, count + 1)[1:] for weight in weights]).astype(np.float64)
    first = np.full(count + 1, np.iinfo(np.int64).max)
    boxes = np.tile(np.array([np.iinfo(np.int64).max] * 2 + [0] * 2), (count + 1, 1))
    rows, columns = np.nonzero(labels)
    numbers = labels[rows, columns]
    rows, columns = rows + top, columns + left
    np.minimum.at(first, numbers, rows * blocks.shape[1] + columns)
    for index, (values, bound) in enumerate(((rows, np.minimum), (columns, np.minimum))):
        bound.at(boxes[:, index], numbers, values)
        np.maximum.at(boxes[:, index + 2], numbers, values + 1)
    # One pixel further at each end: an object may go from block to block across a corner.
    tall, wide = (
        slice(max(span.start - 1, 0), min(span.stop + 1, size))
        for span, size in zip(inside, found.labels.shape, strict=True)
    )
    lines = {}
    for name, edge, limit in (("top", top, 0), ("bottom", bottom, blocks.shape[0])):
        if edge != limit:
            lines[name] = found.labels[edge - 1 - up : edge + 1 - up, wide].copy()
    for name, edge, limit in (("left", left, 0), ("right", right, blocks.shape[1])):
        if edge != limit:
            lines[name] = found.labels[tall, edge - 1 - west : edge + 1 - west].T.copy()
    return Part(place, labels, sizes, sums, first[1:], boxes[1:], found.classes, lines)


class Joiner:
    """Takes the parts in the order of `Blocks.places` and tells which are one object.

    Keeps of a part what its neighbours need, and a few numbers an object: nothing that grows with the pixels.
    """

    def __init__(self, blocks: Blocks, card: ModelCard) -> None:
        self.blocks, self.card = blocks, card
        self._touching = not (card.task == "instances" and card.background is not None)
        self.count = 0  # objects of the parts so far, before they are joined
        self._waiting: dict[tuple[Place, str], tuple[int, NDArray[np.int32]]] = {}
        self._pairs: list[NDArray[np.int64]] = []
        self._parts: list[tuple[NDArray[Any], ...]] = []

    def take(self, part: Part) -> NDArray[np.int32]:
        """Labels (h, w) of the block, numbered on from those before: what `JoinedObjects.table` is about."""
        row, column = part.place
        start = self.count
        self.count += len(part.sizes)
        self._parts.append((part.sizes, part.sums.T, part.first, part.boxes, part.classes))
        for side, other, opposite in (("top", (row - 1, column), "bottom"), ("left", (row, column - 1), "right")):
            if side in part.lines:
                before, lines = self._waiting.pop((other, opposite))
                self._match(lines, before, part.lines[side], start)
        for side in ("bottom", "right"):
            if side in part.lines:
                self._waiting[part.place, side] = start, part.lines[side]
        return np.where(part.labels > 0, part.labels + np.int32(start), 0).astype(np.int32)

    def _match(self, one: NDArray[np.int32], before: int, two: NDArray[np.int32], start: int) -> None:
        both = (one > 0) & (two > 0)
        pairs, shared = np.unique(np.column_stack([one[both], two[both]]), axis=0, return_counts=True)
        if not len(pairs):
            return
        if not self._touching:
            smaller = np.minimum(np.bincount(one.ravel())[pairs[:, 0]], np.bincount(two.ravel())[pairs[:, 1]])
            pairs = pairs[2 * shared > smaller]
        self._pairs.append(pairs.astype(np.int64) - 1 + (before, start))

    def finish(self) -> JoinedObjects:
        """The objects, when all parts have been taken."""
        from scipy.sparse import coo_array
        from scipy.sparse.csgraph import connected_components

        classes = len(self.card.classes)
        if not self.count:
            none = np.zeros(0, np.int64)
            return JoinedObjects(np.zeros(1, np.int32), none, np.zeros(0), none, np.zeros((0, 4), np.int64))
        sizes, sums, first, boxes, kinds = (np.concatenate(column) for column in zip(*self._parts, strict=True))
        pairs = np.concatenate(self._pairs) if self._pairs else np.zeros((0, 2), np.int64)
        graph = coo_array((np.ones(len(pairs)), (pairs[:, 0], pairs[:, 1])), shape=(self.count, self.count))
        number, which = connected_components(graph, directed=False)
        total = np.bincount(which, sizes, number).astype(np.int64)
        summed = np.stack([np.bincount(which, sums[:, kind], number) for kind in range(classes)])
        means: FloatArray = (summed / np.maximum(total, 1)).astype(np.float64)
        earliest = np.full(number, np.iinfo(np.int64).max)
        np.minimum.at(earliest, which, first)
        around = np.tile(np.array([np.iinfo(np.int64).max] * 2 + [0] * 2), (number, 1))
        np.minimum.at(around[:, :2], which, boxes[:, :2])
        np.maximum.at(around[:, 2:], which, boxes[:, 2:])
        if self._touching:
            kind = np.zeros(number, np.int64)
            kind[which] = kinds
        else:
            ranked = means.copy()
            ranked[self.card.background] = -1
            kind = ranked.argmax(axis=0)
        # An object that lies in halos alone has no pixels of its own.
        settings = ObjectSettings.from_dict(self.card.postprocessing)
        sure = means[kind, np.arange(number)]
        kept = np.flatnonzero((total > 0) & (total >= settings.min_size) & (sure >= settings.min_probability))
        kept = kept[np.argsort(earliest[kept])]
        final = np.zeros(number, np.int32)
        final[kept] = np.arange(1, len(kept) + 1)
        confidence = object_confidence(sure[kept], self.card.object_confidence)
        table = np.concatenate([np.zeros(1, np.int32), final[which]])
        return JoinedObjects(table, kind[kept], confidence, total[kept], around[kept])


def join_objects(
    blocks: Blocks,
    card: ModelCard,
    look: Callable[[Span, Span], Look],
    keep: Callable[[Span, Span, NDArray[np.int32]], None],
    done: Callable[[float], None] = lambda share: None,
    places: Sequence[Place] | None = None,
) -> JoinedObjects:
    """Objects of an image; `look` is at rows and columns, `keep` stores labels of a block."""
    joiner = Joiner(blocks, card)
    every: Iterable[Place] = list(blocks.places()) if places is None else places
    every = list(every)
    for number, place in enumerate(every):
        keep(*blocks.core(place), joiner.take(find_part(blocks, place, look(*blocks.view(place)), card)))
        done((number + 1) / len(every))
    return joiner.finish()
