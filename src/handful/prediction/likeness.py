"""How unlike the training images an image is: a model has no say about what it never saw the like of, and cannot know.

Some twenty numbers describe an image as the net was given it: the strength and the peakedness of its detail at five
sizes, its brightness, contrast and colour, and what the net answered (class shares, doubt). The model file keeps those
of its training images. The distance of a new image is the mean of those to the two nearest of them; each number is
measured in steps in which images of one kind ordinarily differ. It is told as a multiple of the distance from which on
an image is called unlike: that one is set from how far each training image lies from the others.

What was tried on models of nuclei, membrane and cats (docs/why/unlike.md): features pooled from the deepest layer of a
net trained for half a minute tell these sets apart far worse than the detail of the image; quantiles of the brightness
made it worse; a variance measured on a dozen images is no better than the fixed steps below.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

SIZES = 5  # of detail: 1, 2, 4, 8, 16 pixels
# In what steps each number ordinarily differs between images of one kind: round numbers between what neighbours among
# nuclei, membrane slices and cats show and the spread of the whole sets.
STEPS = (
    *(0.15,) * SIZES,  # log strength of detail of each size
    *(0.1,) * (SIZES - 1),  # and how that changes from one size to the next
    *(0.1,) * SIZES,  # log peakedness: noise is even, edges are sparse
    *(0.08, 0.2, 0.05),  # brightness, log contrast, colourfulness
)
DOUBT_STEP = 0.4  # of the log of the mean doubt (entropy) of the net
SHARE_STEP = 0.3  # of the log share of a class
MIDDLE = 192  # pixels: what the net answers is looked at there, so that training images are soon described
NEAREST = 2  # training images whose distance is averaged
MOST_KEPT = 32  # training images: 32 x 20 numbers are a few kB in the model file
WINDOW, MOST_WINDOWS = 512, 5  # pixels of a side, number: of larger images some windows are looked at
SAMPLED = 1 << 17  # pixels that brightness is measured on
# Distances between images of one kind, before any is measured: their upper quartile, and how many training images that
# guess is worth. FACTOR times the upper quartile is called unlike, but never less than LEAST.
USUAL, WORTH = 2.0, 3
FACTOR, LEAST = 1.3, 1.5

FloatArray = NDArray[np.float64]
Span = tuple[int, int]  # from, to (not included)


def describe_image(
    image: NDArray[Any], planes: NDArray[np.float32], answer: NDArray[np.float32] | None
) -> NDArray[np.float32]:
    """The numbers of one image in steps: (17,) of the image, and with the net's answer (18 + classes,).

    image: (H, W, C) as it was read. planes: the net's input (C, h, w). answer: the `middle` of the probabilities before
    any temperature.
    """
    shape = planes.shape[1], planes.shape[2]
    step = thinning((image.shape[0], image.shape[1]))
    return describe_pieces([planes[:, slice(*r), slice(*c)] for r, c in places(shape)], image[::step, ::step], answer)


def describe_pieces(
    pieces: Sequence[NDArray[np.float32]], pixels: NDArray[Any], answer: NDArray[np.float32] | None
) -> NDArray[np.float32]:
    """The same from the net's input at `places`, and the pixels of every `thinning`-th row and column of the image."""
    details = [_detail(piece.mean(axis=0)) for piece in pieces]
    numbers = np.concatenate([np.mean(details, axis=0), _look(pixels)]) / STEPS
    if answer is None:
        return numbers.astype(np.float32)
    # However many classes there are, together they weigh as much as two numbers.
    shares = np.log(answer.mean(axis=(1, 2), dtype=np.float64) + 0.02) / SHARE_STEP * np.sqrt(2 / len(answer))
    return np.concatenate([numbers, [_doubt(answer) / DOUBT_STEP], shares]).astype(np.float32)


def middle(planes: NDArray[np.float32], working: tuple[int, ...]) -> NDArray[np.float32]:
    """The middle of planes (n, H, W): what the net sees of them within MIDDLE x MIDDLE pixels of its `working` size."""
    rows, columns = middle_of(planes.shape[1:], working)
    return planes[:, slice(*rows), slice(*columns)]


def middle_of(shape: tuple[int, ...], working: tuple[int, ...]) -> tuple[Span, Span]:
    """Rows and columns of that middle in an image (H, W)."""
    rows, columns = (
        ((size - kept) // 2, (size - kept) // 2 + kept)
        for size, seen in zip(shape, working, strict=True)
        for kept in [max(1, round(size * min(1.0, MIDDLE / seen)))]
    )
    return rows, columns


def learn_likeness(descriptions: Sequence[NDArray[np.float32]]) -> dict[str, Any]:
    """What the model file keeps: {"images": rows of numbers, "unlike": the distance from which on}; {} for none.

    Where the net's answer is known of some images only, it is left out for all.
    """
    if not descriptions:
        return {}
    every = max(1, -(-len(descriptions) // MOST_KEPT))
    kept: FloatArray = np.round(_alike(descriptions[::every]), 2)
    others = _to_the_others(kept)
    measured = len(others) * np.log(max(np.quantile(others, 0.75), 1e-3)) if len(others) else 0.0
    usual = np.exp((measured + WORTH * np.log(USUAL)) / (len(others) + WORTH))
    return {"images": kept.tolist(), "unlike": round(max(LEAST, FACTOR * float(usual)), 4)}


def alone(descriptions: Sequence[NDArray[np.float32]], likeness: Mapping[str, Any]) -> FloatArray:
    """How unlike the others each of these images is, (n,); above 1 it has not its like among them. Empty for one."""
    if not likeness or len(descriptions) < 2:
        return np.zeros(0)
    return _to_the_others(_alike(descriptions)) / float(likeness["unlike"])


def how_unlike(description: NDArray[np.float32], likeness: Mapping[str, Any]) -> float:
    """Distance to the training images over the distance from which on an image is unlike them: above 1 it is.

    nan where the model file says nothing, or was written by a handful with other numbers.
    """
    rows = np.asarray(likeness.get("images", ()), np.float64)
    if rows.shape[1:] not in ((len(STEPS),), description.shape):
        return float("nan")
    return _distance(description[: rows.shape[1]].astype(np.float64), rows) / float(likeness["unlike"])


def unlike_words(unlike: float) -> str:
    """One sentence for an image that is unlike those trained on."""
    return (
        f"unlike the images trained on (distance {unlike:.2f}, where 1 is the limit): look at the result before you "
        "use it."
    )


def _alike(descriptions: Sequence[NDArray[np.float32]]) -> FloatArray:
    """Rows of one length."""
    width = min(map(len, descriptions))
    return np.stack([row[:width] for row in descriptions]).astype(np.float64)


def _distance(row: FloatArray, rows: FloatArray) -> float:
    """Root mean square difference, the mean over the nearest rows."""
    distances = np.sqrt(np.mean((rows - row) ** 2, axis=1))
    return float(np.sort(distances)[:NEAREST].mean())


def _to_the_others(rows: FloatArray) -> FloatArray:
    if len(rows) < 2:
        return np.zeros(0)
    return np.array([_distance(row, np.delete(rows, place, axis=0)) for place, row in enumerate(rows)])


def places(shape: tuple[int, int]) -> list[tuple[Span, Span]]:
    """Where the net's input (h, w) is looked at: all of it, or windows at its middle and towards its corners."""
    height, width = shape
    if height * width <= MOST_WINDOWS * WINDOW**2:
        return [((0, height), (0, width))]
    spare = max(height - WINDOW, 0), max(width - WINDOW, 0)
    corners = [
        (int(down * spare[0]), int(across * spare[1]))
        for down, across in ((0.5, 0.5), (0.15, 0.15), (0.15, 0.85), (0.85, 0.15), (0.85, 0.85))
    ]
    return [((top, min(top + WINDOW, height)), (left, min(left + WINDOW, width))) for top, left in corners]


def thinning(shape: tuple[int, int]) -> int:
    """The step of a regular grid of at most about SAMPLED pixels in an image (H, W)."""
    return max(1, int(np.ceil(np.sqrt(shape[0] * shape[1] / SAMPLED))))


def _detail(plane: NDArray[np.float32]) -> FloatArray:
    """Log strength of detail of each size in the contrast of the whole, its changes, and log peakedness.

    Detail of a size is what is lost when blocks of 2 x 2 are replaced by their mean; then the means are looked at.
    """
    plane = (plane - plane.mean()) / max(float(plane.std()), 1e-3)
    strength: list[float] = []
    peaked: list[float] = []
    for _ in range(SIZES):
        height, width = (size // 2 for size in plane.shape)
        if min(height, width) < 4:  # too small to say anything about detail this large
            strength.append(strength[-1] if strength else 0.0)
            peaked.append(peaked[-1] if peaked else 0.0)
            continue
        blocks = plane[: 2 * height, : 2 * width].reshape(height, 2, width, 2)
        means = blocks.mean(axis=(1, 3))
        lost = blocks - means[:, None, :, None]
        spread = float(lost.std()) + 1e-3
        strength.append(float(np.log(spread)))
        peaked.append(float(np.log(np.abs(lost).mean() / spread + 1e-3)))
        plane = means
    return np.array([*strength, *np.diff(strength), *peaked])


def _look(pixels: NDArray[Any]) -> FloatArray:
    """Brightness, log contrast and colourfulness in the range of the image's type."""
    from handful.data.image import as_unit

    values = as_unit(np.ascontiguousarray(pixels))
    values = np.nan_to_num(values.astype(np.float64), posinf=1.0, neginf=0.0)
    grey = values.mean(axis=2)
    colours = float((values.max(axis=2) - values.min(axis=2)).mean())
    return np.array([grey.mean(), np.log(grey.std() + 1 / 255), colours])


def _doubt(probabilities: NDArray[np.float32]) -> float:
    """Log of the mean entropy over pixels."""
    step = thinning((probabilities.shape[1], probabilities.shape[2]))
    chances = np.maximum(probabilities[:, ::step, ::step], 1e-7)
    return float(np.log(-(chances * np.log(chances)).sum(axis=0).mean() + 0.01))
