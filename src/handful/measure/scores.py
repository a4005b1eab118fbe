"""All scores of a set of predictions, with their intervals and what trivial answers get on the same images.

`Scorer` takes one image after another and keeps only counts, so a thousand large images need no more memory than one.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from math import inf, isnan, nan
from typing import Any

import numpy as np
from numpy.typing import NDArray

from handful.errors import DataError
from handful.measure import instances as objects
from handful.measure.bootstrap import Interval, Statistic, interval, mean_interval, paired_interval
from handful.measure.outlines import TOLERANCE, outline_scores
from handful.measure.overlap import RATIOS, VOID, Counts, count_confusion, mean_present, ratio
from handful.measure.trivial import constant_table, otsu_bright
from handful.names import plural

HEADLINE = "dice_per_image"
TOO_FEW = 3  # with fewer images than this an interval says nothing that looking at them would not
TOO_FEW_WORDS = "too few to tell"
UNIT = 0.0, 1.0  # what every share and ratio can be
FOREST = "pixel forest"  # stands beside the trivial answers, but has learnt and is none
UNBOUNDED = ("count_error_per_image", "hausdorff95_per_image")  # scores that are no share

LABELS = {
    "ods": "Boundary F, one threshold (ODS)",
    "ois": "Boundary F, own thresholds (OIS)",
    "boundary_ap": "Boundary precision, averaged (AP)",
    "dice_per_image": "Dice per image",
    "dice_pooled": "Dice pooled",
    "iou_per_image": "IoU per image",
    "iou_pooled": "IoU pooled",
    "precision_pooled": "Precision pooled",
    "recall_pooled": "Recall pooled",
    "accuracy": "Accuracy",
    "ap_per_image": "Object AP .5:.95 per image",
    "ap50_per_image": "Object AP .5 per image",
    "f1_pooled": "Object F1 pooled",
    "pq_pooled": "Panoptic quality PQ",
    "sq_pooled": "Outline quality SQ",
    "count_error_per_image": "Count error per image",
    "surface_dice_per_image": f"Surface Dice at {TOLERANCE:g} pixels per image",
    "hausdorff95_per_image": "Hausdorff 95 per image, pixels",
    "rand_per_image": "V^Rand per image",
    "information_per_image": "V^Info per image",
}

FloatArray = NDArray[np.float64]


def trivial_label(name: str) -> str:
    """What to call a trivial answer in a sentence or a table: its key, but people by their names."""
    return {"otsu": "Otsu's threshold", "canny": "Canny", "sobel": "Sobel"}.get(name, name)


@dataclass(frozen=True)
class Score:
    """One score: its value, the ends of its 95 % interval (nan: none), the images it rests on and those left out.

    An image is left out where there is nothing to score: the class is neither in the true nor in the predicted mask.
    """

    value: float
    low: float = nan
    high: float = nan
    n: int = 0
    left_out: int = 0

    def __str__(self) -> str:
        return _number(self.value) if isnan(self.low) else f"{_number(self.value)} ({self.span})"

    @property
    def span(self) -> str:
        """The interval in words, or why there is none."""
        if isnan(self.value):
            return "nothing to score"
        return "no interval" if isnan(self.low) else f"{_number(self.low)} to {_number(self.high)}"

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values; nan becomes None, since JSON has no nan."""
        return {
            "value": _plain(self.value),
            "low": _plain(self.low),
            "high": _plain(self.high),
            "n": self.n,
            "left_out": self.left_out,
        }

    @classmethod
    def from_dict(cls, record: dict[str, Any]) -> Score:
        """Back from `to_dict`."""
        return cls(
            _float(record["value"]), _float(record["low"]), _float(record["high"]), record["n"], record["left_out"]
        )


@dataclass(frozen=True)
class Trivial:
    """An answer that needs no training: `values` by score name, `gain` of the model over it in the headline score.

    `how` says in words what was done.
    """

    values: dict[str, float]
    gain: Score
    how: str

    def __getitem__(self, name: str) -> float:
        return self.values[name]


@dataclass(frozen=True)
class ImageScore:
    """Scores of one image, averaged over its object classes; `classes` holds them for each object class.

    `true_objects` and `predicted_objects` count separate objects (None: labels were not given), `object_f1` is F1 at
    IoU 0.5.
    """

    name: str
    dice: float
    iou: float
    precision: float
    recall: float
    classes: dict[str, dict[str, float]] = field(default_factory=dict)
    true_objects: int | None = None
    predicted_objects: int | None = None
    object_f1: float = nan

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values; nan becomes None."""
        record: dict[str, Any] = {"name": self.name}
        record |= {name: _plain(getattr(self, name)) for name in RATIOS}
        record["classes"] = {
            name: {key: _plain(value) for key, value in row.items()} for name, row in self.classes.items()
        }
        if self.true_objects is not None:
            record["true_objects"] = self.true_objects
            record["predicted_objects"] = self.predicted_objects
            record["object_f1"] = _plain(self.object_f1)
        return record

    @classmethod
    def from_dict(cls, record: dict[str, Any]) -> ImageScore:
        """Back from `to_dict`."""
        return cls(
            name=record["name"],
            **{name: _float(record[name]) for name in RATIOS},
            classes={
                name: {key: _float(value) for key, value in row.items()} for name, row in record["classes"].items()
            },
            true_objects=record.get("true_objects"),
            predicted_objects=record.get("predicted_objects"),
            object_f1=_float(record.get("object_f1")),
        )


@dataclass(frozen=True)
class Scores:
    """Everything measured on a set of images; `scores["dice_per_image"].value` is the headline.

    `scores` averages over the object classes (all but the background; all classes where none is background);
    `classes` has the same by class name. `confusion[i][j]` counts pixels of true class i called class j; its last
    column is "no answer". `instances` is empty where labels of single objects were not given. `seen`: images that the
    model was trained on or chosen by, or copies of such; where there are any this is no test score. `outlines`: scores
    of the outlines and of the regions they part, where they were asked for.
    """

    scores: dict[str, Score]
    classes: dict[str, dict[str, Score]]
    trivial: dict[str, Trivial]
    images: tuple[ImageScore, ...]
    class_names: tuple[str, ...]
    background: int | None
    confusion: tuple[tuple[int, ...], ...]
    instances: dict[str, Score] = field(default_factory=dict)
    headline: str = HEADLINE
    note: str = ""
    seen: tuple[str, ...] = ()
    outlines: dict[str, Score] = field(default_factory=dict)

    @property
    def n(self) -> int:
        """Number of images measured."""
        return len(self.images)

    @property
    def too_few(self) -> bool:
        """Whether the headline rests on too few images to tell anything."""
        return self.scores[self.headline].n < TOO_FEW

    @property
    def object_classes(self) -> tuple[str, ...]:
        """Names of the classes that are scored."""
        return tuple(name for number, name in enumerate(self.class_names) if number != self.background)

    def __getitem__(self, name: str) -> Score:
        return self.scores[name] if name in self.scores else self.others[name]

    def __contains__(self, name: object) -> bool:
        return name in self.scores or name in self.others

    def __iter__(self) -> Iterator[str]:
        yield from self.scores
        yield from self.others

    @property
    def others(self) -> dict[str, Score]:
        """The scores that no trivial answer is given: of separate objects, and of outlines."""
        return self.instances | self.outlines

    def worst(self) -> tuple[ImageScore, ...]:
        """Images by rising Dice; those with nothing to score come last."""
        return tuple(sorted(self.images, key=lambda image: (isnan(image.dice), image.dice, image.name)))

    def best_trivial(self) -> tuple[str, Trivial] | None:
        """The trivial answer with the highest headline score, by name; None where none could be scored."""
        none_learnt = [(name, answer) for name, answer in self.trivial.items() if name != FOREST]
        scored = [(name, answer) for name, answer in none_learnt if not isnan(answer.values[self.headline])]
        return max(scored, key=lambda item: item[1].values[self.headline], default=None)

    def reached(self, kind: str = "") -> str:
        """One sentence: the headline score, its interval and the number of images it rests on.

        `kind` goes before "images", for who knows what they are ("unseen").
        """
        score = self[self.headline]
        if not self.n:
            return "No image was held back, so nothing is measured."
        if isnan(score.value):
            return f"There is nothing to score in {plural(self.n, 'image')}: no object, neither true nor predicted."
        noun = f"{kind} image" if kind and not self.seen else "image"
        text = f"{LABELS[self.headline]} is {_number(score.value)} on {plural(score.n, noun)}"
        if not isnan(score.low):
            text += f" (95 % interval {score.span})"
        if self.seen:
            return f"{text}; the model has seen {len(self.seen)} of them, so this is not a test score."
        if self.too_few:
            return f"{text}; {plural(score.n, 'image')} {'is' if score.n == 1 else 'are'} {TOO_FEW_WORDS}."
        return text + "."

    def comparison(self) -> str:
        """One sentence: the headline score beside the best trivial answer on the same images."""
        best = self.best_trivial()
        if best is None or isnan(self[self.headline].value):
            return "There is no trivial answer to compare it with."
        name, answer = best
        other = f"the best trivial answer ({trivial_label(name)}), which scores {_number(answer.values[self.headline])}"
        gain = answer.gain
        if self.too_few:
            return f"That is {_signed(gain.value)} against {other}; {TOO_FEW_WORDS}."
        spread = "" if isnan(gain.low) else f" (95 % interval {_signed(gain.low)} to {_signed(gain.high)})"
        if gain.low > 0:
            return f"That is better than {other}, by {_number(gain.value)}{spread.replace('+', '')}."
        if gain.high < 0:
            return (
                f"That is worse than {other}, by {_number(-gain.value)}: as it stands, this model is not worth using."
            )
        return f"That is not clearly better than {other}: the difference is {_signed(gain.value)}{spread}."

    def __str__(self) -> str:
        """As a person reads them; the record itself is a page long."""
        return "\n".join(self.lines())

    def lines(self, kind: str = "") -> list[str]:
        """For the terminal: what was reached, the comparison and the note in words, then the table.

        `kind` as in `reached`.
        """
        head = ["", "score", "95 % interval", "images", *map(trivial_label, self.trivial)]
        rows = [
            [LABELS[name], _number(score.value), score.span, str(score.n)]
            + [_number(answer.values.get(name, nan)) for answer in self.trivial.values()]
            for name, score in self.scores.items()
        ]
        rows += [[LABELS[name], _number(score.value), score.span, str(score.n)] for name, score in self.others.items()]
        lines = _table([head, *rows])
        if len(self.classes) > 1:
            columns = ("dice_per_image", "dice_pooled", "iou_pooled", "precision_pooled", "recall_pooled")
            by_class = [[name, *(_number(row[key].value) for key in columns)] for name, row in self.classes.items()]
            lines += ["", *_table([["class", *(LABELS[key] for key in columns)], *by_class])]
        return [self.reached(kind), self.comparison(), *([self.note] if self.note else []), "", *lines]

    def to_dict(self) -> dict[str, Any]:
        """What scores.json holds: plain JSON values, nan as None."""
        return {
            "headline": self.headline,
            "n": self.n,
            "verdict": [self.reached(), self.comparison()],
            "note": self.note,
            "scores": {name: score.to_dict() for name, score in self.scores.items()},
            "classes": {
                name: {key: score.to_dict() for key, score in row.items()} for name, row in self.classes.items()
            },
            "trivial": {
                name: {key: _plain(value) for key, value in answer.values.items()}
                | {"gain": answer.gain.to_dict(), "how": answer.how}
                for name, answer in self.trivial.items()
            },
            "instances": {name: score.to_dict() for name, score in self.instances.items()},
            "outlines": {name: score.to_dict() for name, score in self.outlines.items()},
            "class_names": list(self.class_names),
            "background": self.background,
            "confusion": [list(row) for row in self.confusion],
            "images": [image.to_dict() for image in self.images],
            "seen": list(self.seen),
        }

    @classmethod
    def from_dict(cls, record: dict[str, Any]) -> Scores:
        """Back from `to_dict`."""
        return cls(
            scores=_scores_from(record["scores"]),
            classes={name: _scores_from(row) for name, row in record["classes"].items()},
            trivial={
                name: Trivial(
                    {key: _float(value) for key, value in row.items() if key not in ("gain", "how")},
                    Score.from_dict(row["gain"]),
                    row["how"],
                )
                for name, row in record["trivial"].items()
            },
            images=tuple(ImageScore.from_dict(row) for row in record["images"]),
            class_names=tuple(record["class_names"]),
            background=record["background"],
            confusion=tuple(tuple(row) for row in record["confusion"]),
            instances=_scores_from(record["instances"]),
            headline=record["headline"],
            note=record["note"],
            seen=tuple(record.get("seen", ())),
            outlines=_scores_from(record.get("outlines", {})),
        )


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


def _scores_from(record: dict[str, Any]) -> dict[str, Score]:
    return {name: Score.from_dict(row) for name, row in record.items()}


def _plain(value: float) -> float | None:
    return None if isnan(value) else float(value)


def _float(value: float | None) -> float:
    return nan if value is None else float(value)


def _number(value: float) -> str:
    return "-" if isnan(value) else f"{value:.3f}"


def _signed(value: float) -> str:
    return "-" if isnan(value) else f"{value:+.3f}"


def _table(rows: list[list[str]]) -> list[str]:
    """Columns lined up, the first to the left and the others to the right."""
    columns = max(len(row) for row in rows)
    widths = [max(len(row[column]) for row in rows if column < len(row)) for column in range(columns)]
    return [
        "  ".join(
            cell.ljust(width) if column == 0 else cell.rjust(width)
            for column, (cell, width) in enumerate(zip(row, widths, strict=False))
        ).rstrip()
        for row in rows
    ]
