"""Several trainings in the time of one: the kept model's first, so that whoever stops early has it, then the others."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, ClassVar

from handful.data.sample import Sample
from handful.errors import SettingsError
from handful.measure.scorer import Scorer
from handful.training.clock import STOPPED
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


def was_stopped(model: Segmenter) -> bool:
    """Whether the training of a model was interrupted by hand."""
    return any(STOPPED in message for message in model.messages)


def first_share(seconds: float, steps: int | None, gone: float, others: int, what: str) -> float:
    """Seconds from the start for the kept model, when so many others are to get as much each.

    Raises SettingsError, beginning with `what`, where that is too little for any of them.
    """
    if steps is not None:
        return seconds
    each = ((1 - LAST_WORDS) * seconds - gone - LOADING - REPORT_SECONDS) / (others + 1)
    if each < LEAST_SECONDS:
        least = ((LEAST_SECONDS + 0.5) * (others + 1) + gone + LOADING + REPORT_SECONDS) / (1 - LAST_WORDS)
        raise SettingsError(
            f"{what} are {others + 1} trainings, {max(each, 0):.1f} s each of these {seconds:g} s. Give --seconds "
            f"{least:.0f} or more, or fewer of them."
        )
    return round(gone + LOADING + each, 1)


@dataclass
class Other(Job):
    """One of several trainings whose model is thrown away; `scored` is what it is for, `scorers` go on counting."""

    look: CloserLook | None = None
    scorers: tuple[Scorer, BoundaryScorer | None] | None = None
    scored: Scored | None = None
    stopped: bool = False
    shows_rival: ClassVar[bool] = False

    def find_known(self) -> dict[str, str]:
        return {}  # told of the model that is kept

    def settle(self, model: Segmenter, samples: Sequence[Sample]) -> CloserLook:
        from handful.verbs.closer_look import CloserLook

        return self.look or CloserLook(model.card, self.audit.reading)

    def score(self, model: Segmenter, samples: Sequence[Sample], look: CloserLook) -> Scored:
        from handful.verbs.score import score_regions

        self.stopped = was_stopped(model)
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
class Several(Job):
    """The training of the kept model, to be followed by others with the same settings in `whole_seconds` together."""

    overrides: Mapping[str, Any] = field(default_factory=dict)
    device: str = "auto"
    whole_seconds: float = 0.0

    def trained(self, count: int, make: Callable[[int, float, Path], Other]) -> Iterator[tuple[Other, Scored]]:
        """Each of `count` others with what it scored, while there is time; make: given its number, seconds, folder."""
        with TemporaryDirectory(prefix="handful") as folder:
            for number in range(count):
                share = self.share_of(count - number)
                if share < 1:
                    return
                path = Path(folder) / str(number)
                path.mkdir()
                try:
                    other = make(number, share, path)
                    other.work(self.overrides, device=self.device, resume=False)
                except KeyboardInterrupt:
                    return
                except SettingsError:  # no time for a step, on a machine that became slow
                    continue
                if other.stopped:
                    return
                if other.scored is not None:
                    yield other, other.scored

    def share_of(self, left: int) -> float:
        """Seconds for the next of the trainings that are left."""
        if self.steps is not None:
            return self.whole_seconds
        end = self.started + (1 - LAST_WORDS) * self.whole_seconds - REPORT_SECONDS
        return round((end - time.monotonic()) / left, 1)


class Part(Listener):
    """Hears one of several trainings; what it says of itself is said once already."""

    def __init__(
        self, outer: Listener = SILENT, what: str = "", number: int = 0, count: int = 1, kind: str = "folds"
    ) -> None:
        self.outer, self.what, self.number, self.count, self.kind = outer, what, number, count, kind

    def progress(self, what: str, done: float, detail: str = "") -> None:
        self.outer.progress(self.kind, (self.number + done) / self.count, f"{self.what}: {what} {detail}")
