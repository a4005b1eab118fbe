"""Prediction of an image that does not fit into memory: probabilities go to a file, and everything else is made from
windows of that.

A folder holds the file and `progress.json`: what the work is (model, image, tiles) and how many rows of tiles are done.
Work that was cut off goes on from there and gives the same bytes.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from math import nan
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import NDArray

from handful.data.channels import TURNED_GREY, loses_colour, match_channels, may_lose_colour
from handful.errors import DataError, SettingsError
from handful.files import write_whole
from handful.interior import merge_planes
from handful.modelfile import ModelCard
from handful.normalise import STATISTICS_PIXELS, Statistics, image_statistics, standardise
from handful.prediction.ahead import Behind
from handful.prediction.appetite import MARGIN, bytes_a_pixel, largest_edge
from handful.prediction.bridge import REACH
from handful.prediction.confidence import temper
from handful.prediction.joined import Look
from handful.prediction.likeness import describe_pieces, how_unlike, middle_of, places, thinning, unlike_words
from handful.prediction.planefile import PlaneFile
from handful.prediction.segmenter import Segmenter, mask_of
from handful.prediction.tiles import Cell, Span, Tiling, cut_image, predict_cells, widened
from handful.prediction.views import at_one_size, choose_mirrors
from handful.scale import resize_window, working_size

if TYPE_CHECKING:
    from handful.data.windows import Windows

PROGRESS = "progress.json"
# Shares of the memory at hand: for the net, and for blocks of the image file that are kept decoded.
NET_SHARE, CACHE_SHARE = 0.6, 0.15


class Planes(Protocol):
    """Planes of numbers (planes, H, W) that are read by windows; `shape` is (H, W)."""

    shape: tuple[int, int]

    def read(self, rows: Span, columns: Span) -> NDArray[Any]: ...


@dataclass(frozen=True)
class LargePrediction:
    """What a model says about a large image, by windows; see `Prediction` for the words.

    shape: (H, W) of the image. raw: probabilities at the size at which the net works, `count_planes` of them.
    messages: what was odd about the image. unlike: how unlike the training images it is.
    """

    shape: tuple[int, int]
    raw: Planes
    card: ModelCard
    messages: tuple[str, ...] = ()
    unlike: float = nan

    def probabilities(self, rows: Span, columns: Span) -> NDArray[np.float32]:
        """float32 (classes, h, w) of these rows and columns of the image."""
        return temper(self.answer(rows, columns)[0], self.card.temperature)

    def answer(self, rows: Span, columns: Span) -> tuple[NDArray[np.float32], NDArray[np.float32] | None]:
        """Probabilities (classes, h, w) as the net says them, before any temperature; those of interiors (h, w)."""

        planes = resize_window(self.raw.read, self.raw.shape, self.shape, rows, columns)
        classes, interior = (planes, None) if self.card.interior_of is None else (planes[:-1], planes[-1])
        return np.concatenate([1 - classes, classes]) if len(classes) == 1 else classes, interior

    def look(self, rows: Span, columns: Span) -> Look:
        """Mask (h, w), probabilities (classes, h, w) and those of interiors (h, w), where the model answers them."""
        reach = 0 if self.card.bridge is None else REACH
        down, across = widened(rows, reach, self.shape[0]), widened(columns, reach, self.shape[1])
        probabilities, interior = self.answer(down, across)
        probabilities = temper(probabilities, self.card.temperature)
        mask = mask_of(probabilities, self.card)
        window = ..., slice(rows[0] - down[0], rows[1] - down[0]), slice(columns[0] - across[0], columns[1] - across[0])
        return mask[window], probabilities[window], None if interior is None else interior[window]


def count_planes(card: ModelCard) -> int:
    """How many planes are kept of an answer."""
    return card.outputs - (len(card.classes) == 2)


def keep_planes(planes: NDArray[np.float32], card: ModelCard) -> NDArray[np.float32]:
    """What is kept of the net's answer (outputs, h, w): the classes, of two only class 1, then the interior."""
    classes, interior = merge_planes(planes, card.interior_of)
    kept: NDArray[np.float32] = classes[1:] if len(card.classes) == 2 else classes
    return kept if interior is None else np.concatenate([kept, interior[None]])


@dataclass(frozen=True)
class Survey:
    """What must be known of the whole image before its first tile: statistics, and pixels that are not numbers.

    look: pixels (h, w, C) on the grid on which `handful.prediction.likeness` looks; None where nobody asks.
    """

    statistics: Statistics
    messages: tuple[str, ...] = ()
    look: NDArray[Any] | None = None


def survey(windows: Windows, card: ModelCard, name: str) -> Survey:
    """One pass over the image where one is needed; the statistics are those of the whole image to the last digit."""
    floats, colours = windows.dtype.kind == "f", may_lose_colour(windows.channels, card.channels)
    if card.normalisation["kind"] != "image" and not floats and not colours and not card.likeness:
        sample = windows.read((0, 1), (0, 1))
        return Survey(image_statistics(match_channels(sample, card.channels, name), card.normalisation))
    height, width = windows.shape
    # The grid of `image_statistics`: of pixels that lie on it a further grid is never taken.
    stride = int(np.ceil(np.sqrt(max(1.0, height * width / STATISTICS_PIXELS))))
    step = thinning(windows.shape)
    grid, looks, bad, coloured = [], [], 0, False
    for (top, _), band in windows.bands():
        looks.append(band[-top % step :: step, ::step].copy())
        grid.append(match_channels(band[-top % stride :: stride, ::stride], card.channels, name))
        coloured = coloured or loses_colour(band, card.channels)
        if floats:
            bad += int((~np.isfinite(band)).any(axis=-1).sum())
    statistics = image_statistics(np.concatenate(grid), card.normalisation)
    messages = []
    if bad:
        messages.append(f"not a number at {bad} of {height * width} pixels: taken as the middle of the image.")
    if coloured:
        messages.append(TURNED_GREY)
    return Survey(statistics, tuple(messages), np.concatenate(looks))


def choose_tiling(segmenter: Segmenter, budget: int, pixels: int | None = None) -> Tiling:
    """The largest tiles that `budget` bytes hold; SettingsError where even the smallest do not fit.

    pixels: of the image, where it is in memory; it is predicted in one piece if that is no larger than such a tile.
    """
    card, whole = segmenter.card, segmenter.tiling
    least = _least_edge(whole)
    # Beside the net's own: tiles read ahead, and cells on their way to the file.
    each = bytes_a_pixel(segmenter.running, card.channels) + (3 * 4 * card.channels + 4 * 4 * card.outputs) / MARGIN
    edge = largest_edge(int(NET_SHARE * budget), each, least)
    if edge is None:
        missing = least * least * each * MARGIN / NET_SHARE - budget
        raise SettingsError(
            f"--memory: too little for this model: at least {missing / 1e6:.0f} MB more are needed for one tile of "
            f"{least} pixels. Give more memory."
        )
    one_piece = 0 if pixels is None else min(whole.whole_pixels, edge * edge)
    return Tiling(edge, whole.halo, whole.multiple, whole_pixels=one_piece, ramp=whole.ramp)


def _least_edge(tiling: Tiling) -> int:
    """Smaller tiles would be nearly all halo."""
    return -(-(2 * tiling.halo + 2 + tiling.multiple) // tiling.multiple) * tiling.multiple + tiling.multiple


def predict_large(
    segmenter: Segmenter,
    windows: Windows,
    folder: Path,
    *,
    name: str,
    identity: Mapping[str, Any],
    budget: int,
    flips: bool | None = None,
    half: bool = False,
    resume: bool = False,
    done: Callable[[float], None] = lambda share: None,
) -> LargePrediction:
    """Probabilities of a large image into a file in `folder`, tile by tile, within `budget` bytes beside what there is.

    Reading, the net and writing each have a thread. identity: JSON values that tell this work from any other; `resume`
    goes on only with work of the same identity. `done` hears the share that is done.
    """
    card = segmenter.card
    size = working_size(windows.shape, card.scale)
    found = survey(windows, card, name)
    mirrors = choose_mirrors(card, size, flips)
    state = _read_state(folder) if resume else None
    about = {**identity, "shape": list(windows.shape), "mirrors": mirrors, "half": half}
    if state is not None and state["about"] == json.loads(json.dumps(about)):
        tiling, first_row = Tiling(**state["tiling"]), int(state["rows"])
        raw = PlaneFile(folder / "probability.raw", count_planes(card), size, np.float32, new=False)
    else:
        tiling, first_row = choose_tiling(segmenter, budget), 0
        raw = PlaneFile(folder / "probability.raw", count_planes(card), size, np.float32, new=True)
    rows = len(cut_image(size, tiling)[0].starts)

    def read_planes(down: Span, across: Span) -> NDArray[np.float32]:
        pixels = match_channels(windows.read(down, across), card.channels, name)
        return np.ascontiguousarray(np.moveaxis(standardise(pixels, found.statistics), -1, 0))

    def read(down: Span, across: Span) -> NDArray[np.float32]:
        return resize_window(read_planes, windows.shape, size, down, across)

    def note(finished: int) -> None:
        state = {"about": about, "tiling": vars(tiling), "rows": finished}
        write_whole(folder / PROGRESS, json.dumps(state).encode())

    finished = first_row

    def write(cell: Cell) -> None:
        nonlocal finished
        raw.write(cell.rows, cell.columns, keep_planes(cell.probabilities, card))
        if cell.columns[1] == size[1]:
            finished += 1
            note(finished)

    note(finished)
    if first_row < rows:
        cells = predict_cells(segmenter.running, read, size, tiling, mirrors=mirrors, half=half, first_row=first_row)
        with Behind(write) as writing:
            for cell in cells:
                writing.put(cell)
                share = (cell.rows[0] * size[1] + (cell.rows[1] - cell.rows[0]) * cell.columns[1]) / (size[0] * size[1])
                done(share)
    told = (*found.messages, *at_one_size(card, size, flips))
    large = LargePrediction(windows.shape, raw, card, told)
    if found.look is None or not card.likeness:
        return large
    pieces = [read(*place) for place in places(size)]
    answer, _ = large.answer(*middle_of(windows.shape, size))
    unlike = how_unlike(describe_pieces(pieces, found.look, answer), card.likeness)
    messages = (*told, unlike_words(unlike)) if unlike > 1 else told
    return replace(large, messages=messages, unlike=unlike)


def _read_state(folder: Path) -> Any:
    try:
        state = json.loads((folder / PROGRESS).read_bytes())
    except (OSError, ValueError):
        return None
    return state if (folder / "probability.raw").is_file() else None


def whole_bytes(pixels: int, channels: int, itemsize: int, classes: int, save: frozenset[str]) -> int:
    """About how many bytes an image of so many pixels takes when all of it is in memory; measured, rounded up."""
    each = channels * (4 * itemsize + 12) + 16 * classes + 8
    each += sum(cost for kind, cost in WHOLE_COST.items() if kind in save)
    each += 100 if save - WHOLE_COST.keys() - {"mask"} else 0
    return pixels * each


# Bytes a pixel on top for what is made of a whole image.
WHOLE_COST = {"overlay": 45, "instances": 140, "contours": 180, "table": 180, "boundaries": 170, "probability": 8}
# The lists of objects were found to cost what the objects cost, lines 8 bytes more than boundaries.
WHOLE_COST |= {"coco": 140, "rle": 140, "rois": 140, "lines": 180}


def refuse_odd(windows: Windows, card: ModelCard, name: str) -> None:
    """DataError at once where the channels do not fit the model."""
    if 0 in windows.shape:
        raise DataError(f"{name}: has no pixels.")
    match_channels(windows.read((0, 1), (0, 1)), card.channels, name)
