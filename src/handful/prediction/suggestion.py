"""Which image to label next: the one from which the most is to be learnt about all those that are not labelled.

How it works
------------
1. The doubt of an image is one less the Dice that the model itself expects of its answer there.
2. How far two images are apart is told by the numbers of `handful.prediction.likeness`. What is known of an image is as
   good as the nearest labelled one is near.
3. A label on an image brings every image near it nearer to a labelled one. Its gain is the sum of that over all
   unlabelled images, each weighed by its doubt. So an image is suggested that is unlike what was labelled, stands for
   many others and is in doubt; one oddity alone is not worth much.
4. The first suggestion then counts as labelled, and the next is sought: no two of a kind.

It is the facility location objective of Wei et al. (2015), https://proceedings.mlr.press/v37/wei15.html, greedily.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]

FARTHEST = 4.0  # times the distance at which images are called unlike: farther is no more unknown than that
BASE_DOUBT = 0.1  # added to every doubt: a sure answer far from all that was seen is no proof


@dataclass(frozen=True)
class Choice:
    """A suggestion: number of the image, gain as a share of all there is to gain, and how many images it stands for."""

    number: int
    gain: float
    stands_for: int


def expected_dice(probabilities: NDArray[np.float32], mask: NDArray[np.uint8], objects: tuple[int, ...]) -> float:
    """The Dice that the probabilities (classes, H, W) promise for a mask (H, W), the mean over the object classes.

    2 sum p m / (sum p + sum m): what is expected of an image if the probabilities are honest. A class that covers less
    than a pixel, by the mask and by its probabilities, is not there; 1 where none is.
    """
    promised = []
    for number in objects:
        chances, marked = probabilities[number], mask == number
        whole = float(chances.sum(dtype=np.float64)) + float(marked.sum())
        if whole >= 1:
            promised.append(2 * float(chances[marked].sum(dtype=np.float64)) / whole)
    return float(np.mean(promised)) if promised else 1.0


def choose_images(
    doubts: NDArray[np.float64], images: NDArray[np.float64], labelled: NDArray[np.float64], n: int, *, unlike: float
) -> list[Choice]:
    """The `n` images to label, best first; fewer where there are fewer, or nothing is left to gain.

    doubts: (images,) 0 to 1. images, labelled: rows of numbers from `describe_image`; `labelled` may have no rows.
    unlike: the distance at which images are called unlike.
    """
    if not len(images):
        return []
    farthest = FARTHEST * unlike
    apart = np.minimum(_distances(images, images), farthest)
    nearest = np.full(len(images), farthest)
    if len(labelled):
        nearest = np.minimum(nearest, _distances(images, labelled).min(axis=1))
    weights = np.asarray(doubts, np.float64) + BASE_DOUBT
    whole = float(weights.sum() * farthest)
    chosen: list[Choice] = []
    for _ in range(min(n, len(images))):
        nearer = np.maximum(nearest[:, None] - apart, 0.0)  # (image, candidate)
        gains = weights @ nearer
        gains[[one.number for one in chosen]] = -1.0
        best = int(np.argmax(gains))
        if gains[best] <= 0:
            break
        helped = int(np.sum(nearer[:, best] > 0.25 * np.maximum(nearest, 1e-9)))
        chosen.append(Choice(best, float(gains[best]) / whole, helped))
        nearest = np.minimum(nearest, apart[:, best])
    return chosen


def _distances(rows: NDArray[np.float64], others: NDArray[np.float64]) -> FloatArray:
    """Root mean square difference of every row to every other, (rows, others)."""
    return np.stack([np.sqrt(np.mean((others - row) ** 2, axis=1)) for row in rows])
