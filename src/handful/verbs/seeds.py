"""The same training with several seeds: how much of a score is chance.

The model of the first seed is kept. To keep the best of them would be to choose by the test images, and its score would
flatter; the others only tell how far such a score can be trusted.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from math import isfinite, nan
from pathlib import Path
from statistics import mean, stdev
from typing import TYPE_CHECKING, Any

from handful.data.sample import Sample
from handful.errors import SettingsError
from handful.measure.scores import LABELS, Scores
from handful.verbs.runfolder import without_nan
from handful.verbs.several import Other, Part, Several, first_share, was_stopped
from handful.verbs.train import Job

if TYPE_CHECKING:
    from handful.prediction.segmenter import Segmenter
    from handful.verbs.closer_look import CloserLook
    from handful.verbs.score import Scored


def check_seeds(seeds: int, *, folds: Any, resume: bool) -> int:
    """The number of seeds. Raises SettingsError for fewer than 2, or beside --folds or --resume."""
    if folds is not None or resume:
        raise SettingsError("--seeds trains several times on one split: leave out --folds and --resume.")
    if not 2 <= seeds <= 100:
        raise SettingsError(f"--seeds {seeds}: give a number of trainings, 2 to 100, such as --seeds 3.")
    return seeds


def with_seeds(job: Job, seeds: int, overrides: Mapping[str, Any], *, device: str) -> Seeded:
    """The job with its time shared between the seeds. Raises SettingsError where it is too short."""
    gone = time.monotonic() - job.started
    share = first_share(job.seconds, job.steps, gone, seeds - 1, f"--seeds: {seeds} seeds")
    return Seeded(
        **{**vars(job), "seconds": share},
        others=seeds - 1, overrides=overrides, device=device, whole_seconds=job.seconds,
    )  # fmt: skip


@dataclass(frozen=True)
class Spread:
    """A score over the seeds: its values, their mean and standard deviation (n - 1), nan where there are too few."""

    values: tuple[float, ...]

    @property
    def mean(self) -> float:
        return mean(self.values) if self.values else nan

    @property
    def deviation(self) -> float:
        return stdev(self.values) if len(self.values) > 1 else nan

    def to_dict(self) -> dict[str, Any]:
        """For scores.json, nan as None."""
        ends = (min(self.values), max(self.values)) if self.values else (nan, nan)
        numbers = {"mean": self.mean, "deviation": self.deviation, "low": ends[0], "high": ends[1]}
        return {"values": list(self.values), **without_nan(numbers)}

    def words(self) -> str:
        """0.812 (deviation 0.013, 0.801 to 0.826)."""
        return f"{self.mean:.3f} (deviation {self.deviation:.3f}, {min(self.values):.3f} to {max(self.values):.3f})"


def spread_of(all_scores: Sequence[Scores]) -> dict[str, Spread]:
    """Every score by name over the seeds, what is no number left out."""
    names = all_scores[0].scores if all_scores else ()
    found = {name: [one[name].value for one in all_scores if name in one.scores] for name in names}
    return {name: Spread(tuple(value for value in values if isfinite(value))) for name, values in found.items()}


@dataclass
class Seeded(Several):
    """The training of the first seed, whose model is kept; the others are scored on the same images."""

    others: int = 0
    seeds: list[int] = field(default_factory=list)
    spread: dict[str, Spread] = field(default_factory=dict)

    def score(self, model: Segmenter, samples: Sequence[Sample], look: CloserLook) -> Scored:
        """Score this seed, then train and score the others; the note on the scores tells the spread."""
        scored = super().score(model, samples, look)
        self.seeds, found = [self.seed], [scored.scores]
        if scored.scores.n and not was_stopped(model):
            for other, its in self.trained(self.others, self.other):
                if its.scores.n == scored.scores.n:
                    self.seeds.append(other.seed)
                    found.append(its.scores)
        self.spread = spread_of(found) if len(found) > 1 else {}
        note = self.words(scored.scores)
        self.listener.say(f"seeds    {note}")
        scored.scores = replace(scored.scores, note=f"{note} {scored.scores.note}".strip())
        if scored.scores.n:
            model.scores = scored.scores
            model.card = replace(model.card, scores=scored.scores.to_dict())
        return scored

    def other(self, number: int, share: float, path: Path) -> Other:
        """The training of another seed, in a folder that is thrown away."""
        listener = Part(self.listener, f"seed {number + 2} of {self.others + 1}", number, self.others, "seeds")
        return Other(
            self.audit, self.test_audit, self.split, path, share, self.steps, self.seed + number + 1, self.command,
            listener, time.monotonic(), self.ladder,
        )  # fmt: skip

    def words(self, scores: Scores) -> str:
        """How far the scores of the seeds lie apart."""
        if not self.spread:
            why = "there was no time for another" if scores.n else "no image was held back to score on"
            return f"Only seed {self.seed} was scored: {why}, so nothing is known of the spread."
        told = [
            f"{LABELS[name]} {one.words()}"
            for name, one in self.spread.items()
            if len(one.values) == len(self.seeds) and name in (scores.headline, "dice_pooled")
        ]
        listed = ", ".join(map(str, self.seeds))
        each = "" if self.steps is not None else ", each trained about as long"
        return f"Over the seeds {listed}{each}: {'; '.join(told)}. The model kept is that of seed {self.seed}."

    def told(self, scored: Scored, look: CloserLook) -> dict[str, Any]:
        spread = {name: one.to_dict() for name, one in self.spread.items()}
        return super().told(scored, look) | {"seeds": {"seeds": self.seeds, "spread": spread}}
