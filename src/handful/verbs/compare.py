"""`compare`: all trainings of an experiment on one fixed split, kept one by one, and what their difference is worth."""

from __future__ import annotations

import hashlib
import json
import shutil
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from math import isnan, nan
from pathlib import Path
from typing import Any

from handful.data.audit import Audit
from handful.data.check import summary_lines
from handful.data.decode import ImageFile
from handful.data.inputs import find_images
from handful.data.split import Split
from handful.errors import DataError, OutputError, SettingsError
from handful.experiments.cells import Cell, Times, make_cells
from handful.experiments.file import Experiment, Source, read_experiment
from handful.experiments.splits import fixed_splits, only, split_of
from handful.experiments.table import WORDS, Table, mean, plain
from handful.files import write_whole
from handful.measure.boundary_scores import HEADLINE as ODS
from handful.measure.scores import HEADLINE, trivial_label
from handful.names import plural
from handful.start import NO_START, STARTER
from handful.verbs.asked import check_overrides
from handful.verbs.judge import Judge, Judged
from handful.verbs.listener import SILENT, Listener
from handful.verbs.runfolder import CHECKPOINT, MODEL, SCORES, csv_text, without_nan, write_json
from handful.verbs.several import was_stopped
from handful.verbs.train import DataFlags, time_left, train

RESULTS, TABLE, IMAGES, PAGE, SPLITS = "results.json", "table.csv", "images.csv", "comparison.html", "splits.json"
PARTS = ("data", "starts", "cells", "judged", "masks")
SECONDS = 60.0  # a training, where the file says nothing
SHARED = ("net", "net_settings", "patch", "batch")  # with a start model: what fits one net and machine fits the other
DETECTORS = ("canny", "sobel")  # of edges; run beside the first model, since they say the same beside the others


@dataclass
class Comparison:
    """A finished comparison: its folder, the scores, and the verdicts."""

    folder: Path
    experiment: Experiment
    table: Table
    judged: dict[int, Judged]
    tests: dict[str, Audit]

    @property
    def trivial(self) -> dict[str, float]:
        """What answers without training get by the score that decides."""
        return self.trivial_by(self.experiment.score)

    def trivial_by(self, score: str) -> dict[str, float]:
        """What answers without training get by this score, over all test images."""
        found: dict[str, list[float]] = {}
        cells = self.table.cells
        for number, judged in self.judged.items():
            if (cells[number].combination, cells[number].seed) == (cells[0].combination, cells[0].seed):
                for name, row in judged.trivial.items():
                    found.setdefault(name, []).append(row.get(score, nan))
        means = {name: mean(values) for name, values in found.items()}
        return {name: value for name, value in means.items() if not isnan(value)}

    @property
    def verdict(self) -> list[str]:
        """What was reached, then each difference in words."""
        best = self.table.best()
        if best is None:
            return ["Nothing could be scored."]
        score = WORDS[self.experiment.score]
        span = "" if best.score.low != best.score.low else f" [{plain(best.score.low)}, {plain(best.score.high)}]"
        on = f"{plural(best.score.n, 'unseen image')}, {plural(len(best.by_seed), 'seed')}"
        first = f"The best mean {score} is {plain(best.score.value)}{span} on {on}: {best.words}."
        rival = max(self.trivial.items(), key=lambda item: item[1], default=None)
        if rival is not None:
            first += f" The best answer without training ({trivial_label(rival[0])}) gets {plain(rival[1])}."
        others = [self.test_words(name) for name, test in self.experiment.tests.items() if not test.probe]
        return [first, *filter(None, others), *(effect.sentence for effect in self.table.effects())]

    def test_words(self, name: str) -> str:
        """The best model on another set beside the best that needs no training there; "" where nothing is scored."""
        found: dict[tuple[str, ...], list[float]] = {}
        rivals: dict[str, float] = {}
        key = ODS if any(ODS in one.summaries.get(name, {}) for one in self.judged.values()) else ""
        for number, judged in self.judged.items():
            rows = judged.tests.get(name, {}).values()
            value = judged.summaries[name].get(key, nan) if key else mean([row.get("dice", nan) for row in rows])
            if not isnan(value):
                found.setdefault(self.table.cells[number].combination, []).append(value)
            for rival, values in judged.rivals.get(name, {}).items():
                rivals[rival] = values.get(key or HEADLINE, nan)
        if not found:
            return ""
        best = max(found, key=lambda one: mean(found[one]))
        text = f"On {name} the best mean {'ODS' if key else 'Dice'} is {plain(mean(found[best]))}: {', '.join(best)}."
        there = {rival: value for rival, value in rivals.items() if not isnan(value)}
        if there:
            named = (f"{trivial_label(rival)} {plain(value)}" for rival, value in there.items())
            text += f" Without training: {', '.join(named)}."
        return text

    def lines(self) -> list[str]:
        """For the terminal: the verdict, the table, where the page is."""
        axes = list(self.table.rows()[0].labels) if self.table.rows() else []
        rows = [[*axes, WORDS[self.experiment.score], "95 % interval", "median", "seeds"]]
        for row in self.table.rows():
            span = "-" if row.score.low != row.score.low else f"{row.score.low:.3f} to {row.score.high:.3f}"
            seeds = str(len(row.by_seed))
            rows.append([*row.labels.values(), f"{row.score.value:.3f}", span, f"{row.median:.3f}", seeds])
        widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
        table = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
        return [*self.verdict, "", *table, "", f"page     {self.folder / PAGE}"]


def check_amount(seconds: float | None, steps: int | None) -> None:
    """SettingsError where the work is given twice."""
    if seconds is not None and steps is not None:
        raise SettingsError("--seconds and --steps exclude each other; give one of them.")


def with_seeds(experiment: Experiment, seeds: int) -> Experiment:
    """The first so many seeds. Raises SettingsError where there are fewer."""
    if not 1 <= seeds <= len(experiment.seeds):
        raise SettingsError(f"--seeds {seeds}: the file names {len(experiment.seeds)}; give 1 to that many.")
    return replace(experiment, seeds=experiment.seeds[:seeds])


def compare(
    file: str | Path | Experiment,
    *,
    out: str | Path,
    data: str | Path | None = None,
    seconds: float | None = None,
    steps: int | None = None,
    seeds: int | None = None,
    settings: Mapping[str, Any] | None = None,
    device: str = "auto",
    listener: Listener = SILENT,
    command: str = "",
) -> Comparison:
    """Run every training that a TOML file asks for and is not finished in `out`, score them all, write the page.

    file: the comparison, or one that was read. data: where its folders are looked for (beside the file). seconds,
    steps: for each training, instead of what the file says. seeds: only the first so many. settings: for all trainings,
    before what the file says. What is finished is kept: after a stop the same command
    goes on, and after a change of the file only what changed is trained. The split is made once and kept in `out`.

    Raises SettingsError for what the file asks and cannot be, DataError, and OutputError where `out` holds other things
    or a comparison on other data.
    """
    experiment = file if isinstance(file, Experiment) else read_experiment(file)
    root = Path(data if data is not None else experiment.folder)
    check_amount(seconds, steps)
    if seconds is not None or steps is not None:
        experiment = with_time(experiment, seconds, steps)
    elif experiment.seconds is None and experiment.steps is None:
        experiment = replace(experiment, seconds=SECONDS)
    if seeds is not None:
        experiment = with_seeds(experiment, seeds)
    cells = [replace(cell, settings=cell.settings | dict(settings or {})) for cell in make_cells(experiment)]
    for cell in cells:
        check_overrides(cell.settings)
    return Work(experiment, root, Path(out), cells, device, listener, command).run()


def with_time(experiment: Experiment, seconds: float | None, steps: int | None) -> Experiment:
    """Every training, of start models too, with this time or these steps."""
    axes = {
        axis: tuple(replace(variant, seconds=None) for variant in variants)
        for axis, variants in experiment.axes.items()
    }
    starts = {name: replace(one, seconds=seconds) for name, one in experiment.starts.items()}
    return replace(experiment, seconds=seconds, steps=steps, axes=axes, starts=starts)


@dataclass
class Work:
    """A comparison being made."""

    experiment: Experiment
    root: Path
    out: Path
    cells: list[Cell]
    device: str
    listener: Listener
    command: str
    times: Times = field(default_factory=Times)

    def run(self) -> Comparison:
        self.check_folder()
        one = self.experiment
        flags = DataFlags(**one.flags)
        audit = flags.audit(self.place(one.data, "data"), self.listener)
        for line in summary_lines(audit):
            self.listener.say(line)
        others = None
        if isinstance(one.test, Source):
            others = DataFlags().audit_like(self.place(one.test, "test"), audit.reading, self.listener)
        splits = self.keep_splits(audit, others)
        for split in splits:
            self.listener.say(f"split    {split.reason}")
        marks = audit.fingerprint, json.dumps([split.to_dict() for split in splits], sort_keys=True)
        own = [split_of(audit, splits[cell.fold], cell.images, cell.seed, others) for cell in self.cells]
        tests = self.test_sets(audit)
        judge = Judge(one.measures, audit, others, tests, self.pictures(), one.training_scores, self.listener)
        folders = [cell.folder(*marks, self.start_mark(cell), folds=one.folds) for cell in self.cells]
        self.say_what_is_left(folders)
        done: dict[int, Judged] = {}
        for number, (cell, split, name) in enumerate(zip(self.cells, own, folders, strict=True)):
            done[number] = self.cell(number, cell, split, name, judge, audit, others)
        images = {
            number: {name: row[one.score] for name, row in judged.images.items() if one.score in row}
            for number, judged in done.items()
        }
        if not any(images.values()):
            raise SettingsError(f"score = {one.score!r}: these data and models have no such score of an image.")
        table = Table(self.cells, images, {number: judged.summary for number, judged in done.items()})
        comparison = Comparison(self.out, one, table, done, tests)
        self.write(comparison, folders, audit, others, splits)
        return comparison

    # ---- what lies there already

    def check_folder(self) -> None:
        """OutputError where `out` holds anything but an earlier comparison."""
        known = {RESULTS, TABLE, IMAGES, PAGE, SPLITS, *PARTS}
        if self.out.is_dir():
            strange = sorted(
                one.name for one in self.out.iterdir() if one.name not in known and not one.name.startswith(".")
            )
            if strange:
                raise OutputError(
                    f"{self.out}: this folder holds other things ({', '.join(strange[:3])}), not an earlier "
                    "comparison. Name a new folder with -o."
                )
        elif self.out.exists():
            raise OutputError(f"{self.out}: a file is in the way. Name a folder with -o.")

    def keep_splits(self, audit: Audit, others: Audit | None) -> tuple[Split, ...]:
        """The splits of an earlier run here; new ones where there are none. OutputError where they do not fit."""
        one, file = self.experiment, self.out / SPLITS
        asked = {
            "data": audit.fingerprint,
            "test": others.fingerprint if others is not None else one.test,
            "folds": one.folds,
            "seed": one.split_seed,
        }
        if file.is_file():
            try:
                kept = json.loads(file.read_text(encoding="utf-8"))
                splits = tuple(Split.from_dict(row) for row in kept["splits"])
                changed = [name for name, value in asked.items() if kept["asked"][name] != value]
            except (OSError, KeyError, TypeError, ValueError) as error:
                raise OutputError(f"{file}: is damaged ({error}). Name a new folder with -o.") from None
            if changed:
                raise OutputError(
                    f"{self.out}: holds a comparison on another split (other {', '.join(changed)}), which this one may "
                    "not be mixed with. Name a new folder with -o."
                )
            return splits
        test = None if isinstance(one.test, Source) else one.test
        splits = fixed_splits(audit, test=test, others=others, folds=one.folds, seed=one.split_seed)
        if not all(split.test for split in splits):
            raise DataError(f"{audit.root}: no image is left to test on, and without there is nothing to compare.")
        self.out.mkdir(parents=True, exist_ok=True)
        write_json(file, {"asked": asked, "splits": [split.to_dict() for split in splits]})
        return splits

    def say_what_is_left(self, folders: list[str]) -> None:
        left = [cell for cell, name in zip(self.cells, folders, strict=True) if not self.judged_file(name).is_file()]
        kept = len(self.cells) - len(left)
        about = self.times.left(left)
        self.listener.say(
            f"compare  {plural(len(self.cells), 'training')}"
            + (f", {kept} of them finished before" if kept else "")
            + (f"; about {time_left(about)} of training ahead" if about else "")
        )
        there = {one.name for one in (self.out / "cells").iterdir()} if (self.out / "cells").is_dir() else set()
        if stray := len(there - set(folders)):
            self.listener.say(f"note     {stray} earlier trainings are no longer asked for; they are left in cells/.")

    def judged_file(self, name: str) -> Path:
        return self.out / "judged" / f"{name}.json"

    # ---- data

    def place(self, source: Source, name: str) -> Path:
        """The folder of a source; generated pictures are written once."""
        if not source.synth:
            path = self.root / source.folder
            if not path.exists():
                raise DataError(f"{path}: no such folder, asked for by {name}.{self.needed()}")
            return path
        mark = hashlib.sha256(json.dumps(asdict(source), sort_keys=True).encode()).hexdigest()[:10]
        path = self.out / "data" / f"{source.synth}-{mark}"
        if not path.is_dir():
            from handful.verbs.synth import write_generated

            half = path.with_name(f".{path.name}")
            shutil.rmtree(half, ignore_errors=True)
            settings = {"seed": source.seed, "listener": self.listener, **source.settings}
            write_generated(source.synth, source.count, half, **settings)
            half.rename(path)
        return path

    def needed(self) -> str:
        return f" {self.experiment.needs}" if self.experiment.needs else ""

    def test_sets(self, audit: Audit) -> dict[str, Audit]:
        """The other labelled sets, read as the training masks were."""
        found = {}
        for name, test in self.experiment.tests.items():
            path = self.place(test.data, f"tests.{name}")
            own = DataFlags().audit_like(path, audit.reading if test.data.synth else None, self.listener)
            if test.part:
                kept = [pair.name for pair in own.pairs if pair.part == test.part]
                if not kept:
                    raise DataError(f"{path}: has no part {test.part}, asked for by tests.{name}.")
                own = only(own, kept)
            found[name] = own
        return found

    def pictures(self) -> dict[str, ImageFile]:
        """The images without labels that are to be predicted, as far as they are there."""
        there = [one for one in self.experiment.apply if any(self.root.glob(one))]
        return dict(find_images([self.root / one for one in there])) if there else {}

    # ---- trainings

    def start_mark(self, cell: Cell) -> str:
        """What decides the start model of a cell beyond its name."""
        start = self.experiment.starts.get(cell.init or "")
        return "" if start is None else json.dumps([asdict(start), self.start_settings(cell)], sort_keys=True)

    def start_settings(self, cell: Cell) -> dict[str, Any]:
        """A start model has the net of those that start from it."""
        assert cell.init is not None  # asked for such cells only
        return self.experiment.starts[cell.init].settings | {
            name: value for name, value in cell.settings.items() if name in SHARED
        }

    def start(self, cell: Cell) -> str | Path:
        """What a cell starts from, as `--init` has it; a model that is not there yet is trained."""
        if cell.init is None:
            return NO_START
        if cell.init not in self.experiment.starts:
            return STARTER if cell.init == STARTER else self.root / cell.init
        start = self.experiment.starts[cell.init]
        mark = hashlib.sha256(self.start_mark(cell).encode()).hexdigest()[:10]
        path = self.out / "starts" / f"{cell.init}-{mark}"
        if not finished(path):
            self.listener.say(f"start    training the model to start from: {cell.init}")
            folder = self.place(start.data, f"starts.{cell.init}")
            words = Words(self.listener, f"start model {cell.init}", 0.0, 1.0, None)
            seconds = start.seconds if start.seconds is not None else self.experiment.seconds
            self.train(folder, path, self.start_settings(cell), words, 0, None if self.experiment.steps else seconds)
        return path / MODEL

    def cell(
        self, number: int, cell: Cell, split: Split, name: str, judge: Judge, audit: Audit, others: Audit | None
    ) -> Judged:
        """A training with its scores, from the folder or new."""
        if self.judged_file(name).is_file():
            return Judged.read(self.judged_file(name))
        init = self.start(cell)
        began = time.monotonic()
        path, count = self.out / "cells" / name, len(self.cells)
        left = self.times.left(self.cells[number + 1 :])
        words = Words(self.listener, f"{number + 1} of {count}: {cell.words}", number / count, 1 / count, left)
        if not finished(path):
            self.train(audit, path, cell.settings, words, cell.seed, cell.seconds, split=split, init=init, test=others)
        from handful.prediction.segmenter import Segmenter

        model = Segmenter.load(path, self.device)
        judge = replace(judge, listener=words, detectors=DETECTORS if number == 0 else ())
        judged = judge.judge(model, split, self.out / "masks" / name)
        judged.write(self.judged_file(name))
        self.times.done.append(time.monotonic() - began)
        scored = [row[self.experiment.score] for row in judged.images.values() if self.experiment.score in row]
        reached = sum(scored) / len(scored) if scored else float("nan")
        self.listener.say(f"{number + 1:3} of {count}  {WORDS[self.experiment.score]} {reached:.3f}  {cell.words}")
        return judged

    def train(
        self,
        data: Path | Audit,
        path: Path,
        settings: Mapping[str, Any],
        words: Words,
        seed: int,
        seconds: float | None,
        *,
        split: Split | None = None,
        init: str | Path = NO_START,
        test: Audit | None = None,
    ) -> None:
        """An ordinary training, gone on with where it was killed. Stopped by hand it is given up: it must not count."""
        if path.is_dir() and not (path / CHECKPOINT).is_file():
            shutil.rmtree(path)
        model = train(
            data,
            out=path,
            seconds=seconds,
            steps=self.experiment.steps,
            ladder=False,  # what is compared is how nets are trained
            init=init,
            seed=seed,
            split=split,
            test=test,
            device=self.device,
            resume=path.is_dir(),
            settings=settings,
            listener=words,
            command=self.command,
        )
        if was_stopped(model):
            shutil.rmtree(path)
            raise KeyboardInterrupt

    # ---- results

    def write(
        self, done: Comparison, folders: list[str], audit: Audit, others: Audit | None, splits: tuple[Split, ...]
    ) -> None:
        """results.json, table.csv, images.csv and the page."""
        from handful.report.comparison import write_comparison
        from handful.verbs.comparison_page import page_content

        content = page_content(done, folders, audit, others, splits, self.pictures(), self.command)
        one = self.experiment
        cells = [
            {
                "labels": cell.labels, "seed": cell.seed, "fold": cell.fold if one.folds else None,
                "folder": f"cells/{name}", "steps": done.judged[number].steps, "summary": done.judged[number].summary,
            }
            for number, (cell, name) in enumerate(zip(self.cells, folders, strict=True))
        ]  # fmt: skip
        results = {"title": one.title, "score": one.score, "verdict": done.verdict, "cells": cells}
        write_json(self.out / RESULTS, without_nan(results | done.table.to_dict()))
        write_whole(self.out / TABLE, table_csv(done.table).encode())
        write_whole(self.out / IMAGES, images_csv(self.cells, done.judged).encode())
        write_comparison(self.out / PAGE, content)


class Words(Listener):
    """What a training says within a comparison: its notes, and its progress as a part of the whole."""

    def __init__(self, outer: Listener, what: str, before: float, share: float, left: float | None) -> None:
        self.outer, self.what, self.before, self.share, self.later = outer, what, before, share, left

    def say(self, text: str) -> None:
        if text.startswith("note"):
            self.outer.say(f"{text} ({self.what})")

    def progress(self, what: str, done: float, detail: str = "") -> None:
        later = "" if self.later is None else f", then {time_left(self.later)} of others"
        self.outer.progress("comparing", self.before + self.share * done, f"{self.what}; {what} {detail}{later}")


def finished(run: Path) -> bool:
    """Whether a run folder holds a training that came to its end."""
    return (run / MODEL).is_file() and (run / SCORES).is_file() and not (run / CHECKPOINT).is_file()


def table_csv(table: Table) -> str:
    """A row a combination."""
    rows = table.rows()
    others = list(dict.fromkeys(name for row in rows for name in row.others))
    head = [*(rows[0].labels if rows else ()), "mean", "low", "high", "median_of_seeds", "images", "seeds", *others]
    body = [
        [*row.labels.values(), row.score.value, row.score.low, row.score.high, row.median, row.score.n,
         len(row.by_seed), *(row.others.get(name, "") for name in others)]
        for row in rows
    ]  # fmt: skip
    return csv_text([head, *body])


def images_csv(cells: list[Cell], judged: Mapping[int, Judged]) -> str:
    """A row an image and training."""
    names = list(dict.fromkeys(name for one in judged.values() for row in one.images.values() for name in row))
    body: list[list[Any]] = [[*cells[0].labels, "seed", "fold", "image", *names]]
    for number, one in judged.items():
        for image, row in one.images.items():
            cell = cells[number]
            body.append([*cell.labels.values(), cell.seed, cell.fold, image, *(row.get(name, "") for name in names)])
    return csv_text(body)
