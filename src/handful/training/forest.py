"""Growing a pixel forest: extremely randomised trees (Geurts et al. 2006), a level at a time.

Every node of a level is split at once, by arrays: with 20000 pixels a tree takes some hundredths of a second.
scikit-learn's trees are as good, but importing them takes two seconds, all that a forest may take of a short run.

Trees that are kept see all images: of nuclei of mixed modalities a third left out cost .025 of Dice. Where no images
are held back, others are grown that leave out a third of the quarters of images, and answer those: a score out of the
bag (Breiman 2001), by quarters and not by pixels, whose neighbours a tree would have seen. With whole images left out
four nuclei images scored .41, and .87 on unseen ones: none was like another.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import nan

import numpy as np
import torch
from numpy.typing import NDArray

from handful.data.mask import VOID
from handful.measure.overlap import count_overlap, dice, mean_present
from handful.models.forest import LEAF, PixelForest, pixel_features, reach
from handful.training.window import draw_window

PIXELS = 24_000  # to learn from, over all images
WINDOW = 192  # pixels: edge of the part of a large image that is looked at
MOST_IMAGES = 48
TRIES = 12  # random splits of a node, of which the best is taken
LEAST = 4  # pixels in a leaf
# A class counts in the leaves by its share of all pixels to the power 1 - EVENNESS: Dice asks as much of a rare class.
EVENNESS = 0.3
READING_SHARE = 0.4  # of the time at most goes to features
OUT_OF_BAG = 12  # trees that are grown for a score

Read = Callable[[int], tuple[NDArray[np.float32], NDArray[np.uint8]]]


@dataclass(frozen=True)
class Pixels:
    """What trees learn from: features (n, features), class (n,), and the quarter of an image (n,) that each is of.

    A quarter is four times the image's number and 0 to 3.
    """

    features: NDArray[np.float32]
    classes: NDArray[np.int64]
    quarters: NDArray[np.int64]


@dataclass(frozen=True)
class Grown:
    """A forest, its settings for `build_net`, and its Dice out of the bag (nan: not asked)."""

    net: PixelForest
    settings: dict[str, int]
    out_of_bag: float


@dataclass(frozen=True)
class Tree:
    """Nodes in a row: feature and threshold, the left of two neighbouring children (itself: a leaf), class shares."""

    feature: NDArray[np.int32]
    threshold: NDArray[np.float32]
    child: NDArray[np.int32]
    shares: NDArray[np.float32]


def grow_forest(
    asked: PixelForest,
    read: Read,
    count: int,
    *,
    scored: Sequence[int],
    seed: int = 0,
    until: float | None = None,
    out_of_bag: bool = False,
) -> Grown | None:
    """A forest with the trees, depth and scales of `asked`; None where the pixels are all of one class.

    read: gives one of `count` images, standardised float32 (C, H, W), with its target (H, W), 255 left out. scored: the
    classes whose Dice counts. until: time.monotonic() at which no further tree is begun; with None the work is fixed,
    and the same seed gives the same forest.
    """
    rng = np.random.default_rng((seed, 0xF0))
    began = time.monotonic()
    reading = None if until is None else began + READING_SHARE * (until - began)
    pixels = draw_pixels(read, count, asked.scales, rng, until=reading)
    if len(np.unique(pixels.classes)) < 2:
        return None
    every = np.ones(len(pixels.classes), np.bool_)
    score, longest = nan, 0.0
    if out_of_bag:
        halfway = None if until is None else time.monotonic() + (until - time.monotonic()) / 3
        score = out_of_bag_score(pixels, asked, scored, rng, halfway)
    grown: list[Tree] = []
    for _ in range(asked.trees):
        now = time.monotonic()
        if until is not None and grown and now + longest > until:
            break
        grown.append(grow_tree(pixels, every, asked, rng)[0])
        longest = max(longest, time.monotonic() - now)
    nodes = max(len(tree.child) for tree in grown)
    settings = {"trees": len(grown), "nodes": nodes, "depth": asked.depth, "scales": asked.scales}
    net = PixelForest(asked.in_channels, asked.classes, **settings)
    for number, tree in enumerate(grown):
        for name in ("feature", "threshold", "child", "shares"):
            values = torch.from_numpy(getattr(tree, name))
            getattr(net, name).data[number, : len(values)] = values
    return Grown(net.eval(), settings, score)


def out_of_bag_score(
    pixels: Pixels, asked: PixelForest, scored: Sequence[int], rng: np.random.Generator, until: float | None
) -> float:
    """Dice, averaged over images and the scored classes that each has, of trees on quarters they were not shown."""
    votes = np.zeros((len(pixels.classes), asked.classes))
    numbers = np.unique(pixels.quarters)
    for tree_number in range(OUT_OF_BAG):
        if until is not None and tree_number and time.monotonic() > until:
            break
        left_out = rng.permutation(numbers)[: max(1, len(numbers) // 3)]
        seen = ~np.isin(pixels.quarters, left_out)
        if len(np.unique(pixels.classes[seen])) > 1:
            tree, leaves = grow_tree(pixels, seen, asked, rng)
            votes[~seen] += tree.shares[leaves[~seen]]
    found = []
    for number in np.unique(numbers // 4):
        own = (pixels.quarters // 4 == number) & (votes.sum(1) > 0)
        true, answer = pixels.classes[own].astype(np.uint8), votes[own].argmax(1).astype(np.uint8)
        tp, fp, fn, _ = count_overlap(true[:, None], answer[:, None], asked.classes)
        found.append(mean_present(dice(tp, fp, fn)[list(scored)]))
    return float(mean_present(np.array(found)))


def draw_pixels(read: Read, count: int, scales: int, rng: np.random.Generator, *, until: float | None = None) -> Pixels:
    """Pixels that have a class, as many of each image, or of as many images as there is time for.

    Of a large image from one window.
    """
    order = rng.permutation(count)[:MOST_IMAGES]
    each = max(PIXELS // len(order), 64)
    features: list[NDArray[np.float32]] = []
    classes: list[NDArray[np.int64]] = []
    numbers: list[NDArray[np.int64]] = []
    for index in order:
        if until is not None and features and time.monotonic() > until:
            break
        image, whole = read(int(index))
        rows, columns = draw_window(whole, WINDOW, rng)
        target = whole[slice(*rows), slice(*columns)]
        places = rng.permutation(np.flatnonzero(target != VOID))[:each]
        features.append(window_features(image, rows, columns, scales)[:, places].T)
        classes.append(target.ravel()[places].astype(np.int64))
        row, column = np.divmod(places, target.shape[1])
        quarter = 2 * (2 * row >= target.shape[0]) + (2 * column >= target.shape[1])
        numbers.append(4 * index + quarter)
    return Pixels(np.ascontiguousarray(np.concatenate(features)), np.concatenate(classes), np.concatenate(numbers))


def window_features(
    image: NDArray[np.float32], rows: tuple[int, int], columns: tuple[int, int], scales: int
) -> NDArray[np.float32]:
    """Features (features, pixels) of a window of an image (C, H, W), as the whole image gives them."""
    far = reach(scales)
    top, left = max(rows[0] - far, 0), max(columns[0] - far, 0)
    part = torch.from_numpy(np.ascontiguousarray(image[:, top : rows[1] + far, left : columns[1] + far]))
    with torch.inference_mode():
        planes = pixel_features(part[None], scales)[0]
    here = slice(rows[0] - top, rows[1] - top), slice(columns[0] - left, columns[1] - left)
    window: NDArray[np.float32] = planes[:, *here].numpy()
    return window.reshape(len(window), -1)


def grow_tree(
    pixels: Pixels, seen: NDArray[np.bool_], asked: PixelForest, rng: np.random.Generator
) -> tuple[Tree, NDArray[np.int64]]:
    """A tree learnt from the pixels `seen`, and the leaf (n,) to which it sends each of all pixels.

    Each node draws TRIES pairs of a feature and a threshold, which lies anywhere between the least and the largest of
    its pixels, and takes the pair that leaves the purest children (Gini). A threshold drawn from the pixels themselves
    lies where they are many: on nuclei of modalities that were not seen that cost .03 of Dice.
    """
    count, width = pixels.features.shape
    values, classes = pixels.features.ravel(), asked.classes
    node = np.zeros(count, np.int64)
    feature, threshold = [np.zeros(1, np.int64)], [np.full(1, LEAF)]
    child = [np.zeros(1, np.int64)]
    first, size = 0, 1  # of the nodes of this level
    for _ in range(asked.depth):
        here = np.flatnonzero(node >= first)  # pixels that are not yet in a leaf
        own = node[here] - first
        order = np.flatnonzero(seen[here])
        order = order[np.argsort(own[order].astype(np.int32), kind="stable")]  # the pixels of a node lie together
        learnt, place = here[order], own[order]
        cell = place * classes + pixels.classes[learnt]
        total = np.bincount(cell, minlength=size * classes).reshape(size, classes)
        number = np.bincount(place, minlength=size)
        tried = rng.integers(width, size=(TRIES, size))
        where_between = rng.random((TRIES, size), np.float32)
        levels = np.zeros((TRIES, size), np.float32)
        starts = np.cumsum(number) - number  # every node has pixels
        purity = np.zeros((TRIES, size))
        row = learnt * width
        for attempt in range(TRIES):
            there = values[row + tried[attempt][place]]
            low, high = np.minimum.reduceat(there, starts), np.maximum.reduceat(there, starts)
            levels[attempt] = low + where_between[attempt] * (high - low)
            passed = there > levels[attempt][place]
            right = np.bincount(cell[passed], minlength=size * classes).reshape(size, classes)
            left = total - right
            enough = np.minimum(right.sum(1), left.sum(1)) >= LEAST
            pure = (right**2).sum(1) / np.maximum(right.sum(1), 1) + (left**2).sum(1) / np.maximum(left.sum(1), 1)
            purity[attempt] = np.where(enough, pure, 0.0)
        best = purity.argmax(0)
        split = purity.max(0) > (total**2).sum(1) / number * (1 + 1e-9)
        if not split.any() or first + size + 2 * split.sum() > asked.nodes:
            break
        every = np.arange(size)
        feature[-1] = np.where(split, tried[best, every], 0)
        threshold[-1] = np.where(split, levels[best, every], LEAF).astype(np.float32)
        after = first + size
        child[-1] = np.where(split, after + 2 * (np.cumsum(split) - 1), first + every)
        moving = split[own]
        goes, where = here[moving], own[moving]
        passed = values[goes * width + feature[-1][where]] > threshold[-1][where]
        node[goes] = child[-1][where] + passed
        first, size = after, 2 * int(split.sum())
        feature.append(np.zeros(size, np.int64))
        threshold.append(np.full(size, LEAF))
        child.append(first + np.arange(size))
    # A leaf of few pixels leans a little towards what is common.
    kinds = pixels.classes[seen]
    counts = np.bincount(node[seen] * classes + kinds, minlength=(first + size) * classes).reshape(-1, classes)
    common = np.bincount(kinds, minlength=classes) / len(kinds)
    shares = (counts + common) * np.maximum(common, 1 / len(kinds)) ** -EVENNESS
    tree = Tree(
        np.concatenate(feature).astype(np.int32),
        np.concatenate(threshold).astype(np.float32),
        np.concatenate(child).astype(np.int32),
        (shares / shares.sum(1, keepdims=True)).astype(np.float32),
    )
    return tree, node
