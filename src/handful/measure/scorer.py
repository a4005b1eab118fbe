"""Counts of predictions against the truth, image after image, and all scores of them.

`Scorer` keeps only counts, so a thousand large images need no more memory than one.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from math import inf, nan
from typing import Any

import numpy as np
from numpy.typing import NDArray

from handful.errors import DataError
from handful.measure import instances as objects
from handful.measure.bootstrap import Interval, Statistic, interval, mean_interval, paired_interval
from handful.measure.outlines import outline_scores
from handful.measure.overlap import RATIOS, VOID, Counts, count_confusion, mean_present, ratio
from handful.measure.scores import LABELS, UNBOUNDED, UNIT, ImageScore, Score, Scores, Trivial
from handful.measure.trivial import constant_table, otsu_bright
from handful.names import plural

FloatArray = NDArray[np.float64]


class Scorer:
    """Collects counts image by image; `finish` makes scores of them.

    Parameters
    ----------
    classes : names, in the order of the class numbers.
    background : the class that is no object and is left out of averages; None where every class counts.
    objects_bright : which side of Otsu's threshold is the object, from `trivial.choose_polarity` on training images.
        None: the side that does better on these very images, which flatters Otsu; the note says so.
    void : value in true masks that is left out of every score.
    with_outlines : measure surface Dice, Hausdorff 95, V^Rand and V^Info too; they take as long as a small prediction.
    """

    def __init__(
        self,
        classes: Sequence[str],
        *,
        background: int | None = 0,
        objects_bright: bool | None = None,
        void: int = VOID,
        with_outlines: bool = False,
    ) -> None:
        if background is not None and not 0 <= background < len(classes):
            raise DataError(f"background: class {background} is none of the {len(classes)} classes {list(classes)}.")
        if len(classes) <= (background is not None):
            raise DataError(f"classes: {list(classes)} has no class to score beside the background.")
        self.classes = tuple(classes)
        self.background = background
        self.objects_bright = objects_bright
        self.void = void
        self._names: list[str] = []
        self._tables: list[NDArray[np.int64]] = []
        self._otsu: list[NDArray[np.int64]] = []  # (2, C, C + 1) an image: objects dark, objects bright
        self._answers: dict[str, tuple[str, list[NDArray[np.int64]]]] = {}  # how, and a table an image
        self._objects: list[objects.InstanceCounts | None] = []
        self._outlines: list[dict[str, float]] | None = [] if with_outlines else None

    def add(
        self,
        name: str,
        true: NDArray[Any],
        predicted: NDArray[Any],
        *,
        image: NDArray[Any] | None = None,
        true_labels: NDArray[Any] | None = None,
        predicted_labels: NDArray[Any] | None = None,
    ) -> float:
        """Count one image and return its Dice (mean over its object classes; nan where there is nothing to score).

        `true`, `predicted` are masks (H, W) of class numbers, void where `true` is void; `image` (H, W) or (H, W, C),
        any dtype, is for Otsu; labels (H, W) with 0 for none are for the object scores and come both or not at all.
        """
        table = count_confusion(true, predicted, len(self.classes), void=self.void, name=name)
        if (true_labels is None) != (predicted_labels is None):
            raise DataError(f"{name}: labels of single objects need both the true and the predicted ones.")
        ignore = np.asarray(true) == self.void
        counted = None
        if true_labels is not None and predicted_labels is not None:
            counted = objects.count_instances(true_labels, predicted_labels, ignore=ignore, name=name)
        if image is not None and self._foreground is not None:
            if np.shape(image)[:2] != np.shape(true):
                raise DataError(f"{name}: the image is {np.shape(image)[:2]} but the true mask is {np.shape(true)}.")
            self._otsu.append(self._otsu_tables(name, np.asarray(true), image))
        self._names.append(name)
        self._tables.append(table)
        self._objects.append(counted)
        if self._outlines is not None:
            labels = None if true_labels is None or predicted_labels is None else (true_labels, predicted_labels)
            self._outlines.append(
                outline_scores(np.asarray(true), np.asarray(predicted), ignore, self._scored, self._foreground, labels)
            )
        return self._image_scores(table[None])["dice"].item()

    def add_answer(self, name: str, how: str, true: NDArray[Any], predicted: NDArray[Any]) -> None:
        """Count what another method, told in words by `how`, answers on an image.

        It stands among the trivial answers once it has answered all images, in the order in which they were added.
        """
        table = count_confusion(true, predicted, len(self.classes), void=self.void, name=name)
        self._answers.setdefault(name, (how, []))[1].append(table)

    @property
    def _scored(self) -> list[int]:
        """Numbers of the object classes."""
        return [number for number in range(len(self.classes)) if number != self.background]

    @property
    def _foreground(self) -> int | None:
        """The one object class of a two-class task; None in others."""
        return self._scored[0] if len(self.classes) == 2 and len(self._scored) == 1 else None

    def _otsu_tables(self, name: str, true: NDArray[Any], image: NDArray[Any]) -> NDArray[np.int64]:
        bright = otsu_bright(image)
        answers = np.stack([bright, ~bright]) if self._foreground == 0 else np.stack([~bright, bright])
        if not bright.any():  # a constant image has no bright side: Otsu says background both ways
            answers[:] = self._foreground == 0
        return np.stack([count_confusion(true, answer, 2, void=self.void, name=name) for answer in answers])

    def _image_scores(self, tables: NDArray[np.int64]) -> dict[str, FloatArray]:
        """Each ratio, (images,), averaged over the object classes that the image has."""
        counts = Counts.from_tables([""] * len(tables), tables)
        return {name: mean_present(of(counts.tp, counts.fp, counts.fn)[:, self._scored]) for name, of in RATIOS.items()}

    def finish(self, *, seed: int = 0) -> Scores:
        """Scores of everything added so far; `seed` is that of the bootstrap."""
        size = len(self.classes)
        tables = np.array(self._tables, np.int64).reshape(-1, size, size + 1)
        counts = Counts.from_tables(self._names, tables)
        ours = self._image_scores(tables)
        trivial = self._trivial_tables(tables)
        return Scores(
            scores=_all_scores(counts, self._scored, seed) | {"accuracy": _accuracy(tables, seed)},
            classes={self.classes[number]: _all_scores(counts, [number], seed) for number in self._scored},
            trivial={name: self._trivial(table, how, ours["dice"], seed) for name, (table, how) in trivial.items()},
            images=tuple(self._image_rows(counts, ours)),
            class_names=self.classes,
            background=self.background,
            confusion=tuple(tuple(int(pixels) for pixels in row) for row in tables.sum(axis=0)),
            instances=_instance_scores([counted for counted in self._objects if counted is not None], seed),
            note=self._note(ours["dice"], "otsu" in trivial),
            outlines=_mean_outlines(self._outlines or [], seed),
        )

    def _trivial_tables(self, tables: NDArray[np.int64]) -> dict[str, tuple[NDArray[np.int64], str]]:
        """Tables of the trivial answers with a word on how each is made, by name."""
        if not len(tables):
            return {}
        answers = {}
        if self._foreground is not None:
            for answer, number in (("all background", 1 - self._foreground), ("all foreground", self._foreground)):
                how = f'every pixel is called "{self.classes[number]}"'
                answers[answer] = (constant_table(tables, number), how)
        else:
            share = tables.sum(axis=(0, 2))
            most = dict.fromkeys([int(np.argmax(share)), max(self._scored, key=lambda number: int(share[number]))])
            for number in most:
                how = f'every pixel is called "{self.classes[number]}", the most common class'
                how += "" if number == int(np.argmax(share)) else " of those scored"
                answers[f"all {self.classes[number]}"] = (constant_table(tables, number), how)
        if len(self._otsu) == len(tables):
            both = np.stack(self._otsu, axis=1)
            bright, how = self.objects_bright, "as on the training images"
            if bright is None:
                dark_dice, bright_dice = (mean_present(self._image_scores(side)["dice"]) for side in both)
                bright, how = bool(np.nan_to_num(bright_dice) >= np.nan_to_num(dark_dice)), "the better side here"
            side = "bright" if bright else "dark"
            answers["otsu"] = (both[int(bright)], f"each image at its own threshold, objects {side} ({how})")
        for name, (how, counted) in self._answers.items():
            if len(counted) == len(tables):
                answers[name] = (np.stack(counted), how)
        return answers

    def _trivial(self, tables: NDArray[np.int64], how: str, ours: FloatArray, seed: int) -> Trivial:
        theirs = self._image_scores(tables)
        counts = Counts.from_tables(self._names, tables)
        values = {f"{name}_per_image": float(mean_present(theirs[name])) for name in ("dice", "iou")}
        for name, of in RATIOS.items():
            pooled = of(counts.tp.sum(axis=0), counts.fp.sum(axis=0), counts.fn.sum(axis=0))
            values[f"{name}_pooled"] = float(mean_present(pooled[self._scored]))
        values["accuracy"] = float(ratio(counts.tp.sum(), tables.sum()))
        both = ~np.isnan(ours) & ~np.isnan(theirs["dice"])
        gain = _score(paired_interval(ours, theirs["dice"], bounds=(-1, 1), seed=seed), left_out=int(np.sum(~both)))
        return Trivial(values, gain, how)

    def _image_rows(self, counts: Counts, ours: dict[str, FloatArray]) -> Iterator[ImageScore]:
        by_class = {name: of(counts.tp, counts.fp, counts.fn) for name, of in RATIOS.items()}
        for row, (name, counted) in enumerate(zip(self._names, self._objects, strict=True)):
            object_f1 = nan
            if counted is not None:
                object_f1 = float(objects.f1(counted.tp[0], np.array(counted.true), np.array(counted.predicted)))
            yield ImageScore(
                name=name,
                **{key: float(values[row]) for key, values in ours.items()},
                classes={
                    self.classes[number]: {key: float(values[row, number]) for key, values in by_class.items()}
                    for number in self._scored
                },
                true_objects=None if counted is None else counted.true,
                predicted_objects=None if counted is None else counted.predicted,
                object_f1=object_f1,
            )

    def _note(self, dice_per_image: FloatArray, with_otsu: bool) -> str:
        notes = []
        left_out = int(np.isnan(dice_per_image).sum())
        if left_out:
            notes.append(
                f"{plural(left_out, 'image')} left out of the scores per image: no object there, neither true nor "
                "predicted."
            )
        if with_otsu and self.objects_bright is None:
            notes.append("Otsu was given the better of dark and bright, which flatters it a little.")
        return " ".join(notes)


def score_images(
    names: Iterable[str],
    true: Iterable[NDArray[Any]],
    predicted: Iterable[NDArray[Any]],
    *,
    classes: Sequence[str],
    background: int | None = 0,
    images: Iterable[NDArray[Any]] | None = None,
    true_labels: Iterable[NDArray[Any] | None] | None = None,
    predicted_labels: Iterable[NDArray[Any] | None] | None = None,
    objects_bright: bool | None = None,
    void: int = VOID,
    seed: int = 0,
) -> Scores:
    """Score predicted masks against true ones, one image at a time.

    All iterables go in step and may be generators; see `Scorer` for what each holds. A mask is uint8 (H, W).

    Examples
    --------
    >>> import numpy as np
    >>> true = np.array([[0, 1], [0, 1]], np.uint8)
    >>> scores = score_images(["leaf"], [true], [np.ones((2, 2), np.uint8)], classes=["soil", "leaf"])
    >>> round(scores["dice_per_image"].value, 3)
    0.667
    """
    scorer = Scorer(classes, background=background, objects_bright=objects_bright, void=void)
    streams: dict[str, Iterable[NDArray[Any] | None]] = {
        key: stream
        for key, stream in (("image", images), ("true_labels", true_labels), ("predicted_labels", predicted_labels))
        if stream is not None
    }
    for name, true_mask, predicted_mask, *extra in zip(names, true, predicted, *streams.values(), strict=True):
        scorer.add(name, true_mask, predicted_mask, **dict(zip(streams, extra, strict=True)))
    return scorer.finish(seed=seed)


def _all_scores(counts: Counts, numbers: list[int], seed: int) -> dict[str, Score]:
    """Every overlap score averaged over the classes `numbers`."""
    parts = np.stack([counts.tp[:, numbers], counts.fp[:, numbers], counts.fn[:, numbers]], axis=1)
    found: dict[str, Score] = {}
    for name, of in RATIOS.items():
        if name in ("dice", "iou"):
            values = mean_present(of(*np.moveaxis(parts, 1, 0)))
            found[f"{name}_per_image"] = _per_image(values, seed)

        def pooled(sums: FloatArray, of: Any = of) -> FloatArray:
            split = sums.reshape(*sums.shape[:-1], 3, len(numbers))
            return mean_present(of(split[..., 0, :], split[..., 1, :], split[..., 2, :]))

        found[f"{name}_pooled"] = _pooled(parts.reshape(len(parts), 3 * len(numbers)), pooled, seed)
    return {name: found[name] for name in LABELS if name in found}


def _per_image(values: FloatArray, seed: int, bounds: tuple[float, float] = UNIT) -> Score:
    """The mean of a score an image; images without it count as left out."""
    return _score(mean_interval(values, bounds=bounds, seed=seed), left_out=int(np.isnan(values).sum()))


def _accuracy(tables: NDArray[np.int64], seed: int) -> Score:
    right = np.diagonal(tables, axis1=1, axis2=2).sum(axis=1)
    rows = np.stack([right, tables.sum(axis=(1, 2))], axis=1)
    return _pooled(rows, lambda sums: ratio(sums[..., 0], sums[..., 1]), seed)


def _pooled(rows: NDArray[Any], statistic: Statistic, seed: int) -> Score:
    """A pooled score; images that add nothing to its sums count as left out."""
    used = rows[rows.any(axis=1)]
    if not len(used):
        return Score(nan, n=0, left_out=len(rows))
    return _score(interval(used, statistic, bounds=UNIT, seed=seed), left_out=len(rows) - len(used))


def _instance_scores(counted: list[objects.InstanceCounts], seed: int) -> dict[str, Score]:
    if not counted:
        return {}
    true = np.array([one.true for one in counted])
    predicted = np.array([one.predicted for one in counted])
    tp = np.stack([one.tp for one in counted])
    iou_sum = np.stack([one.iou for one in counted])[:, 0]
    precisions = objects.average_precision(tp, true[:, None], predicted[:, None])
    found = {}
    for name, values in (("ap_per_image", precisions.mean(axis=1)), ("ap50_per_image", precisions[:, 0])):
        found[name] = _per_image(values, seed)
    rows = np.stack([tp[:, 0], iou_sum, true, predicted], axis=1)

    def panoptic(s: FloatArray) -> FloatArray:
        return objects.panoptic_quality(s[..., 0], s[..., 1], s[..., 2], s[..., 3])

    found["f1_pooled"] = _pooled(rows, lambda s: objects.f1(s[..., 0], s[..., 2], s[..., 3]), seed)
    found["pq_pooled"] = _pooled(rows, panoptic, seed)
    found["sq_pooled"] = _pooled(rows, lambda s: objects.segmentation_quality(s[..., 0], s[..., 1]), seed)
    found["count_error_per_image"] = _per_image(np.abs(predicted - true), seed, bounds=(0, inf))
    return found


def _mean_outlines(rows: list[dict[str, float]], seed: int) -> dict[str, Score]:
    """The mean over images of each score that any image has."""
    found = {}
    for name in rows[0] if rows else ():
        values = np.array([row[name] for row in rows])
        found[name] = _per_image(values, seed, bounds=(0, inf) if name in UNBOUNDED else UNIT)
    return found


def _score(found: Interval, *, left_out: int) -> Score:
    return Score(found.value, found.low, found.high, found.n, left_out)
