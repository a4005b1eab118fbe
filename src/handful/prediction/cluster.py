"""Prediction of a Zarr image on many machines: a dask graph whose tasks read and write blocks on a disk that all share.

Three rounds: every block is read with a halo and its probabilities written; every block of probabilities is read with a
halo and its mask and objects written; objects are joined here (`handful.prediction.joined`) and every block gets their
final numbers. Blocks are chunks of the Zarr arrays, so no two tasks write to one chunk, and a task that failed or whose
machine was lost can be run again: dask does so.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from handful.data.channels import match_channels
from handful.data.decode import ImageFile
from handful.data.windows import Windows, open_windows
from handful.errors import DataError, OutputError, SettingsError
from handful.modelfile import ModelCard
from handful.normalise import Statistics, standardise
from handful.prediction.joined import Blocks, Joiner, Part, Place, find_part
from handful.prediction.large import LargePrediction, count_planes, keep_planes, survey
from handful.prediction.segmenter import Segmenter
from handful.prediction.tiles import Span, Tiling, predict_tiles
from handful.prediction.views import Mirrors, at_one_size, choose_mirrors
from handful.scale import resize_window, working_size

# Edge of a block, pixels: large against the halo, small against the memory of a worker (1 GB for a net of 250 bytes a
# pixel).
BLOCK = 1024
RETRIES = 3
OUTPUTS = frozenset({"mask", "probability", "instances"})


@dataclass(frozen=True)
class ClusterWork:
    """What every task must know; plain values and paths that all machines see alike."""

    model: Path
    card: ModelCard  # the model's own, or with other settings for objects
    image: ImageFile
    statistics: Statistics
    shape: tuple[int, int]
    size: tuple[int, int]
    folder: Path
    mirrors: Mirrors
    block: int = BLOCK

    def file(self, kind: str) -> Path:
        return self.folder / f"{kind}.zarr"


class ZarrPlanes:
    """The part of `PlaneFile` that reading needs, for a Zarr array (planes, H, W)."""

    def __init__(self, path: Path) -> None:
        self._array = _open(path)
        self.shape = (int(self._array.shape[1]), int(self._array.shape[2]))

    def read(self, rows: Span, columns: Span) -> NDArray[Any]:
        return np.asarray(self._array[:, slice(*rows), slice(*columns)])


def predict_on_cluster(
    address: str,
    model: Path,
    card: ModelCard,
    file: ImageFile,
    folder: Path,
    save: frozenset[str],
    *,
    name: str,
    flips: bool | None = None,
    block: int = BLOCK,
    done: Callable[[float], None] = lambda share: None,
) -> dict[str, Any]:
    """Predict a Zarr image on the dask.distributed cluster at `address` and write Zarr arrays into `folder`.

    Gives {"files": {output: path}, "counts": pixels a class, "objects": number or None, "messages": words, "shape",
    "channels"}. A cluster that is not there is a SettingsError, an image that is no Zarr a DataError.
    """
    try:
        from distributed import Client
    except ImportError as error:
        raise SettingsError("--cluster needs further packages: pip install 'handful[big]'.") from error
    if unknown := sorted(save - OUTPUTS):
        raise DataError(f"{name}: --cluster writes {', '.join(sorted(OUTPUTS))}; not {', '.join(unknown)}.")
    if not file.path.is_dir():
        raise DataError(f"{name}: --cluster reads Zarr, which many machines can read at once. Convert it first.")
    with open_windows(file) as windows:
        found = survey(windows, card, name)
        shape, channels = windows.shape, windows.channels
    size = working_size(shape, card.scale)
    work = ClusterWork(
        model.resolve(),
        card,
        replace(file, path=file.path.resolve()),
        found.statistics,
        shape,
        size,
        folder.resolve(),
        choose_mirrors(card, size, flips),
        block,
    )
    _create(work.file("probability"), (count_planes(card), *work.size), (1, block, block), "float32")
    _create(work.file("mask"), shape, (block, block), "uint8")
    objects = "instances" in save
    if objects:
        _create(work.file("parts"), shape, (block, block), "int32")
        _create(work.file("instances"), shape, (block, block), "uint32")
    try:
        client: Any = Client(address, timeout="20s", set_as_default=False)  # type: ignore[no-untyped-call]
    except (OSError, ValueError) as error:
        raise SettingsError(f"--cluster {address}: no dask scheduler answers there ({error}).") from error
    with client:
        rounds = 2 + objects
        step = 0

        def share(part: float) -> None:
            done((step + part) / rounds)

        places = list(Blocks(work.size, block).places())
        for _ in _run(client, predict_block, work, places, [()] * len(places), share):
            pass
        step, blocks = 1, Blocks(shape, block)
        joiner, counts = Joiner(blocks, card), np.zeros(len(card.classes), np.int64)
        places, offsets = list(blocks.places()), []
        for part, seen in _run(client, look_at_block, work, places, [(objects,)] * len(places), share):
            counts += seen
            if part is not None:
                offsets.append(joiner.count)
                joiner.take(part)
        number = None
        if objects:
            step, joined = 2, joiner.finish()
            number = len(joined)
            ends = [*offsets[1:], joiner.count]
            tables = [(joined.table[start + 1 : stop + 1],) for start, stop in zip(offsets, ends, strict=True)]
            for _ in _run(client, number_block, work, places, tables, share):
                pass
    shutil.rmtree(work.file("parts"), ignore_errors=True)
    if "probability" not in save:
        shutil.rmtree(work.file("probability"), ignore_errors=True)
    return {
        "files": {kind: work.file(kind) for kind in sorted(save)},
        "counts": counts,
        "objects": number,
        "messages": [*found.messages, *at_one_size(card, size, flips)],
        "shape": shape,
        "channels": channels,
    }


def _run(
    client: Any,
    task: Callable[..., Any],
    work: ClusterWork,
    places: Sequence[Place],
    more: Sequence[tuple[Any, ...]],
    share: Callable[[float], None],
) -> Iterator[Any]:
    """Results of task(work, place, ...) in the order of places, from a graph of one node a block."""
    from dask.delayed import delayed

    nodes = [delayed(task, pure=False)(work, place, *one) for place, one in zip(places, more, strict=True)]
    futures = client.compute(nodes, retries=RETRIES)
    for number, future in enumerate(futures):
        try:
            yield future.result()
        except (DataError, OutputError):
            raise
        except Exception as error:
            raise OutputError(
                f"{work.image}: block {places[number]} failed {RETRIES + 1} times on the cluster ({error})."
            ) from error
        future.release()
        share((number + 1) / len(places))


def predict_block(work: ClusterWork, place: Place) -> None:
    """Probabilities of one block, from a window with the halo of the net."""
    segmenter = _segmenter(work.model)
    card, multiple = segmenter.card, segmenter.card.multiple
    rows, columns = Blocks(work.size, work.block).core(place)
    # Where the tiles of one machine may begin, these begin: at multiples of what the net's pooling needs.
    halo = -(-card.halo // multiple) * multiple
    view = [(max(0, start // multiple * multiple - halo), stop + halo) for start, stop in (rows, columns)]
    down, across = ((start, min(stop, size)) for (start, stop), size in zip(view, work.size, strict=True))
    windows = _windows(work.image)

    def read(tall: Span, wide: Span) -> NDArray[np.float32]:
        pixels = match_channels(windows.read(tall, wide), card.channels, str(work.image))
        return np.ascontiguousarray(np.moveaxis(standardise(pixels, work.statistics), -1, 0))

    planes = resize_window(read, work.shape, work.size, down, across)
    edge = max(planes.shape[1:]) + multiple
    tiling = Tiling(edge, card.halo, multiple, whole_pixels=edge * edge, ramp=0)
    probabilities = predict_tiles(segmenter.running, planes, tiling, mirrors=work.mirrors)
    inner = probabilities[:, rows[0] - down[0] : rows[1] - down[0], columns[0] - across[0] : columns[1] - across[0]]
    _open(work.file("probability"), write=True)[:, slice(*rows), slice(*columns)] = keep_planes(inner, card)


def look_at_block(work: ClusterWork, place: Place, objects: bool) -> tuple[Part | None, NDArray[np.int64]]:
    """Mask of one block, and its objects but for their pixels, which are written."""
    card, blocks = work.card, Blocks(work.shape, work.block)
    large = LargePrediction(work.shape, ZarrPlanes(work.file("probability")), card)
    (top, bottom), (left, right) = blocks.core(place)
    (up, low), (west, east) = blocks.view(place) if objects else blocks.core(place)
    look = large.look((up, low), (west, east))
    inner = look[0][top - up : bottom - up, left - west : right - west]
    shown = np.where(inner == 1, np.uint8(255), np.uint8(0)) if len(card.classes) == 2 else inner
    _open(work.file("mask"), write=True)[top:bottom, left:right] = shown
    counts = np.bincount(inner.ravel(), minlength=len(card.classes)).astype(np.int64)
    if not objects:
        return None, counts
    part = find_part(blocks, place, look, card)
    _open(work.file("parts"), write=True)[top:bottom, left:right] = part.labels
    return replace(part, labels=np.zeros((0, 0), np.int32)), counts


def number_block(work: ClusterWork, place: Place, table: NDArray[np.int32]) -> None:
    """The final numbers of the objects of one block; `table` is of its own objects 1 to n."""
    (top, bottom), (left, right) = Blocks(work.shape, work.block).core(place)
    labels = np.asarray(_open(work.file("parts"))[top:bottom, left:right])
    numbers = np.concatenate([np.zeros(1, np.uint32), table.astype(np.uint32)])
    _open(work.file("instances"), write=True)[top:bottom, left:right] = numbers[labels]


@lru_cache(maxsize=1)
def _segmenter(model: Path) -> Segmenter:
    return Segmenter.load(model)


@lru_cache(maxsize=4)
def _windows(image: ImageFile) -> Windows:
    return open_windows(image)


def _create(path: Path, shape: tuple[int, ...], chunks: tuple[int, ...], kind: str) -> None:
    import zarr

    path.parent.mkdir(parents=True, exist_ok=True)
    names = ("c", "y", "x")[-len(shape) :]
    zarr.create_array(path, shape=shape, chunks=chunks, dtype=kind, dimension_names=names, overwrite=True)


def _open(path: Path, *, write: bool = False) -> Any:
    import zarr

    return zarr.open_array(path, mode="r+" if write else "r")
