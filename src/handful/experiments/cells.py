"""The trainings of an experiment: every combination of its axes, each under a name that changes when it would."""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import dataclass, field
from itertools import product
from typing import Any

from handful.experiments.file import Experiment
from handful.start import NO_START

FOLDER_WORDS = 60  # characters of a folder's name that say what it holds; the rest tells it from others


@dataclass(frozen=True)
class Cell:
    """One training.

    `labels`: the value of each axis that is compared, by axis, in words; `init`: the start model's name in the file, a
    path, or None; `images`: how many are trained on (None: all); `fold`: which part tests, from 0.
    """

    labels: dict[str, str]
    settings: dict[str, Any]
    seed: int
    fold: int = 0
    images: int | None = None
    init: str | None = None
    seconds: float | None = None
    steps: int | None = None

    @property
    def combination(self) -> tuple[str, ...]:
        """What is compared: the labels without seed and fold."""
        return tuple(self.labels.values())

    @property
    def words(self) -> str:
        """For progress and messages."""
        parts = [f"{axis} {label}" for axis, label in self.labels.items()]
        return ", ".join([*parts, f"seed {self.seed}"])

    def folder(self, *outside: str, folds: int = 0) -> str:
        """Its folder: readable words, and a hash of all that decides its result, `outside` (data, split) included."""
        facts = [self.settings, self.seed, self.fold, self.images, self.init, self.seconds, self.steps, *outside]
        mark = hashlib.sha256(json.dumps(facts, sort_keys=True, default=str).encode()).hexdigest()[:10]
        words = "-".join([*self.combination, *([f"fold{self.fold}"] if folds else []), f"seed{self.seed}"])
        plain = re.sub(r"[^a-z0-9.]+", "-", words.lower()).strip("-.")
        if len(plain) > FOLDER_WORDS:
            plain = plain[:FOLDER_WORDS].rstrip("-.") + f"-seed{self.seed}"
        return f"{plain}-{mark}"


def make_cells(experiment: Experiment) -> list[Cell]:
    """All trainings; seed by seed and fold by fold, so that an early look sees every combination once."""
    axes = [[(axis, variant) for variant in variants] for axis, variants in experiment.axes.items()]
    counts: tuple[int | None, ...] = experiment.images or (None,)
    combinations = list(product(*axes))
    cells = []
    for seed, fold in product(experiment.seeds, range(max(experiment.folds, 1))):
        for chosen, count in product(combinations, counts):
            settings, labels, seconds = dict(experiment.settings), {}, experiment.seconds
            for axis, variant in chosen:
                settings |= variant.settings
                labels[axis] = variant.label
                seconds = seconds if variant.seconds is None else variant.seconds
            if experiment.images:
                labels["images"] = str(count)
            init = settings.pop("init", NO_START)
            cells.append(
                Cell(
                    labels=labels or {"setting": "as planned"},
                    settings=settings,
                    seed=seed,
                    fold=fold,
                    images=count,
                    init=None if init == NO_START else str(init),
                    seconds=None if experiment.steps else seconds,
                    steps=experiment.steps,
                )
            )
    return cells


@dataclass
class Times:
    """Seconds that cells take, to say what is left: their own where they have some, else the mean of those done."""

    done: list[float] = field(default_factory=list)

    def left(self, cells: list[Cell]) -> float | None:
        """Seconds for these cells; None where nothing is known yet."""
        mean = sum(self.done) / len(self.done) if self.done else None
        known = [cell.seconds if cell.seconds is not None else mean for cell in cells]
        return None if any(one is None for one in known) else float(sum(one for one in known if one is not None))
