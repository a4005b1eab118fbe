"""The scores of a set of predictions, with their intervals and those of trivial answers, in words and in JSON.

`handful.measure.scorer` makes them.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from math import isnan, nan
from typing import Any

from handful.measure.outlines import TOLERANCE
from handful.measure.overlap import RATIOS
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
