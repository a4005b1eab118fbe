"""Does the interval that `handful curve` gives hold what more images really add? Asked many times over real images.

    python benchmarks/curve.py --sets nuclei,cats,camvid --images 8,16,30 --repeats 2,3,5

Trainings by the hundred thousand take a learner that costs nothing: ridge regression of object or not on 256 random
cosines (Rahimi and Recht 2007) of the pixel forest's features. What it learns from some images rests on the sum of a
matrix and a vector that each image has. Its scores rise as a net's do, but by no law that `curve` knows.

Each time n images are drawn, folded, learnt from in subsets and scored as `curve` does it, and the gain of five more is
asked. The truth is the mean gain in Dice over 400 draws of n and n + 5 images, each scored on 40 others. Printed: the
truth, the median answer, the share of intervals that hold the truth, those that lie above it, below it, their width.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from itertools import chain, islice

import numpy as np
import torch
from datasets import SETS
from numpy.typing import NDArray
from PIL import Image

from handful.measure.saturation import gain_of_more
from handful.models.forest import pixel_features
from handful.verbs.curve import MORE, MOST_SCORED, sizes_of

OBJECT = {"camvid": 1}  # the class that counts, buildings; elsewhere whatever is not 0
MOST_IMAGES, LONGEST = 200, 400  # of a set; pixels of the longer side
COSINES, PIXELS, SCALES, RIDGE = 256, 1500, 5, 30.0  # pixels of an image to learn from, and as many others to score on
DRAWS, TESTED = 400, 40

FloatArray = NDArray[np.float64]


@dataclass(frozen=True)
class Images:
    """All that is known of the images of a set.

    products (n, k, k) and answers (n, k): sums over the pixels to learn from. rows (n, pixels, k), inside (n, pixels):
    those to score on.
    """

    products: FloatArray
    answers: FloatArray
    rows: NDArray[np.float32]
    inside: NDArray[np.bool_]

    def score(self, learnt: NDArray[np.int64], tested: NDArray[np.int64]) -> FloatArray:
        """Dice (tested,) of what is learnt from some images on others."""
        ridge = RIDGE * len(learnt) * np.eye(self.answers.shape[1])
        weights = np.linalg.solve(self.products[learnt].sum(0) + ridge, self.answers[learnt].sum(0))
        found, true = self.rows[tested] @ weights.astype(np.float32) > 0, self.inside[tested]
        dice: FloatArray = 2 * (found & true).sum(1) / np.maximum(found.sum(1) + true.sum(1), 1)
        return dice


def read_images(name: str, rng: np.random.Generator) -> Images:
    described, masks = [], []
    for _, picture, mask in islice(chain(*SETS[name]()), MOST_IMAGES):
        size = tuple(max(1, round(side * min(1, LONGEST / max(picture.size)))) for side in picture.size)
        values = np.asarray(picture.convert("RGB").resize(size), np.float32)
        values = (values - values.mean()) / (values.std() + 0.25)
        planes = pixel_features(torch.from_numpy(values).permute(2, 0, 1)[None], SCALES)[0].flatten(1).numpy()
        classes = np.asarray(mask.resize(size, Image.Resampling.NEAREST)).ravel()
        drawn = rng.integers(0, len(classes), 2 * PIXELS)
        described.append(planes[:, drawn].T)
        masks.append((classes == OBJECT[name] if name in OBJECT else classes > 0)[drawn])
    features, inside = np.stack(described), np.stack(masks)
    features = np.clip((features - features.mean((0, 1))) / (features.std((0, 1)) + 1e-6), -5, 5)
    turned = rng.normal(0, 2 / np.sqrt(features.shape[2]), (features.shape[2], COSINES))
    rows = np.sqrt(2) * np.cos(features @ turned + rng.uniform(0, 2 * np.pi, COSINES))
    rows = np.concatenate([rows, np.ones((*rows.shape[:2], 1))], axis=2).astype(np.float32)
    learn, score = rows[:, :PIXELS], rows[:, PIXELS:]
    signs = np.where(inside[:, :PIXELS], 1.0, -1.0)
    answers = np.stack([row.T @ sign for row, sign in zip(learn, signs, strict=True)])
    return Images(np.stack([row.T @ row for row in learn]).astype(float), answers, score, inside[:, PIXELS:])


def true_gain(images: Images, n: int, rng: np.random.Generator) -> float:
    gains = []
    for _ in range(DRAWS):
        order = rng.permutation(len(images.rows))
        tested = order[n + MORE :][:TESTED]
        gains.append(images.score(order[: n + MORE], tested).mean() - images.score(order[:n], tested).mean())
    return float(np.mean(gains))


def one_curve(images: Images, n: int, repeats: int, rng: np.random.Generator) -> tuple[list[int], FloatArray]:
    """Sizes and scores (sizes, images) as `curve` gets them from n labelled images."""
    own = rng.permutation(len(images.rows))[:n]
    folds = np.array_split(own, max(repeats, 3))[:repeats]
    sizes = sizes_of(n - max(map(len, folds)))
    columns = []
    for fold in folds:
        pool, held = rng.permutation(np.setdiff1d(own, fold)), fold[:MOST_SCORED]
        columns.append([images.score(pool[:size], held) for size in sizes])
    return sizes, np.concatenate([np.array(column) for column in columns], axis=1)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sets", default="nuclei,cats,camvid")
    parser.add_argument("--images", default="8,16,30")
    parser.add_argument("--repeats", default="2,3,5")
    parser.add_argument("--times", type=int, default=120)
    given = parser.parse_args()
    print("| set | images | repeats | five more add | said (median) | held | above | below | width (median) |")
    print("|" + "---|" * 9)
    for name in given.sets.split(","):
        rng = np.random.default_rng(0)
        images = read_images(name, rng)
        for n in map(int, given.images.split(",")):
            truth = true_gain(images, n, rng)
            for repeats in map(int, given.repeats.split(",")):
                found = [gain_of_more(*one_curve(images, n, repeats, rng), MORE, now=n) for _ in range(given.times)]
                value, low, high = np.array([(one.value, one.low, one.high) for one in found]).T
                cells = [name, n, repeats, f"{truth:.4f}", f"{np.median(value):.4f}"]
                cells += [
                    f"{share.mean():.2f}" for share in ((low <= truth) & (truth <= high), low > truth, high < truth)
                ]
                print("| " + " | ".join(map(str, [*cells, f"{np.median(high - low):.3f}"])) + " |", flush=True)


if __name__ == "__main__":
    main()
