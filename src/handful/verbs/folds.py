"""Training in folds: the model that is kept learns from every image, and each image is scored by another that did not.

The kept model is trained first, so that whoever stops early has it; the folds share what time is left.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from handful.data.sample import Sample
from handful.data.split import Split
from handful.errors import SettingsError
from handful.measure.scorer import Scorer
from handful.verbs.several import Other, Part, Several, first_share, was_stopped
from handful.verbs.train import Job

if TYPE_CHECKING:
    from handful.measure.boundary_scores import BoundaryScorer
    from handful.prediction.segmenter import Segmenter
    from handful.verbs.closer_look import CloserLook
    from handful.verbs.score import Scored


def check_folds(folds: int | str, *, test: Any, test_fraction: Any, split: Any, resume: bool) -> int | str:
    """The number of folds or "loo". Raises SettingsError for anything else, or beside what says who is tested."""
    if test is not None or test_fraction is not None or split is not None or resume:
        raise SettingsError("--folds tests every image once: leave out --test, --test-fraction and --resume.")
    if isinstance(folds, str) and folds.strip().lower() == "loo":
        return "loo"
    try:
        number = int(folds)
    except ValueError:
        number = 0
    if number < 2:
        raise SettingsError(f"--folds {folds}: give a number of folds, 2 or more, or loo to leave out one at a time.")
    return number


def in_folds(job: Job, parts: Sequence[Split], overrides: Mapping[str, Any], *, device: str) -> Folded:
    """The job with its time shared between the kept model and the folds. Raises SettingsError where it is too short."""
    gone = time.monotonic() - job.started
    share = first_share(job.seconds, job.steps, gone, len(parts), f"--folds: {len(parts)} folds and the final model")
    return Folded(
        **{**vars(job), "seconds": share},
        folds=parts, overrides=overrides, device=device, whole_seconds=job.seconds,
    )  # fmt: skip


@dataclass
class Folded(Several):
    """The training of the kept model, on every image; it is scored by the folds."""

    folds: Sequence[Split] = ()

    def score(self, model: Segmenter, samples: Sequence[Sample], look: CloserLook) -> Scored:
        """Train and score the folds; the card and the model take the result."""
        from handful.measure.boundary_scores import BoundaryScorer
        from handful.verbs.score import Scored

        card = model.card
        scorer = Scorer(card.classes, background=card.background)
        scorers = scorer, BoundaryScorer(("sobel",)) if card.task == "boundaries" else None
        scored, done = Scored(scorer.finish()), 0
        if not was_stopped(model):
            for _, fold in self.trained(len(self.folds), partial(self.fold, look=look, scorers=scorers)):
                scored = replace(fold, pictures=scored.pictures + fold.pictures)
                done += 1
        note = self.words(done)
        self.listener.say(f"note     {note}")
        scored.scores = replace(scored.scores, note=f"{note} {scored.scores.note}".strip())
        model.scores = scored.scores if scored.scores.n else None
        model.card = replace(model.card, scores=scored.scores.to_dict() if scored.scores.n else None)
        return scored

    def fold(
        self,
        number: int,
        share: float,
        path: Path,
        *,
        look: CloserLook,
        scorers: tuple[Scorer, BoundaryScorer | None],
    ) -> Other:
        """The training of one fold, in a folder that is thrown away."""
        listener = Part(self.listener, f"fold {number + 1} of {len(self.folds)}", number, len(self.folds))
        return Other(
            self.audit, None, self.folds[number], path, share, self.steps, self.seed, self.command, listener,
            time.monotonic(), self.ladder, look=look, scorers=scorers,
        )  # fmt: skip

    def words(self, done: int) -> str:
        """How the scores came about, in words."""
        count = len(self.audit.pairs)
        of = f"{len(self.folds)} folds" if done == len(self.folds) else f"{done} of {len(self.folds)} folds"
        time_each = "" if self.steps is not None else ", each trained about as long"
        if count == 1:
            return (
                f"Every strip of the only image was scored by a model trained on the others ({of}{time_each}); the "
                "model kept learnt from all of it. That says little about other images."
            )
        if not done:
            return f"There was no time to score anything; the model kept learnt from all {count} images."
        return (
            f"Each score is that of a model which was not trained on the image ({of}{time_each}); the model kept "
            f"learnt from all {count} images and should do as well or better."
        )
