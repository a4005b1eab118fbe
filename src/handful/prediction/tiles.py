"""Probabilities for an image of any size from a net that sees a piece at a time.

The image is cut into square tiles that overlap. Of every tile the outer `halo` pixels, where the net could not see far
enough, are thrown away; what is left fades into its neighbours over a short ramp, so that no seam shows even where the
net sees further than the halo. Along each axis the weights of all tiles sum to exactly 1 at every pixel, hence no
division at the end and no second plane of weights, and a row of pixels is finished as soon as the last tile over it is:
`predict_strips` gives rows away while it works, so that an image larger than memory needs memory for one row of tiles.

The law (tests): with a pointwise net the result is exact at every size; with a net whose receptive field ends within
the halo, tiled equals whole. Tiles start at multiples of what the net's pooling needs, or the law could not hold.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import torch
    from torch import Tensor, nn

# A padded image of no more pixels than this is predicted in one piece. A megapixel costs a net with 32 channels at full
# resolution about 0.5 GB.
WHOLE_PIXELS = 1 << 20
# Tiles are put through the net in batches of about this many pixels: enough to keep two cores busy and small enough to
# stay near the caches; a GPU wants more.
BATCH_PIXELS = {"cpu": 1 << 18, "cuda": 1 << 22}

# Net input (C, h, w) float32 for the rows and columns given as (start, stop), all within the image.
ReadWindow = Callable[[tuple[int, int], tuple[int, int]], NDArray[np.float32]]


@dataclass(frozen=True)
class Tiling:
    """How images are cut, in pixels: edge of a tile, halo thrown away at each side, what sizes are a multiple of."""

    tile: int = 256
    halo: int = 32
    multiple: int = 1
    whole_pixels: int = WHOLE_PIXELS


@dataclass(frozen=True)
class Cut:
    """Tiles along one axis: where each starts, their common length, the weight of each of their pixels (n, length)."""

    starts: tuple[int, ...]
    length: int
    weights: NDArray[np.float32]


def predict_tiles(
    net: nn.Module, image: NDArray[np.float32], tiling: Tiling, *, flips: bool = False
) -> NDArray[np.float32]:
    """Probabilities (classes, H, W) float32 of a net input (C, H, W), on the device the net is on.

    flips: average over the image and its mirror images along either axis and both (four times the work).
    """
    height, width = image.shape[1:]

    def read(rows: tuple[int, int], columns: tuple[int, int]) -> NDArray[np.float32]:
        return image[:, slice(*rows), slice(*columns)]

    return np.concatenate(list(predict_strips(net, read, (height, width), tiling, flips=flips)), axis=1)


def predict_strips(
    net: nn.Module, read: ReadWindow, shape: tuple[int, int], tiling: Tiling, *, flips: bool = False
) -> Iterator[NDArray[np.float32]]:
    """The same from the top down, some finished rows at a time: (classes, rows, W), which together make up H.

    Holds one row of tiles. `read` is asked for windows inside the image only; what a tile lacks beyond the image's
    lower and right edge is mirrored.
    """
    height, width = shape
    down, across = cut_image(shape, tiling)
    batch = max(1, BATCH_PIXELS.get(_device(net).type, BATCH_PIXELS["cpu"]) // (down.length * across.length))
    unfinished: NDArray[np.float32] | None = None  # weighted sums of the rows from the current tile's first row on
    for number, top in enumerate(down.starts):
        for first in range(0, len(across.starts), batch):
            lefts = across.starts[first : first + batch]
            tiles = np.stack([_padded_window(read, shape, (top, left), (down.length, across.length)) for left in lefts])
            probabilities = _probabilities(net, tiles, flips)
            if first == 0:
                strip = np.zeros((probabilities.shape[1], down.length, across.starts[-1] + across.length), np.float32)
            for offset, left in enumerate(lefts):
                strip[:, :, left : left + across.length] += probabilities[offset] * across.weights[first + offset]
        strip *= down.weights[number][:, None]
        if unfinished is not None:
            strip[:, : unfinished.shape[1]] += unfinished
        stop = down.starts[number + 1] if number + 1 < len(down.starts) else height
        yield strip[:, : stop - top, :width]
        unfinished = strip[:, stop - top :]


def cut_image(shape: tuple[int, int], tiling: Tiling) -> tuple[Cut, Cut]:
    """Tiles down and across an image (H, W): one for all of it where it is small enough."""
    multiple = tiling.multiple
    height, width = (_round_up(size, multiple) for size in shape)
    if height * width <= tiling.whole_pixels:
        return _cut(height, height, tiling), _cut(width, width, tiling)
    # Two multiples at least: then the last tile holds enough of the image to mirror what it lacks.
    tile = max(_round_up(tiling.tile, multiple), _round_up(2 * tiling.halo + 2, multiple) + multiple, 2 * multiple)
    return _cut(height, tile, tiling), _cut(width, tile, tiling)


def _cut(size: int, tile: int, tiling: Tiling) -> Cut:
    """Tiles of one length along an axis of `size` pixels; both are multiples of what the net needs."""
    if size <= tile:
        return Cut((0,), size, np.ones((1, size), np.float32))
    kept = tile - 2 * tiling.halo
    ramp = max(1, min(tile // 16, kept // 2))
    stride = max(tiling.multiple, (kept - ramp) // tiling.multiple * tiling.multiple)
    starts = (*range(0, size - tile, stride), size - tile)
    # Raised cosine: neighbours that overlap by exactly one ramp sum to 1 as they are, others after the division below.
    fade = np.ones(tile)
    fade[: tiling.halo] = 0.0
    fade[tiling.halo : tiling.halo + ramp] = np.sin(np.pi / 2 * (np.arange(ramp) + 0.5) / ramp) ** 2
    weights = np.tile(np.minimum(fade, fade[::-1]), (len(starts), 1))
    weights[0, : tile // 2] = 1.0  # nothing lies beyond the image's own edges
    weights[-1, tile - tile // 2 :] = 1.0
    total = np.zeros(size)
    for start, weight in zip(starts, weights, strict=True):
        total[start : start + tile] += weight
    for start, weight in zip(starts, weights, strict=True):
        weight /= total[start : start + tile]
    return Cut(starts, tile, weights.astype(np.float32))


def _padded_window(
    read: ReadWindow, shape: tuple[int, int], start: tuple[int, int], size: tuple[int, int]
) -> NDArray[np.float32]:
    rows, columns = ((begin, min(begin + n, end)) for begin, n, end in zip(start, size, shape, strict=True))
    window = read(rows, columns)
    lack = [(0, 0), (0, size[0] - window.shape[1]), (0, size[1] - window.shape[2])]
    # "reflect" goes back and forth where the image is smaller than what is lacking; of one pixel it makes copies.
    return np.pad(window, lack, mode="reflect") if any(after for _, after in lack) else window


def _probabilities(net: nn.Module, tiles: NDArray[np.float32], flips: bool) -> NDArray[np.float32]:
    """(B, C, h, w) to (B, classes, h, w), softmax over classes."""
    import torch

    with torch.inference_mode():
        x = torch.from_numpy(np.ascontiguousarray(tiles)).to(_device(net))
        total = _softmax(net, x)
        if flips:
            for axes in ((-1,), (-2,), (-2, -1)):
                total += _softmax(net, x.flip(axes)).flip(axes)
            total /= 4
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
