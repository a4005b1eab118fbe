"""Training in folds: the model that is kept learns from every image, and each image is scored by another that did not.

The kept model is trained first, so that whoever stops early has it; the folds share what time is left.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from handful.data.sample import Sample
from handful.data.split import Split
from handful.errors import SettingsError
from handful.measure.scores import Scorer
from handful.verbs.listener import SILENT, Listener
from handful.verbs.train import LATEST, LEAST_SECONDS, REPORT_SECONDS, Job

if TYPE_CHECKING:
    from handful.measure.boundary_scores import BoundaryScorer
    from handful.plan import Plan
    from handful.prediction.segmenter import Segmenter
    from handful.training.loop import Fitted
    from handful.verbs.closer_look import CloserLook
    from handful.verbs.score import Scored

LOADING = 2.5  # seconds until torch is there
LAST_WORDS = 0.02  # of the time, for the report


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


def first_share(seconds: float, steps: int | None, gone: float, folds: int) -> float:
    """Seconds from the start for the kept model, when the folds are to get as much each.

    Raises SettingsError where that is too little for any of them.
    """
    if steps is not None:
        return seconds
    each = ((1 - LAST_WORDS) * seconds - gone - LOADING - REPORT_SECONDS) / (folds + 1)
    if each < LEAST_SECONDS:
        least = ((LEAST_SECONDS + 0.5) * (folds + 1) + gone + LOADING + REPORT_SECONDS) / (1 - LAST_WORDS)
        raise SettingsError(
            f"--folds: {folds} folds and the final model are {folds + 1} trainings, {max(each, 0):.1f} s each of these "
            f"{seconds:g} s. Give --seconds {least:.0f} or more, or fewer folds."
        )
    return round(gone + LOADING + each, 1)


def in_folds(job: Job, parts: Sequence[Split], overrides: Mapping[str, Any], *, init: Any, device: str) -> Folded:
    """The job with its time shared between the kept model and the folds. Raises SettingsError where it is too short."""
    gone = time.monotonic() - job.started
    share = first_share(job.seconds, job.steps, gone, len(parts))
    return Folded(
        **{**vars(job), "seconds": share},
        folds=parts, overrides=overrides, init=init, device=device, whole_seconds=job.seconds,
    )  # fmt: skip


@dataclass
class Fold(Job):
    """One of several trainings whose model is thrown away; `scored` is what it is for, `scorers` go on counting."""

    look: CloserLook | None = None
    scorers: tuple[Scorer, BoundaryScorer | None] | None = None
    scored: Scored | None = None
    stopped: bool = False

    def settle(self, model: Segmenter, samples: Sequence[Sample]) -> CloserLook:
        from handful.verbs.closer_look import CloserLook

        return self.look or CloserLook(model.card, self.audit.reading)

    def score(self, model: Segmenter, samples: Sequence[Sample], look: CloserLook) -> Scored:
        from handful.verbs.score import score_regions

        self.stopped = any("stopped by hand" in message for message in model.messages)
        regions = () if self.stopped else self.split.test
        scorer, boundaries = self.scorers or (None, None)
        until = None if self.steps is not None else self.started + LATEST * self.seconds
        return score_regions(
            model,
            self.test_audit or self.audit,
            regions,
            look=look,
            until=until,
            scorer=scorer,
            boundaries=boundaries,
        )

    def write(self, model: Segmenter, plan: Plan, fitted: Fitted, scored: Scored, look: CloserLook) -> None:
        self.scored = scored


@dataclass
class Folded(Job):
    """The training of the kept model, on every image; it is scored by the folds."""

    folds: Sequence[Split] = ()
    overrides: Mapping[str, Any] = field(default_factory=dict)
    init: Any = None
    device: str = "auto"
    whole_seconds: float = 0.0

    def score(self, model: Segmenter, samples: Sequence[Sample], look: CloserLook) -> Scored:
        """Train and score the folds; the card and the model take the result."""
        from handful.measure.boundary_scores import BoundaryScorer
        from handful.verbs.score import Scored

        card = model.card
        scorer = Scorer(card.classes, background=card.background)
        scorers = scorer, BoundaryScorer(("sobel",)) if card.task == "boundaries" else None
        scored, done = Scored(scorer.finish()), 0
        stopped = any("stopped by hand" in message for message in model.messages)
        with TemporaryDirectory(prefix="handful") as folder:
            for number, split in enumerate(self.folds):
                share = self.share_of(len(self.folds) - number)
                if stopped or share < 1:
                    break
                try:
                    fold = self.fold(number, split, share, Path(folder), look, scorers)
                    fold.work(self.overrides, init=self.init, device=self.device, resume=False)
                except KeyboardInterrupt:
                    break
                except SettingsError:  # no time for a step, on a machine that became slow
                    continue
                stopped = fold.stopped
                if fold.scored is not None and not stopped:
                    scored = replace(fold.scored, pictures=scored.pictures + fold.scored.pictures)
                    done += 1
        note = self.words(done)
        self.listener.say(f"note     {note}")
        scored.scores = replace(scored.scores, note=f"{note} {scored.scores.note}".strip())
        model.scores = scored.scores if scored.scores.n else None
        model.card = replace(model.card, scores=scored.scores.to_dict() if scored.scores.n else None)
        return scored

    def share_of(self, left: int) -> float:
        """Seconds for the next of the folds that are left."""
        if self.steps is not None:
            return self.whole_seconds
        end = self.started + (1 - LAST_WORDS) * self.whole_seconds - REPORT_SECONDS
        return round((end - time.monotonic()) / left, 1)

    def fold(
        self,
        number: int,
        split: Split,
        share: float,
        folder: Path,
        look: CloserLook,
        scorers: tuple[Scorer, BoundaryScorer | None],
    ) -> Fold:
        """The training of one fold, in a folder that is thrown away."""
        path = folder / str(number)
        path.mkdir()
        listener = Part(self.listener, f"fold {number + 1} of {len(self.folds)}", number, len(self.folds))
        return Fold(
            self.audit, None, split, path, share, self.steps, self.seed, self.command, listener, time.monotonic(),
            look=look, scorers=scorers,
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


class Part(Listener):
    """Hears one of several trainings; what it says of itself is said once already."""

    def __init__(self, outer: Listener = SILENT, what: str = "", number: int = 0, count: int = 1) -> None:
        self.outer, self.what, self.number, self.count = outer, what, number, count

    def progress(self, what: str, done: float, detail: str = "") -> None:
        self.outer.progress("folds", (self.number + done) / self.count, f"{self.what}: {what} {detail}")
