"""Probabilities for an image of any size from a net that sees a piece at a time.

The image is cut into tiles that overlap. Of every tile the outer `halo` pixels, where the net could not see far enough,
are thrown away. Where the net sees no further than the halo that is all: neighbours meet in a line and nothing shows.
Where it sees further, `ramp` pixels of each fade into its neighbour (raised cosine) so that no seam shows either; the
weights of all tiles sum to exactly 1 at every pixel, hence no division at the end and no second plane of weights.

`predict_cells` gives the finished pixels away tile by tile, so that memory is needed for one tile and, with a ramp, for
the rows under it, however large the image is.

The law (tests): with a pointwise net the result is exact at every size; with a net whose receptive field ends within
the halo, tiled equals whole. Tiles start at multiples of what the net's pooling needs, or the law could not hold.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import nullcontext
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from handful.machine import freed_memory_kept, give_back_memory
from handful.prediction.ahead import ahead

if TYPE_CHECKING:
    import torch
    from torch import Tensor, nn

    from handful.prediction.views import Mirrors

# A padded image of no more pixels than this is predicted in one piece. A megapixel costs a net with 32 channels at full
# resolution about 0.5 GB.
WHOLE_PIXELS = 1 << 20
# Tiles are put through the net in batches of about this many pixels: enough to keep two cores busy and small enough to
# stay near the caches; a GPU wants more.
BATCH_PIXELS = {"cpu": 1 << 18, "cuda": 1 << 22}

Span = tuple[int, int]  # from, to (not included)
# Net input (C, h, w) float32 for the rows and columns given, all within the image.
ReadWindow = Callable[[Span, Span], NDArray[np.float32]]


def widened(span: Span, reach: int, size: int) -> Span:
    """A span and `reach` more at both ends, as far as the axis of `size` goes."""
    return max(0, span[0] - reach), min(span[1] + reach, size)


@dataclass(frozen=True)
class Tiling:
    """How images are cut, in pixels: edge of a tile, halo thrown away at each side, what sizes are a multiple of.

    whole_pixels: images of no more pixels are not cut. ramp: over how many pixels tiles fade into each other; 0 where
    the net sees no further than the halo, None for a sixteenth of a tile.
    """

    tile: int = 256
    halo: int = 32
    multiple: int = 1
    whole_pixels: int = WHOLE_PIXELS
    ramp: int | None = None


@dataclass(frozen=True)
class Cut:
    """Tiles along one axis: where each starts, their common length, the weight of each of their pixels (n, length)."""

    starts: tuple[int, ...]
    length: int
    weights: NDArray[np.float32]

    def support(self, number: int) -> Span:
        """From where to where, on the axis, tile `number` counts."""
        counting = np.flatnonzero(self.weights[number])
        return self.starts[number] + int(counting[0]), self.starts[number] + int(counting[-1]) + 1

    def finished(self, number: int, size: int) -> Span:
        """Which pixels of an axis of `size` are finished with tile `number`: up to where the next begins to count."""
        stop = self.support(number + 1)[0] if number + 1 < len(self.starts) else size
        return self.support(number)[0], min(stop, size)


@dataclass(frozen=True)
class Cell:
    """Finished probabilities (classes, rows, columns) of a rectangle of the image."""

    rows: Span
    columns: Span
    probabilities: NDArray[np.float32]


def predict_tiles(
    net: nn.Module, image: NDArray[np.float32], tiling: Tiling, *, mirrors: Mirrors = (), half: bool = False
) -> NDArray[np.float32]:
    """Probabilities (classes, H, W) float32 of a net input (C, H, W), on the device the net is on.

    mirrors: average over the image and these mirror images of it, see `handful.prediction.views`. half: compute in
    bfloat16.
    """
    shape: tuple[int, int] = image.shape[1:]

    def read(rows: Span, columns: Span) -> NDArray[np.float32]:
        return image[:, slice(*rows), slice(*columns)]

    result: NDArray[np.float32] | None = None
    for cell in predict_cells(net, read, shape, tiling, mirrors=mirrors, half=half):
        if cell.rows == (0, shape[0]) and cell.columns == (0, shape[1]):
            return cell.probabilities
        if result is None:
            result = np.empty((len(cell.probabilities), *shape), np.float32)
        result[:, slice(*cell.rows), slice(*cell.columns)] = cell.probabilities
    assert result is not None
    return result


def predict_cells(
    net: nn.Module,
    read: ReadWindow,
    shape: tuple[int, int],
    tiling: Tiling,
    *,
    mirrors: Mirrors = (),
    half: bool = False,
    first_row: int = 0,
) -> Iterator[Cell]:
    """The same in rectangles that make up the image (H, W), row of tiles after row of tiles, left to right.

    `read` is called in a thread of its own, a batch ahead of the net, for windows inside the image only; what a tile
    lacks beyond the image's lower and right edge is mirrored. first_row: of tiles, to go on with interrupted work; the
    results are those of the uninterrupted work.
    """
    down, across = cut_image(shape, tiling)
    batch = max(1, BATCH_PIXELS.get(_device(net).type, BATCH_PIXELS["cpu"]) // (down.length * across.length))
    # With a ramp the tiles of a row begin on what the row before left, so that one is computed again.
    begin = first_row - 1 if first_row and down.support(first_row)[0] < down.support(first_row - 1)[1] else first_row
    spots = [(row, column) for row in range(len(down.starts)) for column in range(len(across.starts))]
    # The same batches as from the start: the last digits of what a net says depend on how many tiles it is given.
    batches = [spots[start : start + batch] for start in range(0, len(spots), batch)]
    batches = [some for some in batches if some[-1][0] >= begin]

    def tiles_of(some: list[tuple[int, int]]) -> NDArray[np.float32]:
        return np.stack(
            [
                _padded_window(read, shape, (down.starts[row], across.starts[column]), (down.length, across.length))
                for row, column in some
            ]
        )

    joined = _Joiner(down, across, shape)
    with freed_memory_kept():
        for some, tiles in ahead((some, tiles_of(some)) for some in batches):
            for (row, column), probabilities in zip(some, _probabilities(net, tiles, mirrors, half), strict=True):
                if row >= begin:
                    cell = joined.take(row, column, probabilities)
                    if row >= first_row:
                        yield cell
    if len(spots) > 1:  # an image of one tile is likely to be followed by others like it
        give_back_memory()


class _Joiner:
    """Adds the weighted tiles up; holds what of the last tile, and of the row above, is not finished."""

    def __init__(self, down: Cut, across: Cut, shape: tuple[int, int]) -> None:
        self.down, self.across, self.shape = down, across, shape
        self.left: NDArray[np.float32] | None = None
        self.above: list[NDArray[np.float32]] = []
        self.below: list[NDArray[np.float32]] = []

    def take(self, row: int, column: int, probabilities: NDArray[np.float32]) -> Cell:
        if column == 0:
            self.above, self.below, self.left = self.below, [], None
        (top, bottom), (first, last) = self.down.support(row), self.across.support(column)
        rows, columns = self.down.finished(row, self.shape[0]), self.across.finished(column, self.shape[1])
        y, x = self.down.starts[row], self.across.starts[column]
        part = probabilities[:, top - y : bottom - y, first - x : last - x].copy()
        for weights, axis in (
            (self.down.weights[row, top - y : bottom - y, None], 1),
            (self.across.weights[column, None, first - x : last - x], 2),
        ):
            if part.shape[axis] and not (weights == 1).all():
                part *= weights
        if self.left is not None and self.left.shape[2]:
            part[:, :, : self.left.shape[2]] += self.left
        self.left = part[:, :, columns[1] - first :].copy() if column + 1 < len(self.across.starts) else None
        part = part[:, :, : columns[1] - first]
        if self.above and self.above[column].shape[1]:
            part[:, : self.above[column].shape[1]] += self.above[column]
        self.below.append(part[:, rows[1] - top :].copy() if row + 1 < len(self.down.starts) else part[:, :0])
        return Cell(rows, columns, part[:, : rows[1] - top])


def cut_image(shape: tuple[int, int], tiling: Tiling) -> tuple[Cut, Cut]:
    """Tiles down and across an image (H, W): one for all of it where it is small enough."""
    multiple = tiling.multiple
    height, width = (_round_up(size, multiple) for size in shape)
    if height * width <= tiling.whole_pixels:
        return _whole(height), _whole(width)
    # Two multiples at least: then the last tile holds enough of the image to mirror what it lacks.
    tile = max(_round_up(tiling.tile, multiple), _round_up(2 * tiling.halo + 2, multiple) + multiple, 2 * multiple)
    return _cut(height, tile, tiling), _cut(width, tile, tiling)


def _whole(size: int) -> Cut:
    return Cut((0,), size, np.ones((1, size), np.float32))


def _cut(size: int, tile: int, tiling: Tiling) -> Cut:
    """Tiles of one length along an axis of `size` pixels; both are multiples of what the net needs."""
    if size <= tile:
        return _whole(size)
    multiple, halo = tiling.multiple, tiling.halo
    widest = tile - 2 * halo
    ramp = min(max(1, tile // 16) if tiling.ramp is None else tiling.ramp, widest // 3)
    stride = max(multiple, (widest - ramp) // multiple * multiple)
    count = 1 + -(-(size - tile) // stride)
    # As many tiles as that, no longer than they must be: nothing is computed twice without need.
    ramp = min(ramp, widest - stride)
    stride = min(stride, _round_up(-(-(size - 2 * halo - ramp) // count), multiple))
    tile = min(tile, max(_round_up(stride + 2 * halo + ramp, multiple), 2 * multiple))
    starts = (*range(0, size - tile, stride), size - tile)
    # Between neighbours: a ramp in the middle of what both know well.
    fade = np.sin(np.pi / 2 * (np.arange(ramp) + 0.5) / max(ramp, 1)) ** 2
    weights = np.ones((len(starts), tile))
    for number, (here, there) in enumerate(pairwise(starts)):
        begin = (here + tile + there - ramp) // 2
        weights[number, begin - here : begin - here + ramp] *= fade[::-1]
        weights[number, begin - here + ramp :] = 0.0
        weights[number + 1, begin - there : begin - there + ramp] *= fade
        weights[number + 1, : begin - there] = 0.0
    return Cut(starts, tile, weights.astype(np.float32))


def _padded_window(
    read: ReadWindow, shape: tuple[int, int], start: tuple[int, int], size: tuple[int, int]
) -> NDArray[np.float32]:
    rows, columns = ((begin, min(begin + n, end)) for begin, n, end in zip(start, size, shape, strict=True))
    window = read(rows, columns)
    lack = [(0, 0), (0, size[0] - window.shape[1]), (0, size[1] - window.shape[2])]
    # "reflect" goes back and forth where the image is smaller than what is lacking; of one pixel it makes copies.
    return np.pad(window, lack, mode="reflect") if any(after for _, after in lack) else window


def _probabilities(net: nn.Module, tiles: NDArray[np.float32], mirrors: Mirrors, half: bool) -> NDArray[np.float32]:
    """(B, C, h, w) to (B, classes, h, w), softmax over classes."""
    import torch

    device = _device(net)
    with torch.inference_mode(), torch.autocast(device.type, torch.bfloat16) if half else nullcontext():
        x = torch.from_numpy(np.ascontiguousarray(tiles)).to(device, memory_format=torch.channels_last)
        total = _softmax(net, x)
        for axes in mirrors:
            total += _softmax(net, x.flip(axes)).flip(axes)
        total /= 1 + len(mirrors)
        probabilities: NDArray[np.float32] = total.cpu().numpy()
    return probabilities


def _softmax(net: nn.Module, x: Tensor) -> Tensor:
    logits: Tensor = net(x)
    return logits.float().softmax(dim=1)


def _device(net: nn.Module) -> torch.device:
    import torch

    first: Any = next(net.parameters(), None)
    return torch.device("cpu") if first is None else first.device


def _round_up(size: int, multiple: int) -> int:
    return -(-size // multiple) * multiple
