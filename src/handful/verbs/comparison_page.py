"""The page of a comparison, filled: tables, curves and pictures from what its folder holds."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from inspect import signature
from math import isnan, nan
from typing import TYPE_CHECKING, Any

import numpy as np

from handful.data.audit import Audit
from handful.data.check import summary_lines
from handful.data.image import ImageFile, read_image
from handful.data.sample import read_samples
from handful.data.split import Region, Split
from handful.experiments.table import WORDS, Effect, mean, plain
from handful.measure.scores import LABELS, trivial_label
from handful.outputs.view import to_view
from handful.report.comparison import Compared, ComparisonContent, Difference, Group, PlainTable, TableRow
from handful.report.lines import Lines, Point, draw_lines
from handful.settings import TrainSettings
from handful.training.prepare import make_target
from handful.verbs.judge import read_answer_file, safe
from handful.verbs.train import split_line, versions

if TYPE_CHECKING:
    from handful.verbs.compare import Comparison

MOST_SHOWN = 4  # combinations whose pictures stand side by side
PICTURE_SIDE = 640  # pixels; twice what the page shows
OTHER_WORDS = {
    "ap50_pooled": "Object AP .5 pooled",
    "rand": "V^Rand",
    "information": "V^Info",
    "threshold": "threshold",
}
WITHIN = 0.05  # Dice that a training set may be ahead of the test before that is called knowing by heart


def page_content(
    done: Comparison,
    folders: Sequence[str],
    audit: Audit,
    others: Audit | None,
    splits: Sequence[Split],
    pictures: Mapping[str, ImageFile],
    command: str,
) -> ComparisonContent:
    """Everything that the page shows."""
    page = Page(done, folders, others or audit, splits)
    experiment, table = done.experiment, done.table
    rows = table.rows()
    main = (experiment.score, f"{experiment.score}_per_image")
    names = [name for name in dict.fromkeys(name for row in rows for name in row.others) if name not in main]
    best = table.best()
    facts = [split_line(line) for line in summary_lines(audit)]
    facts += [("split", split.reason) for split in splits]
    facts.append(("trainings", page.time_words()))
    return ComparisonContent(
        title=experiment.title,
        score=WORDS[experiment.score],
        about=experiment.about,
        verdict=[*done.verdict, *page.memory_words()],
        best=None if best is None else (best.words, best.score),
        axes=tuple(rows[0].labels) if rows else (),
        others=tuple(OTHER_WORDS.get(name) or LABELS.get(name, name) for name in names),
        rows=[
            TableRow(
                tuple(row.labels.values()),
                row.score,
                row.median,
                tuple(row.by_seed.get(seed, nan) for seed in table.seeds),
                tuple(row.others.get(name, nan) for name in names),
            )
            for row in rows
        ],
        seeds=tuple(table.seeds),
        differences=list(map(difference, table.effects())),
        apart=list(map(difference, table.effects_apart())),
        trivial=done.trivial,
        charts=page.charts(),
        tables=page.tables(),
        groups=page.groups(pictures),
        classes=page.classes,
        background=page.background,
        facts=facts,
        command=command,
        date=time.strftime("%Y-%m-%d %H:%M"),
        source=experiment.text,
        environment=versions(),
    )


def difference(effect: Effect) -> Difference:
    return Difference(effect.sentence, effect.from_ahead().difference)


class Page:
    """Reads from a finished comparison what its page shows."""

    def __init__(self, done: Comparison, folders: Sequence[str], audit: Audit, splits: Sequence[Split]) -> None:
        self.done, self.folders, self.audit, self.splits = done, folders, audit, splits
        self.experiment, self.table, self.judged = done.experiment, done.table, done.judged
        self.cells = done.table.cells
        task = next((cell.settings["task"] for cell in self.cells if "task" in cell.settings), "")
        self.boundaries = task == "boundaries" or audit.reading.kind == "boundaries"
        self.classes = ("background", "boundary") if self.boundaries else audit.reading.classes
        self.background = 0 if self.boundaries else audit.reading.background

    # ---- words and numbers

    def time_words(self) -> str:
        steps = [judged.steps for judged in self.judged.values()]
        asked = sorted({cell.seconds for cell in self.cells if cell.seconds is not None})
        seconds = f" of {', '.join(f'{one:.0f}' for one in asked)} s" if asked else ""
        return f"{len(self.cells)}{seconds}, {min(steps)} to {max(steps)} steps each"

    def by_combination(self, values: Mapping[int, float]) -> dict[tuple[str, ...], list[float]]:
        """Values of cells, collected by what is compared."""
        found: dict[tuple[str, ...], list[float]] = {}
        for number, value in values.items():
            if not isnan(value):
                found.setdefault(self.cells[number].combination, []).append(value)
        return found

    def test_dice(self, number: int) -> float:
        return mean([row.get("dice", nan) for row in self.judged[number].images.values()])

    def memory_words(self) -> list[str]:
        """Does it know its training images by heart, or has it learnt? In one sentence."""
        trained = self.by_combination({number: one.training for number, one in self.judged.items()})
        if not trained:
            return []
        tested = self.by_combination({number: self.test_dice(number) for number in self.judged})
        gaps = {one: mean(trained[one]) - mean(tested[one]) for one in trained if one in tested}
        widest = max(gaps, key=gaps.__getitem__)
        numbers = (
            f"Dice {plain(mean(trained[widest]))} on images it was trained on, {plain(mean(tested[widest]))} on unseen "
            f"ones ({self.label(widest)}, where the two differ most)"
        )
        if max(map(mean, trained.values())) <= max(self.done.trivial_by("dice").values(), default=0.0):
            return [
                f"Does it memorise? It has learnt too little to tell: {numbers}; answers without training get more."
            ]
        if gaps[widest] < WITHIN:
            return [f"Does it memorise? No: it generalises: {numbers}."]
        fine = [self.label(one) for one, gap in gaps.items() if gap < WITHIN]
        where = f"; not so with {'; '.join(fine)}" if fine else ""
        return [f"Does it memorise? In part: {numbers}{where}."]

    # ---- curves

    def charts(self) -> list[Lines]:
        charts = []
        score = WORDS[self.experiment.score]
        curves = self.table.curves()
        if curves:
            charts.append(draw_lines(curves, f"{score} against training images", "training images", doubling=True))
        charts += [chart for chart in map(self.probe_chart, self.probes()) if chart is not None]
        if any("linex" in str(cell.settings.get("loss", "")) for cell in self.cells):
            charts.append(self.linex_chart())
        return charts

    def probes(self) -> list[str]:
        return list(dict.fromkeys(test.probe for test in self.experiment.tests.values() if test.probe))

    def probe_chart(self, probe: str) -> Lines | None:
        """Dice against the setting of the pictures that was varied."""
        series: dict[str, list[Point]] = {}
        for name, test in self.experiment.tests.items():
            if test.probe != probe or not isinstance(test.value, int | float):
                continue
            values = {number: self.probe_dice(number, name) for number in self.judged}
            for combination, found in self.by_combination(values).items():
                label = self.label(combination)
                series.setdefault(label, []).append((float(test.value), mean(found), min(found), max(found)))
        return (
            draw_lines(series, f"Dice against {probe}", f"{probe}; bars: lowest and highest seed") if series else None
        )

    def probe_dice(self, number: int, name: str) -> float:
        return mean([row.get("dice", nan) for row in self.judged[number].tests.get(name, {}).values()])

    def linex_chart(self) -> Lines:
        """The loss LINEX of the difference target - predicted, at the cost ratio that was asked for."""
        from handful.losses import linex_exponent, linex_loss

        series: dict[str, list[Point]] = {}
        bent = [cell.settings for cell in self.cells if "linex" in str(cell.settings.get("loss", ""))]
        plans = [TrainSettings().with_values({k: v for k, v in one.items() if k.startswith("loss")}) for one in bent]
        default = signature(linex_loss).parameters["cost_ratio"].default
        for ratio in dict.fromkeys(float(plan.loss_settings.get("cost_ratio", default)) for plan in plans):
            n = linex_exponent(ratio)
            xs = np.linspace(-1, 1, 81)
            ys = (np.exp(n * xs) - n * xs - 1) / (np.exp(n) - n - 1)
            line = [(float(x), float(y), nan, nan) for x, y in zip(xs, ys, strict=True)]
            series[f"a miss costs {ratio:g} false alarms: n = {n:.3f}"] = line
        title = "LINEX: exp(n x) - n x - 1, as a share of its value at 1"
        return draw_lines(series, title, "x = target - predicted", marks=(-1, -0.5, 0, 0.5, 1), smooth=True)

    def label(self, combination: tuple[str, ...]) -> str:
        """What tells a combination from the others."""
        labels = self.table.labels[combination]
        varied = self.table.axes()
        return ", ".join(f"{axis} {label}" for axis, label in labels.items() if axis in varied) or combination[0]

    # ---- tables

    def tables(self) -> list[PlainTable]:
        made = []
        trained = self.by_combination({number: one.training for number, one in self.judged.items()})
        if trained:
            tested = self.by_combination({number: self.test_dice(number) for number in self.judged})
            rows = tuple(
                (self.label(one), mean(trained[one]), mean(tested.get(one, [])), mean(trained[one]) - mean(tested[one]))
                for one in trained
                if one in tested
            )
            head = ("", "Dice on its training images", "Dice on unseen images", "difference")
            note = "Who knows images by heart does well on those and badly on others."
            made.append(PlainTable("Does it memorise or generalise?", note, head, rows))
        if self.experiment.folds:
            made.append(self.fold_table())
        names = [name for name, test in self.experiment.tests.items() if not test.probe]
        return made + [table for table in map(self.test_table, names) if table is not None]

    def fold_table(self) -> PlainTable:
        """Every training by itself: its fold and what it scored there."""
        keys = list(dict.fromkeys(key for one in self.judged.values() for key in one.summary))
        rows: list[tuple[str | float, ...]] = []
        for number, judged in self.judged.items():
            cell = self.cells[number]
            values = [judged.summary.get(key, nan) for key in keys]
            name = f"{self.label(cell.combination)}, fold {cell.fold + 1}, seed {cell.seed}"
            rows.append((name, *values))
        head = ("", *(OTHER_WORDS.get(key) or LABELS.get(key, key) for key in keys))
        return PlainTable(
            "Fold by fold", "Each fold is tested by a model that was trained on the others.", head, tuple(rows)
        )

    def test_table(self, name: str) -> PlainTable | None:
        """Scores of another set, with what detectors and constants get on it."""
        keys = list(dict.fromkeys(key for one in self.judged.values() for key in one.summaries.get(name, {})))
        rows: list[tuple[str | float, ...]] = []
        for combination in self.table.labels:
            found = [
                self.by_combination(
                    {number: one.summaries.get(name, {}).get(key, nan) for number, one in self.judged.items()}
                )
                for key in keys
            ]
            values = [mean(one.get(combination, [])) for one in found]
            rows.append((self.label(combination), *values))
        first = next(iter(self.judged.values()))
        for rival, scores in first.rivals.get(name, {}).items():
            values = [scores.get(key, nan) for key in keys]
            rows.append((f"{trivial_label(rival)} (no training)", *values))
        if not rows:
            return None
        head = ("", *(OTHER_WORDS.get(key) or LABELS.get(key, key) for key in keys))
        count = len(next(iter(first.tests[name].values()), {})) and len(first.tests[name])
        note = f"{count} images that nobody trained on; means over the seeds."
        return PlainTable(f"On {name}", note, head, tuple(rows))

    # ---- pictures

    def shown(self) -> list[int]:
        """The cells of the first seed whose pictures are shown: all combinations if few, else the extremes."""
        rows = [row for row in self.table.rows() if not isnan(row.score.value)]
        by_score = sorted(rows, key=lambda row: row.score.value)
        kept = rows if len(rows) <= MOST_SHOWN else [by_score[0], by_score[len(rows) // 2], by_score[-1]]
        chosen = {tuple(row.labels.values()) for row in kept}
        first = self.table.seeds[0] if self.table.seeds else 0
        return [n for n, cell in enumerate(self.cells) if cell.combination in chosen and cell.seed == first]

    def groups(self, pictures: Mapping[str, ImageFile]) -> list[Group]:
        kind = "boundary" if self.boundaries else "mask"
        shown = self.shown()
        every = len({self.cells[number].combination for number in shown}) == len(self.table.labels)
        which = "every combination" if every else "the worst, the middle and the best combination"
        note = f"The first seed of {which}; the worst images first."
        made = [Group("Every test image", note, sorted(self.test_pictures(shown), key=worst_first), kind)]
        for name in self.experiment.tests:
            made.append(Group(f"Pictures of {name}", "", list(self.other_pictures(shown, name)), kind))
        if pictures:
            applied = list(self.applied_pictures(shown, pictures))
            note = "Nobody knows the truth of these; predicted whole, or in tiles whose seams cannot be seen."
            made.append(Group("Images without labels", note, applied, kind))
        return [group for group in made if group.images]

    def test_pictures(self, shown: Sequence[int]) -> Iterator[Compared]:
        for fold, split in enumerate(self.splits):
            cells = [number for number in shown if self.cells[number].fold == fold]
            for region in split.test:
                (sample,) = read_samples(self.audit, [region], threads=1)
                names = [name for name in self.judged[cells[0]].images if name.split(" rows ")[0] == region.name]
                for name in names[:1]:
                    yield self.compared(sample, name, cells, "test", [self.judged[n].images for n in cells])

    def other_pictures(self, shown: Sequence[int], name: str) -> Iterator[Compared]:
        audit = self.done.tests[name]
        cells = [number for number in shown if self.cells[number].fold == 0]
        for image in list(self.judged[cells[0]].tests.get(name, {})):
            if (self.done.folder / "masks" / self.folders[cells[0]] / safe(name) / f"{safe(image)}.png").is_file():
                facts = audit.facts[image]
                region = Region(image, (0, facts.height), (0, facts.width))
                (sample,) = read_samples(audit, [region], threads=1)
                yield self.compared(
                    sample, image, cells, safe(name), [self.judged[n].tests[name] for n in cells], audit
                )

    def compared(
        self,
        sample: Any,
        name: str,
        cells: Sequence[int],
        part: str,
        scores: Sequence[Mapping[str, Mapping[str, float]]],
        audit: Audit | None = None,
    ) -> Compared:
        """One image, thinned by whole steps to about PICTURE_SIDE."""
        own = audit or self.audit
        truth = make_target(sample, "boundaries" if self.boundaries else "semantic", own.reading)
        step = max(1, max(truth.shape) // PICTURE_SIDE)
        thin = (slice(None, None, step), slice(None, None, step))
        score = self.experiment.score if part == "test" else "dice"
        answers = []
        for number, known in zip(cells, scores, strict=True):
            mask = read_answer_file(self.done.folder / "masks" / self.folders[number] / part / f"{safe(name)}.png")
            if mask is not None:
                answers.append((self.label(self.cells[number].combination), mask[thin], known[name].get(score, nan)))
        true = truth[thin]
        if self.boundaries:
            true = np.where(true == 1, 255, 0).astype(np.uint8)
        image = to_view(np.moveaxis(sample.image, 0, -1)[thin])
        return Compared(name, image, true, answers, mean([one[2] for one in answers]))

    def applied_pictures(self, shown: Sequence[int], pictures: Mapping[str, ImageFile]) -> Iterator[Compared]:
        cells = [number for number in shown if self.cells[number].fold == 0]
        for name, file in pictures.items():
            image = read_image(file)
            step = max(1, max(image.shape[:2]) // PICTURE_SIDE)
            thin = (slice(None, None, step), slice(None, None, step))
            answers = []
            for number in cells:
                mask = read_answer_file(self.done.folder / "masks" / self.folders[number] / "applied" / f"{name}.png")
                if mask is not None:
                    answers.append((self.label(self.cells[number].combination), mask[thin], nan))
            if answers:
                yield Compared(name, to_view(image[thin]), None, answers)


def worst_first(one: Compared) -> tuple[bool, float]:
    """Images without a score come last."""
    return isnan(one.score), one.score
