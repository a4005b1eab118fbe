"""`curve`: what the score is worth at 1, 2, 4, 8, ... training images, and what more of them should add."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from numpy.typing import NDArray

from handful.data.check import Audit, summary_lines
from handful.data.folds import make_folds
from handful.data.region import Region, chance, spread_out, whole_regions
from handful.data.split import Split
from handful.errors import DataError, SettingsError
from handful.files import write_whole
from handful.measure.bootstrap import Interval, mean_interval
from handful.measure.overlap import mean_present
from handful.measure.saturation import Saturation, fit_saturation, gain_of_more, gain_sentence
from handful.measure.scores import TOO_FEW, TOO_FEW_WORDS, UNIT
from handful.names import plural
from handful.outputs.files import OutputFolder
from handful.verbs.asked import check_asked
from handful.verbs.listener import SILENT, Listener
from handful.verbs.runfolder import csv_text, without_nan, write_json
from handful.verbs.several import LOADING, Other, Part
from handful.verbs.train import LEAST_SECONDS, DataFlags, check_same_kind, check_time

MINUTES = 10.0
MOST_REPEATS = 5
ENOUGH = 20.0  # seconds for a training; only what is over goes into more repeats
MOST_SCORED = 12  # images in a repeat: scoring must not eat the time for training
MORE = 5
JSON, CSV, PAGE = "curve.json", "curve.csv", "curve.html"


@dataclass(frozen=True)
class LearningCurve:
    """Dice per image by number of training images.

    table: (sizes, images), nan where an image was not scored at that size. runs: (size, repeat, mean Dice) of each
    training. labelled: images in all. each: seconds of a training (None: `steps` were fixed).
    """

    sizes: tuple[int, ...]
    names: tuple[str, ...]
    table: NDArray[np.float64]
    runs: tuple[tuple[int, int, float], ...]
    labelled: int
    each: float | None
    fitted: Saturation | None
    gain: Interval

    @property
    def points(self) -> list[Interval]:
        """Mean Dice at each size with its 95 % interval over the images scored."""
        return [mean_interval(row, bounds=UNIT) for row in self.table]

    @property
    def sentence(self) -> str:
        """What more images should add, in words."""
        if self.points[-1].n < TOO_FEW:
            return f"{plural(self.points[-1].n, 'image')} to score on: {TOO_FEW_WORDS} what more of them would add."
        return gain_sentence(self.gain, MORE, self.labelled)

    def lines(self) -> list[str]:
        """For the terminal."""
        rows = [f"{'images':>6}  {'Dice':>5}  95 % interval   trainings"]
        for size, point in zip(self.sizes, self.points, strict=True):
            spread = "" if np.isnan(point.low) else f"{point.low:.3f} to {point.high:.3f}"
            repeats = sum(one == size for one, _, _ in self.runs)
            rows.append(f"{size:6d}  {point.value:5.3f}  {spread:14}  {repeats:9d}")
        return [self.sentence, self.how, "", *rows]

    @property
    def how(self) -> str:
        """What the curve rests on, in words."""
        each = "of a fixed number of steps" if self.each is None else f"of about {self.each:.0f} s"
        law = ""
        if self.fitted is not None and self.fitted.fall > 0:
            law = (
                f" The fitted curve is {self.fitted.limit:.3f} - {self.fitted.fall:.3f} / n^{self.fitted.exponent:.2f};"
                f" beyond {2 * self.labelled} images it is guesswork."
            )
        return f"{len(self.runs)} trainings {each}, each scored on images that it did not see.{law}"

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values."""
        plain: dict[str, Any] = {
            "sentence": self.sentence,
            "how": self.how,
            "labelled": self.labelled,
            "seconds_each": self.each,
            "points": [{"images": n, **vars(one)} for n, one in zip(self.sizes, self.points, strict=True)],
            "fit": None if self.fitted is None else vars(self.fitted),
            "more": {"images": MORE, **vars(self.gain)},
            "runs": [{"images": size, "repeat": repeat, "dice": score} for size, repeat, score in self.runs],
        }
        return dict(without_nan(plain))

    def to_csv(self) -> str:
        """A row an image and size."""
        rows = [
            [size, name, f"{value:.4f}"]
            for size, row in zip(self.sizes, self.table, strict=True)
            for name, value in zip(self.names, row, strict=True)
            if not np.isnan(value)
        ]
        return csv_text([["training_images", "image", "dice"], *rows])


def curve(
    data: str | Path | Audit | None = None,
    *,
    out: str | Path | None = None,
    seconds: float | None = None,
    steps: int | None = None,
    test: str | Path | None = None,
    repeats: int | None = None,
    seed: int = 0,
    device: str = "auto",
    settings: Mapping[str, Any] | None = None,
    flags: DataFlags | None = None,
    overwrite: bool = False,
    listener: Listener = SILENT,
    command: str = "",
    started: float | None = None,
) -> LearningCurve:
    """Train on 1, 2, 4, ... of the labelled images inside the time, and score each on images that it did not see.

    seconds: for everything (600). steps: fixes the work of each training instead. test: a labelled folder to score on;
    else the images are cut into folds, and each repeat tests another fold and draws its training images from the rest,
    the smaller sets within the larger ones. repeats: how often (1 to 5, as the time allows). out: a folder for
    curve.json, curve.csv and curve.html.

    Raises DataError, SettingsError, OutputError as `train` does.
    """
    started = time.monotonic() if started is None else started
    flags = flags or DataFlags()
    seconds = check_time(60 * MINUTES if seconds is None else seconds, steps)
    check_asked(settings or {}, device=device)
    audit = data if isinstance(data, Audit) else flags.audit(data, listener)
    tests = None if test is None else DataFlags().audit_like(test, audit.reading, listener)
    check_same_kind(audit, tests)
    for line in summary_lines(audit):
        listener.say(line)
    with ExitStack() as stack:
        folder = None
        if out is not None:
            folder = stack.enter_context(OutputFolder(out, overwrite=overwrite))
            folder.refuse_existing([JSON, CSV, PAGE])
        plan = make_plan_of_runs(audit, tests, seconds, steps, started, seed, repeats)
        each = None if steps is not None else (0.97 * seconds - (time.monotonic() - started) - LOADING) / len(plan)
        sizes = sorted({size for size, _, _ in plan})
        listener.say(
            f"curve    {len(plan)} trainings on {', '.join(map(str, sizes))} images"
            + ("" if each is None else f", about {each:.0f} s each")
        )
        found = Runs(audit, tests, seed, steps, settings or {}, device, listener, command).work(plan, started, seconds)
        if folder is not None:
            write_json(folder.path / JSON, found.to_dict() | {"command": command})
            write_whole(folder.path / CSV, found.to_csv().encode())
            write_page(folder.path / PAGE, found, audit, command)
    return found


PlannedRun = tuple[int, int, Split]  # size, repeat, split


def make_plan_of_runs(
    audit: Audit,
    tests: Audit | None,
    seconds: float,
    steps: int | None,
    started: float,
    seed: int,
    wanted: int | None = None,
) -> list[PlannedRun]:
    """The trainings, the first repeat of every size before the second, so that a curve is there early.

    Raises SettingsError where the time is too short, DataError where there are too few images.
    """
    count = len(audit.pairs)
    if count < 2:
        raise DataError(f"{audit.root}: a curve takes at least 2 labelled images, {count} was found.")
    if wanted is not None and not 1 <= wanted <= count:
        raise SettingsError(f"--repeats {wanted}: 1 to {count} were expected, the number of images.")
    left = 0.97 * seconds - (time.monotonic() - started) - LOADING
    for repeats in range(MOST_REPEATS, 0, -1) if wanted is None else (wanted,):
        try:
            plan = plan_repeats(audit, tests, repeats, seed)
        except SettingsError:  # fewer images than folds
            continue
        least = LEAST_SECONDS if repeats <= 2 or wanted is not None else ENOUGH
        if steps is not None or left / len(plan) >= least:
            return plan
    needed = (LEAST_SECONDS * len(plan) + LOADING) / 0.97 + 2
    raise SettingsError(
        f"--seconds {seconds:g}: a curve takes {len(plan)} trainings here. Give --seconds {needed:.0f} or more."
    )


def plan_repeats(audit: Audit, tests: Audit | None, repeats: int, seed: int) -> list[PlannedRun]:
    """`repeats` times every size; with a single repeat one third of the images tests."""
    folds = () if tests is not None else make_folds(audit, max(repeats, min(3, len(audit.pairs))), seed=seed)
    plan = []
    # The largest number is one that every repeat can have, so that all sizes are scored on the same images.
    most = len(audit.pairs) if tests is not None else min(len(fold.train) for fold in folds[:repeats])
    for repeat in range(repeats):
        if tests is not None:
            pool, held = list(whole_regions(audit).values()), list(whole_regions(tests).values())
        else:
            pool, held = list(folds[repeat].train), list(folds[repeat].test)
        pool.sort(key=lambda region: chance(seed, f"curve {repeat}", audit.facts[region.name].content))
        scored = spread_out(held, MOST_SCORED)
        for size in sizes_of(most):
            plan.append((size, repeat, subset(audit, pool[:size], scored, tests)))
    return sorted(plan, key=lambda run: (run[1], run[0]))


def sizes_of(most: int) -> list[int]:
    """1, 2, 4, ... and the largest that every repeat can have."""
    sizes = [1 << power for power in range(most.bit_length()) if 1 << power <= most]
    return sizes if sizes[-1] > 0.75 * most else [*sizes, most]


def subset(audit: Audit, train: Sequence[Region], held: Sequence[Region], tests: Audit | None) -> Split:
    """A split that trains on these and scores those."""
    return Split(
        train=tuple(train),
        validation=(),
        test=tuple(held),
        reason=f"{plural(len(train), 'image')} of {len(audit.pairs)}, for a learning curve.",
        outside=tests is not None,
        contents={region.name: audit.facts[region.name].content for region in train},
    )


@dataclass(frozen=True)
class Runs:
    """Does the trainings one after the other and collects their scores."""

    audit: Audit
    tests: Audit | None
    seed: int
    steps: int | None
    overrides: Mapping[str, Any]
    device: str
    listener: Listener
    command: str

    def work(self, plan: Sequence[PlannedRun], started: float, seconds: float) -> LearningCurve:
        """Stopped by hand it shows what there is; before three trainings are done it raises KeyboardInterrupt."""
        rows: dict[int, dict[str, list[float]]] = {}
        runs: list[tuple[int, int, float]] = []
        began = time.monotonic()
        with TemporaryDirectory(prefix="handful") as folder:
            for number, (size, repeat, split) in enumerate(plan):
                left = started + 0.97 * seconds - time.monotonic()
                share = seconds if self.steps is not None else left / (len(plan) - number)
                if share < 1:
                    break
                part = Part(self.listener, f"{plural(size, 'image')}, {number + 1} of {len(plan)}", number, len(plan))
                path = Path(folder) / str(number)
                path.mkdir()
                job = Other(
                    self.audit, self.tests, split, path, share, self.steps, self.seed + repeat, self.command, part,
                    time.monotonic(),
                )  # fmt: skip
                try:
                    job.work(self.overrides, device=self.device, resume=False)
                except SettingsError:  # no time for a step, on a machine that became slow
                    continue
                except KeyboardInterrupt:
                    job.stopped = True
                if job.stopped and len(runs) < 3:
                    raise KeyboardInterrupt
                if job.stopped:
                    self.listener.say(f"note     stopped by hand after {len(runs)} of {len(plan)} trainings.")
                    break
                if job.scored is None:
                    continue
                for one in job.scored.scores.images:
                    rows.setdefault(size, {}).setdefault(one.name, []).append(one.dice)
                mean = float(mean_present(np.array([one.dice for one in job.scored.scores.images])))
                runs.append((size, repeat, mean))
                self.listener.say(
                    f"curve    {plural(size, 'image'):10}  Dice {mean:.3f}  ({number + 1} of {len(plan)})"
                )
        if not runs:
            raise SettingsError(f"--seconds {seconds:g}: there was no time for a single training. Give more seconds.")
        each = None if self.steps is not None else (time.monotonic() - began) / len(runs)
        return collect(rows, runs, len(self.audit.pairs), each)


def collect(
    rows: Mapping[int, Mapping[str, Sequence[float]]],
    runs: Sequence[tuple[int, int, float]],
    labelled: int,
    each: float | None,
) -> LearningCurve:
    """The curve of scores by size and image; an image scored in several repeats counts with its mean.

    Where time was too short to score every image at every size, those that were count alone, unless they are too few:
    other images at another size would make a curve of their own.
    """
    sizes = sorted(rows)
    names = list(dict.fromkeys(name for row in rows.values() for name in row))
    everywhere = [name for name in names if all(name in rows[size] for size in sizes)]
    names = everywhere if len(everywhere) >= TOO_FEW else names
    table = np.array([[np.mean(rows[size].get(name, np.nan)) for name in names] for size in sizes])
    fitted = fit_saturation(sizes, mean_present(table))
    gain = gain_of_more(sizes, table, MORE, now=labelled)
    return LearningCurve(tuple(sizes), tuple(names), table, tuple(runs), labelled, each, fitted, gain)


def write_page(path: Path, found: LearningCurve, audit: Audit, command: str) -> None:
    """The picture with its table, one file that needs no network."""
    from handful.report.learning import LearningPage, write_learning

    page = LearningPage(
        title=f"{Path(audit.root).resolve().name}: what more labelled images would add",
        sentence=found.sentence,
        how=found.how,
        sizes=found.sizes,
        points=found.points,
        trainings=[sum(one == size for one, _, _ in found.runs) for size in found.sizes],
        fitted=found.fitted,
        labelled=found.labelled,
        more=MORE,
        command=command,
        date=time.strftime("%Y-%m-%d %H:%M"),
    )
    write_learning(path, page)
