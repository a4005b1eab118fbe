"""The scores of a comparison by combination, image and seed, and the verdicts that follow from them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from itertools import combinations
from math import isnan, nan
from typing import Any

import numpy as np
from numpy.typing import NDArray

from handful.experiments.cells import Cell
from handful.experiments.paired import crossed_interval
from handful.measure.bootstrap import Interval
from handful.measure.scores import TOO_FEW
from handful.names import plural

PRACTICAL = 0.02  # a difference below this is of no use to anybody who looks at masks
ALL_PAIRS = 3  # values of an axis up to which each is set beside each other; beyond, each beside the first
WORDS = {
    "dice": "Dice", "iou": "IoU", "precision": "precision", "recall": "recall", "object_f1": "object F1",
    "ap": "object AP .5:.95", "ap50": "object AP .5", "rand": "V^Rand", "information": "V^Info",
}  # fmt: skip


@dataclass(frozen=True)
class Row:
    """One combination: the mean over images and seeds with its interval, and the mean of each seed over its images."""

    labels: dict[str, str]
    score: Interval
    by_seed: dict[int, float]
    others: dict[str, float]

    @property
    def words(self) -> str:
        """The combination as a sentence calls it."""
        return ", ".join(f"{axis} {label}" for axis, label in self.labels.items())

    @property
    def median(self) -> float:
        """Of the seeds."""
        found = [value for value in self.by_seed.values() if not isnan(value)]
        return float(np.median(found)) if found else nan


@dataclass(frozen=True)
class Effect:
    """What `second` gives over `first` on an axis, on the same images and seeds; `where`: labels of the other axes."""

    axis: str
    first: str
    second: str
    difference: Interval
    seeds: int
    where: str = ""

    @property
    def sentence(self) -> str:
        """The verdict in words."""
        found, one, other = self.difference, name_of(self.axis, self.second), name_of(self.axis, self.first)
        at = f" ({self.where})" if self.where else ""
        on = f"on {plural(found.n, 'image')}, {plural(self.seeds, 'seed')}"
        if isnan(found.value):
            return f"{one} against {other}{at}: there is nothing to compare."
        if found.n < TOO_FEW or isnan(found.low):
            return f"{one} against {other}{at}: {signed(found.value)} {on}: too few images to tell."
        if found.high < 0:
            return self.from_ahead().sentence
        if found.low > 0:
            small = ": too little to matter" if found.high < PRACTICAL else ""
            gain = f"{plain(found.value)} [{plain(found.low)}, {plain(found.high)}]"
            return f"{one} beats {other}{at} by {gain} {on}{small}."
        span = f"{signed(found.value)} [{signed(found.low)}, {signed(found.high)}] {on}"
        if max(-found.low, found.high) < PRACTICAL:
            return f"{one} and {other}{at} do equally well: {span}."
        return f"Too few images or seeds to tell {one} from {other}{at}: {span}."

    def from_ahead(self) -> Effect:
        """Told of the one that is clearly ahead: where `second` is a loss, what `first` gives over it."""
        found = self.difference
        if found.n < TOO_FEW or not found.high < 0:
            return self
        gain = Interval(-found.value, -found.high, -found.low, found.n)
        return replace(self, first=self.second, second=self.first, difference=gain)


@dataclass
class Table:
    """Scores per image of finished cells: `images[cell number][image name]`; `others` holds scores of whole sets."""

    cells: Sequence[Cell]
    images: Mapping[int, Mapping[str, float]]
    others: Mapping[int, Mapping[str, float]]

    def __post_init__(self) -> None:
        self.seeds = sorted({cell.seed for number, cell in enumerate(self.cells) if number in self.images})
        self.names = sorted({name for row in self.images.values() for name in row})
        self.labels: dict[tuple[str, ...], dict[str, str]] = {}
        for number, cell in enumerate(self.cells):
            if number in self.images:
                self.labels.setdefault(cell.combination, cell.labels)
        self.values = {one: self._array(one) for one in self.labels}

    def _array(self, combination: tuple[str, ...]) -> NDArray[np.float64]:
        """(images, seeds), nan where it is not known; the folds of a seed fill one column."""
        place = {name: row for row, name in enumerate(self.names)}
        column = {seed: number for number, seed in enumerate(self.seeds)}
        found = np.full((len(self.names), len(self.seeds)), np.nan)
        for number, cell in enumerate(self.cells):
            if number in self.images and cell.combination == combination:
                for name, value in self.images[number].items():
                    found[place[name], column[cell.seed]] = value
        return found

    def rows(self) -> list[Row]:
        """In the order of the file."""
        made = []
        for one, labels in self.labels.items():
            values = self.values[one]
            there = [number for number in range(len(self.seeds)) if not np.isnan(values[:, number]).all()]
            by_seed = {self.seeds[number]: float(np.nanmean(values[:, number])) for number in there}
            numbers = [n for n, cell in enumerate(self.cells) if n in self.images and cell.combination == one]
            names = dict.fromkeys(name for number in numbers for name in self.others.get(number, {}))
            others = {name: mean([self.others[n].get(name, nan) for n in numbers]) for name in names}
            made.append(Row(labels, crossed_interval(values[:, there], bounds=(0, 1)), by_seed, others))
        return made

    def best(self) -> Row | None:
        """The combination with the highest mean."""
        scored = [row for row in self.rows() if not isnan(row.score.value)]
        return max(scored, key=lambda row: row.score.value, default=None)

    def axes(self) -> dict[str, list[str]]:
        """Axes with the values that were reached, those with several of them only."""
        found: dict[str, list[str]] = {}
        for labels in self.labels.values():
            for axis, label in labels.items():
                if label not in found.setdefault(axis, []):
                    found[axis].append(label)
        return {axis: values for axis, values in found.items() if len(values) > 1}

    def effects(self) -> list[Effect]:
        """Over all settings of the other axes together: each pair of values, or each beside the first where many."""
        return [self._effect(axis, *pair, self._matched(axis, *pair)) for axis, pair in self._pairs()]

    def effects_apart(self) -> list[Effect]:
        """The same for every setting of the other axes by itself; nothing where there are no other axes."""
        if len(self.axes()) < 2:
            return []
        made = []
        for axis, pair in self._pairs():
            for low, high in self._matched(axis, *pair):
                rest = [f"{one} {self.labels[low][one]}" for one in self.axes() if one != axis]
                made.append(self._effect(axis, *pair, [(low, high)], ", ".join(rest)))
        return made

    def _pairs(self) -> list[tuple[str, tuple[str, str]]]:
        pairs: list[tuple[str, tuple[str, str]]] = []
        for axis, labels in self.axes().items():
            if axis == "images":
                pairs.append((axis, (labels[0], labels[-1])))
            elif len(labels) <= ALL_PAIRS:
                pairs += [(axis, pair) for pair in combinations(labels, 2)]
            else:
                pairs += [(axis, (labels[0], label)) for label in labels[1:]]
        return pairs

    def _matched(self, axis: str, first: str, second: str) -> list[tuple[tuple[str, ...], tuple[str, ...]]]:
        """Combinations that differ in nothing but that axis."""
        by_labels = {tuple(sorted(labels.items())): one for one, labels in self.labels.items()}
        found = []
        for one, labels in self.labels.items():
            if labels[axis] == first:
                other = by_labels.get(tuple(sorted({**labels, axis: second}.items())))
                if other is not None:
                    found.append((one, other))
        return found

    def _effect(
        self,
        axis: str,
        first: str,
        second: str,
        matched: Sequence[tuple[tuple[str, ...], tuple[str, ...]]],
        where: str = "",
    ) -> Effect:
        differences = [self.values[high] - self.values[low] for low, high in matched]
        whole = np.mean(differences, axis=0) if differences else np.full((0, 1), np.nan)
        whole = whole[:, ~np.isnan(whole).all(axis=0)]  # seeds that both sides have
        if not whole.shape[1]:
            return Effect(axis, first, second, Interval(nan, nan, nan, 0), 0, where)
        return Effect(axis, first, second, crossed_interval(whole), whole.shape[1], where)

    def curves(self) -> dict[str, list[tuple[float, float, float, float]]]:
        """Score against the number of training images: (number, mean, low, high) of each combination of the rest."""
        found: dict[str, list[tuple[float, float, float, float]]] = {}
        for row in self.rows():
            if "images" in row.labels:
                rest = [label for axis, label in row.labels.items() if axis != "images" and axis in self.axes()]
                point = (float(row.labels["images"]), row.score.value, row.score.low, row.score.high)
                found.setdefault(", ".join(rest) or "score", []).append(point)
        return {name: sorted(points) for name, points in found.items() if len(points) > 1}

    def to_dict(self) -> dict[str, Any]:
        """For results.json; nan is what is not known."""
        return {
            "rows": [
                {
                    "labels": row.labels,
                    "score": asdict(row.score),
                    "median_of_seeds": row.median,
                    "by_seed": row.by_seed,
                    "others": row.others,
                }
                for row in self.rows()
            ],
            "effects": [
                {
                    "axis": one.axis,
                    "first": one.first,
                    "second": one.second,
                    "where": one.where,
                    "difference": asdict(one.difference),
                    "seeds": one.seeds,
                    "verdict": one.sentence,
                }
                for one in (*self.effects(), *self.effects_apart())
            ],
        }


def name_of(axis: str, label: str) -> str:
    """A value as a sentence calls it."""
    if axis == "images":
        return f"{label} training image{'' if label == '1' else 's'}"
    if axis == "augment":
        return "no augmentation" if label == "none" else f"augmentation ({label})"
    if axis == "init":
        return f"a start from {label}"
    return label if axis in ("net", "loss") else f"{axis} {label}"


def mean(values: Sequence[float]) -> float:
    """Of those that are known."""
    found = [value for value in values if not isnan(value)]
    return sum(found) / len(found) if found else nan


def plain(value: float) -> str:
    """.03, or .003 where two digits would say nothing."""
    text = f"{value:.2f}" if value >= 0.01 else f"{value:.3f}"
    return text.removeprefix("0") if value < 1 else text


def signed(value: float) -> str:
    if abs(value) < 0.0005:
        return "0"
    return ("-" if value < 0 else "+") + plain(abs(value))
