"""`train`: from a folder of labelled images to a model, its scores on images it never saw, and a report."""

from __future__ import annotations

import platform
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field, replace
from importlib import import_module
from math import prod
from pathlib import Path
from threading import Thread
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from handful.data.channels import match_channels
from handful.data.check import Audit, check_data, summary_lines
from handful.data.folds import advice, fold_words, make_folds
from handful.data.mask import MaskReading
from handful.data.problem import NOTE
from handful.data.region import spread_out
from handful.data.sample import Sample, look_at_some, open_samples, read_samples
from handful.data.split import Split, keep_split, make_split
from handful.errors import DataError, SettingsError
from handful.measure.trivial import choose_polarity
from handful.names import plural
from handful.start import NO_START
from handful.training.deterministic import deterministic_kernels
from handful.training.threads import share_given, threads_restored
from handful.verbs.asked import check_asked
from handful.verbs.listener import SILENT, Listener
from handful.verbs.runfolder import (
    CHECKPOINT,
    HISTORY,
    MODEL,
    REPORT,
    SCORES,
    SETTINGS,
    SPLIT,
    check_run,
    free_run,
    open_run,
    read_split,
    write_history,
    write_json,
)
from handful.verbs.seen import find_seen, mark_seen, remember
from handful.verbs.start import choose_start, record_start, start_from

if TYPE_CHECKING:
    from handful.modelfile import ModelCard
    from handful.plan import Plan
    from handful.prediction.segmenter import Segmenter
    from handful.training.loop import Fitted, Progress, Run
    from handful.verbs.closer_look import CloserLook
    from handful.verbs.ladder import Rival
    from handful.verbs.score import Scored

SECONDS = 120.0  # where nothing is said: a coffee
LEAST_SECONDS = 5.0  # torch alone takes two of them to start
READING_SHARE = 0.3  # of the time may go by until images are read for the first time; what comes after takes twice that
SETTLE_SHARE = 0.03  # of the whole time goes to learning how sure the model may be, once one image is looked at
SCORING_SHARE = 0.3  # of the time left when all is read at most goes to scoring: with 5000 images much has gone by
VIEWS_SHARE = 0.05  # of that time at most goes to averaging over mirror images and sizes
LATEST = 1.04  # of the time: half of what may pass over it, so that a last image need not go without a score
FOR_POLARITY, POLARITY_SIDE = 8, 256  # training images that tell whether objects are bright or dark; pixels of each
REPORT_SECONDS = 0.8  # the page without its pictures, the model file, the end of the process


@dataclass(frozen=True, kw_only=True)
class DataFlags:
    """What settles how data are found and read, where the files leave it open; see `handful.check`."""

    images: str | None = None
    masks: str | None = None
    values: str | None = None
    mask_kind: str | None = None
    foreground: str | None = None

    def audit(self, data: str | Path | None, listener: Listener = SILENT, *, until: float | None = None) -> Audit:
        """The audit of `data` read by these flags, of as much as is read by `until`; see `handful.check`."""
        return check_data(
            data,
            **asdict(self),
            until=until,
            progress=lambda done, total: listener.progress("reading", done / total, f"{done} of {total}"),
        )

    def audit_like(self, data: str | Path | None, reading: MaskReading | None, listener: Listener = SILENT) -> Audit:
        """The audit of `data` with masks read as those of another set were, unless flags say how or they do not fit.

        Polarity and classes must not be decided anew from a few test masks.
        """
        if reading is not None and self.values is None and self.mask_kind is None and self.foreground is None:
            with suppress(DataError):
                return check_data(data, images=self.images, masks=self.masks, reading=reading)
        return self.audit(data, listener)


def train(
    data: str | Path | Audit | None = None,
    *,
    out: str | Path | None = None,
    seconds: float | None = None,
    steps: int | None = None,
    task: str | None = None,
    test: str | Path | Audit | None = None,
    test_fraction: float | None = None,
    split: Split | None = None,
    folds: int | str | None = None,
    seeds: int | None = None,
    net: str | None = None,
    loss: str | None = None,
    init: str | Path | None = None,
    seed: int = 0,
    device: str = "auto",
    deterministic: bool = False,
    resume: bool = False,
    ladder: bool = True,
    settings: Mapping[str, Any] | None = None,
    flags: DataFlags | None = None,
    listener: Listener = SILENT,
    command: str = "",
    started: float | None = None,
) -> Segmenter:
    """Audit, plan, train within the time, score on held-out images, and write the run folder.

    data: a folder of images and masks (or None with `flags.images` and `flags.masks`), or the audit of one.
    out: the run folder; runs/NAME where None. An earlier run's split is kept if its images are still there.
    seconds: for everything, reading and report included (120). steps: fixes the work instead of the time.
    test: a labelled folder to score on; else `test_fraction` (0.2) of the images is held back; 0 trains on all.
    split: which images train, validate and test, where that was settled before, as in comparisons.
    folds: train on all images, and score each by a model that was not trained on it, in so many folds or "loo"; the
    time is shared.
    seeds: so many trainings, of this seed and those after it, on one split in the shared time; their spread is told
    with the scores, the model of the first is kept.
    init: a model file to start from, "starter" for the weights that ship, "none" for fresh ones; where None the plan
    chooses. settings: lines of the plan by name, such as {"patch": 128}.
    deterministic: the same steps give the same bytes on a GPU too, at some cost; on a CPU they always do.
    resume: go on from the checkpoint of an interrupted run in `out`.
    ladder: keep a pixel forest where it beats the net that the plan chose, see `handful.verbs.ladder`.
    started: time.monotonic() from which the time counts (now).

    Returns the trained Segmenter, with `.scores` on images it never saw (None if none were held back).
    Raises DataError, SettingsError, ModelFileError, OutputError: all HandfulError, each with what to do.
    """
    started = time.monotonic() if started is None else started
    flags = flags or DataFlags()
    seconds = check_time(seconds, steps)
    root = data.root if isinstance(data, Audit) else data
    run_path = Path(out) if out is not None else free_run(root or flags.images)
    if resume and not (run_path / CHECKPOINT).is_file():
        raise SettingsError(f"--resume: {run_path} holds no {CHECKPOINT} to go on from. Train without --resume.")
    check_run(run_path)
    if folds is not None:
        from handful.verbs.folds import check_folds

        folds = check_folds(folds, test=test, test_fraction=test_fraction, split=split, resume=resume)
    if seeds is not None:
        from handful.verbs.seeds import check_seeds

        seeds = check_seeds(seeds, folds=folds, resume=resume)
    told = {"task": task, "net": net, "loss": loss, "init": None if init is None else str(init)}
    overrides = {**(settings or {}), **{name: value for name, value in told.items() if value is not None}}
    check_asked(overrides, device=device)
    _load_torch()
    # What was begun is gone on with on the same images: its split names them.
    read_by = None if steps is not None or resume else started + READING_SHARE * seconds
    audit = data if isinstance(data, Audit) else flags.audit(data, listener, until=read_by)
    if test is None or isinstance(test, Audit):
        test_audit = test
    else:
        test_audit = DataFlags().audit_like(test, audit.reading, listener)
    for line in summary_lines(audit):
        listener.say(line)
    for problem in audit.problems:
        if problem.severity != NOTE:
            listener.say(f"{problem.severity:8} {problem}")
    check_same_kind(audit, test_audit)
    parts = () if folds is None else make_folds(audit, folds, seed=seed)
    if parts:
        split = replace(make_split(audit, test_fraction=0), reason=fold_words(parts))
    split = split or choose_split(run_path, audit, test_audit, test_fraction)
    listener.say(f"split    {split.reason}")
    if not parts and test_fraction != 0 and (hint := advice(audit, split)):
        listener.say(f"hint     {hint}")
    with open_run(run_path), deterministic_kernels(deterministic):
        job = Job(audit, test_audit, split, run_path, seconds, steps, seed, command, listener, started, ladder)
        if parts:
            from handful.verbs.folds import in_folds

            job = in_folds(job, parts, overrides, device=device)
        elif seeds is not None:
            from handful.verbs.seeds import with_seeds

            job = with_seeds(job, seeds, overrides, device=device)
        return job.work(overrides, device=device, resume=resume)


def _load_torch() -> None:
    """In a thread, while images are read: it takes a second or two, much of it without Python's lock."""
    Thread(target=import_module, args=("torch",), name="loading torch").start()


def check_time(seconds: float | None, steps: int | None) -> float:
    """Seconds that may pass; SettingsError where they or the steps make no sense."""
    if steps is not None and steps < 1:
        raise SettingsError(f"--steps {steps}: at least 1 step was expected.")
    if seconds is None:
        return SECONDS
    if not LEAST_SECONDS <= seconds <= 30 * 86400:
        raise SettingsError(
            f"--seconds {seconds:g}: starting and reporting alone take some seconds; give {LEAST_SECONDS:g} or more "
            "(60 is a good beginning)."
        )
    return float(seconds)


def check_same_kind(audit: Audit, test: Audit | None) -> None:
    """A test set must have the classes of the training set, and channels that can be made those of its images."""
    if test is None:
        return
    if test.reading.classes != audit.reading.classes:
        raise DataError(
            f"{test.root}: its classes ({', '.join(test.reading.classes)}) are not those of the training data "
            f"({', '.join(audit.reading.classes)}). Give masks of the same kind."
        )
    match_channels(np.zeros((1, 1, test.channels)), audit.channels, str(test.root))


def choose_split(run: Path, audit: Audit, test: Audit | None, fraction: float | None) -> Split:
    """The split of an earlier run in this folder where it still fits and nothing else is asked for; else a new one."""
    old = read_split(run)
    # One without a test was made by --folds or --test-fraction 0; whoever asks for neither wants a score.
    if old is not None and old.test and fraction is None and (test is not None) == old.outside:
        kept = keep_split(old, audit, test=test)
        if kept is not None:
            return kept
    return make_split(audit, test_fraction=fraction, test=test)


@dataclass
class Job:
    """One training job on its way from the audit to the run folder."""

    audit: Audit
    test_audit: Audit | None
    split: Split
    path: Path
    seconds: float
    steps: int | None
    seed: int
    command: str
    listener: Listener
    started: float
    ladder: bool = True  # whether a pixel forest may be kept in the place of the net
    start: dict[str, Any] = field(default_factory=dict)  # for the card: of the model started from, of the ladder
    rival: Rival | None = None  # the pixel forest, where it was not kept
    pace: float = 0.0  # seconds a pixel of an answer, where it was measured
    flips: bool | None = None  # None: test images are answered as `predict` answers them; False where time is short
    known: dict[str, str] = field(default_factory=dict)  # why a test image is none: the model has seen it

    shows_rival: ClassVar[bool] = True  # whether a forest that was not kept answers the test images too

    @property
    def seen(self) -> str:
        """What the score during training is on."""
        return "validation" if self.split.validation else "training"

    def work(self, overrides: Mapping[str, Any], *, device: str, resume: bool) -> Segmenter:
        """Train, score and write; the model."""
        self.listener.progress("starting", 0.0, "loading torch")
        with threads_restored():
            return self.work_in_threads(overrides, device=device, resume=resume)

    def work_in_threads(self, overrides: Mapping[str, Any], *, device: str, resume: bool) -> Segmenter:
        import torch

        from handful.machine import look_at_machine
        from handful.plan import make_plan
        from handful.prediction.segmenter import Segmenter, choose_device
        from handful.verbs.memory import memory_line

        machine = look_at_machine(choose_device(device))
        torch.manual_seed(self.seed)
        samples = open_samples(self.audit, self.split.train)
        looked_at = look_at_some(samples)
        plan = make_plan(
            looked_at,
            self.audit.reading,
            machine,
            seconds=self.seconds,
            seed=self.seed,
            overrides=overrides,
            start=choose_start(
                overrides,
                looked_at,
                self.audit.reading,
                [self.split.contents.get(one.name, "") for one in self.split.train],
            ),
        )
        plan = replace(plan, lines=(*plan.lines, memory_line(samples, self.audit, self.split, plan, machine.device)))
        for text in plan_lines(plan):
            self.listener.say(text)
        run = self.make_run(samples, plan, machine.device)
        if run.threads is not None:
            run.threads.begin(share_given())
            torch.set_num_threads(run.threads.count)
        self.known = self.find_known()  # takes seconds with thousands of images: before the clock is shared out
        if self.steps is None:
            run.clock.reserved = self.reserve(run, plan, samples)
        write_json(self.path / SPLIT, self.split.to_dict())
        plan, fitted = self.learn(run, plan, overrides, resume=resume)
        if not fitted.steps and fitted.interrupted:
            raise KeyboardInterrupt
        for message in fitted.messages:
            self.listener.say(f"note     {message}")
        if not fitted.steps and plan.training.net != "forest":
            raise SettingsError(
                f"--seconds {self.seconds:g}: reading and scoring left no time for a single step. Give more seconds."
            )
        model = Segmenter(fitted.net, self.card(plan, run, fitted), messages=tuple(fitted.messages))
        model.save(self.path / MODEL)  # a second Ctrl-C, while it is scored, must not cost the model
        look = self.settle(model, samples)
        scored = self.score(model, samples, look)
        self.write(model, plan, fitted, scored, look)
        return model

    def learn(self, run: Run, plan: Plan, overrides: Mapping[str, Any], *, resume: bool) -> tuple[Plan, Fitted]:
        """Train the net and keep it, or the pixel forest that is grown beside it; the plan says which."""
        from handful.training.loop import fit
        from handful.verbs.ladder import climb, grow_alone, raise_rival, seconds_to_keep, wants_rival

        if plan.training.net == "forest":
            if resume:
                raise SettingsError("--resume: a forest is grown at once, nothing can be gone on with. Leave it out.")
            return plan, grow_alone(run, self.seed)
        rival = None
        if self.ladder and wants_rival(plan, overrides, run):
            self.listener.progress("growing", 0.0, "a pixel forest")
            rival = raise_rival(run, channels=self.audit.channels, seed=self.seed)
        if rival is not None:
            shown = self.split.test if self.shows_rival else ()
            run.clock.reserved += seconds_to_keep(rival, plan, shown, self.seconds)
        fitted = fit(run, checkpoint=self.path / CHECKPOINT, resume=resume, on_progress=self.report_progress)
        if run.transfer is not None:
            self.start["start"]["knows"] = run.knows
            if run.rehearsal is not None:
                self.start["start"]["rehearsal"] = asdict(run.rehearsal)
        if rival is None or (fitted.interrupted and not fitted.steps):
            return plan, fitted
        plan, choice = climb(rival, plan, run, fitted)
        self.pace = rival.pace if choice.forest_kept else self.pace
        self.start["ladder"] = choice.record()
        if not choice.forest_kept:  # else a message says so
            self.listener.say(f"kept     the net: {choice.reason}")
            self.rival = rival
        return plan, fitted

    def make_run(self, samples: Sequence[Sample], plan: Plan, device: str) -> Run:
        """Net, pool, validation and clock, ready to fit."""
        import torch

        from handful.interior import merge_mask
        from handful.modelfile import name_answers
        from handful.models import build_net
        from handful.training.clock import Clock
        from handful.training.loop import Run
        from handful.training.pool import Pool
        from handful.training.prepare import count_outputs, interior_class, pasted_kinds, prepare, target_classes
        from handful.training.processes import current_crew
        from handful.training.store import make_store, plain_image
        from handful.training.validation import Validation

        settings = plan.training
        classes, background = target_classes(plan, self.audit.reading)
        outputs = count_outputs(plan, self.audit.reading)
        interior_of = interior_class(plan, self.audit.reading)
        net = build_net(settings.net, in_channels=self.audit.channels, classes=outputs, **settings.net_settings)
        store = make_store(samples, plan, self.audit.reading, seed=self.seed, device=torch.device(device))
        pool = Pool(
            store,
            patch=settings.patch,
            batch=settings.batch,
            geometry=settings.geometry,
            colour=settings.colour,
            focus=settings.focus,
            hardness=settings.hardness,
            paste=settings.paste,
            kinds=pasted_kinds(plan, self.audit.reading),
            seed=self.seed,
            device=torch.device(device),
        )
        set_prior: Any = getattr(net, "set_prior", None)
        if set_prior is not None:
            set_prior(torch.tensor(pool.class_shares(outputs)))
        transfer = None
        if plan.init != NO_START:
            answers = name_answers(classes, interior_of)
            transfer = start_from(net, plan.init, answers=answers, channels=self.audit.channels)
            self.start = record_start(plan.init, transfer)
            self.listener.say(f"start    {transfer.words()}")
        held_out = bool(self.split.validation)
        if held_out:
            kept = read_samples(self.audit, self.split.validation[:MOST_VALIDATED])
            made = prepare(kept, plan, self.audit.reading)
            looked = [
                (image, merge_mask(target, interior_of))
                for image, target in zip(made.images, made.targets, strict=True)
            ]
        else:
            few = range(min(len(samples), GLANCES))
            looked = [plain_image(store, index, self.audit.channels, interior_of) for index in few]
        validation = Validation(
            [image for image, _ in looked],
            [mask for _, mask in looked],
            classes=len(classes),
            scored=tuple(number for number in range(len(classes)) if number != background),
            device=torch.device(device),
            precision=settings.precision,
            held_out=held_out,
            interior_of=interior_of,
        )
        if not held_out:  # to notice a collapse it takes no more
            validation = validation.parts(GLANCE, GLANCES, self.seed)
        clock = Clock(self.seconds, self.started, steps=self.steps)
        return Run(net, pool, validation, settings, clock, transfer, current_crew())

    def find_known(self) -> dict[str, str]:
        """Why a test image is none, by name."""
        # The strip held back of a single image is of a known image by nature.
        inner = {region.name for region in self.split.train} if not self.split.outside else set()
        apart = [region.name for region in self.split.test if region.name not in inner]
        if not apart:
            return {}
        return find_seen(remember(self.audit, self.split) | self.start, self.test_audit or self.audit, apart)

    def reserve(self, run: Run, plan: Plan, samples: Sequence[Sample]) -> float:
        """Seconds to keep for scoring and report, from the time that one image takes with the net as it is."""
        from handful.prediction.segmenter import Segmenter
        from handful.prediction.views import LINE_SIZES, choose_mirrors, choose_sizes, work_of
        from handful.scale import working_size
        from handful.training.loop import Fitted
        from handful.verbs.score import score_regions
        from handful.verbs.settle import has_lines

        regions = self.split.test
        if not regions:
            return REPORT_SECONDS + (0.02 + SETTLE_SHARE) * self.seconds
        model = Segmenter(run.average.net, self.card(plan, run, Fitted(run.average.net, 0, None)))
        times = []
        for _ in range(2):  # the first is slow: kernels are chosen
            began = time.monotonic()
            score_regions(model, self.test_audit or self.audit, regions[:1], flips=False)
            times.append(time.monotonic() - began)
        self.pace = min(times) / prod(regions[0].shape)
        pixels, left = 1.2 * sum(prod(region.shape) for region in regions), run.clock.left(0)
        at_sizes = model.card.net != "forest" and has_lines(model.card, samples)
        card = replace(model.card, sizes=LINE_SIZES if at_sizes else ())
        size = working_size(regions[0].shape, card.scale)
        views = work_of(choose_mirrors(card, size), choose_sizes(card, size))
        if (views - 1) * self.pace * pixels > VIEWS_SHARE * left:
            self.flips = False
        else:
            self.pace *= views
        needed = min(self.pace * pixels, SCORING_SHARE * left)
        return needed + REPORT_SECONDS + (0.02 + SETTLE_SHARE) * self.seconds

    def card(self, plan: Plan, run: Run, fitted: Fitted) -> Any:
        """The model's card, scores still missing."""
        from handful.modelfile import ModelCard, tile_of
        from handful.prediction.parting import general_settings
        from handful.prediction.views import mirrored_axes
        from handful.training.prepare import count_outputs, target_classes

        classes, background = target_classes(plan, self.audit.reading)
        threshold = None
        if len(classes) == 2:
            threshold = 0.5
            if fitted.score is not None and run.validation.held_out:
                threshold = run.validation.best_threshold(fitted.net, run.validation.scored[0])
        parting = {}
        if plan.task == "instances":
            parting = asdict(general_settings([], threshold, interior=plan.training.interior))
        net: Any = fitted.net
        return ModelCard(
            net=plan.training.net,
            net_settings=plan.training.net_settings if fitted.net_settings is None else fitted.net_settings,
            channels=self.audit.channels,
            classes=classes,
            background=background,
            outputs=count_outputs(plan, self.audit.reading),
            normalisation=plan.normalisation,
            scale=plan.scale,
            tile=tile_of(net.halo),
            halo=net.halo,
            multiple=net.multiple,
            # A pixel forest answers mirror images alike.
            mirrored=() if plan.training.net == "forest" else mirrored_axes(plan.training.geometry),
            threshold=threshold,
            task=plan.task,
            postprocessing=parting,
            reading=self.audit.reading.to_dict(),
            training={
                "fingerprint": self.audit.fingerprint,
                **remember(self.audit, self.split),
                **self.start,
                "seed": self.seed,
                "steps": fitted.steps,
                "seconds": self.seconds if self.steps is None else None,
                "settings": asdict(plan.training),
                "split": self.split.reason,
                "messages": fitted.messages,
                "versions": versions(),
            },
        )

    def report_progress(self, progress: Progress) -> None:
        if progress.rehearsing:
            left = f"{time_left(progress.left)} left in all" if self.steps is None else ""
            self.listener.progress("rehearsing", progress.done, left)
            return
        score = "" if progress.score is None else f", {self.seen} Dice {progress.score:.3f}"
        detail = f"step {progress.step}, loss {progress.loss:.3f}{score}, {time_left(progress.left)} left"
        self.listener.progress("training", progress.done, detail)

    def settle(self, model: Segmenter, samples: Sequence[Sample]) -> CloserLook:
        """How sure the model may be and what its images look like go into its card; gives what looks at test images."""
        from handful.verbs.closer_look import CloserLook
        from handful.verbs.settle import settle

        until = None
        if self.steps is None:
            until = min(time.monotonic() + SETTLE_SHARE * self.seconds, self.scored_by())
        model.card, words, odd = settle(
            model,
            self.audit,
            self.split,
            samples,
            until=until,
            pace=self.pace,
            flips=self.flips,
            listener=self.listener,
        )
        self.listener.say(f"sure     {words}")
        return CloserLook(model.card, self.audit.reading, words, odd)

    def score(self, model: Segmenter, samples: Sequence[Sample], look: CloserLook) -> Scored:
        """Score on the test images; the card and the model take the result."""
        from handful.verbs.ladder import rival_model
        from handful.verbs.score import Beside, score_regions

        until = None if self.steps is not None else self.scored_by()
        beside = None
        if self.rival is not None:
            beside = Beside(rival_model(self.rival, model.card), self.rival.pace)
        scored = score_regions(
            model,
            self.test_audit or self.audit,
            self.split.test,
            objects_bright=self.objects_bright(samples),
            until=until,
            listener=self.listener,
            look=look,
            beside=beside,
            flips=self.flips,
        )
        names = {region.name for region in self.split.test[: scored.scores.n]}
        seen = {name: why for name, why in self.known.items() if name in names}
        scored.scores, messages = mark_seen(scored.scores, seen)
        for message in messages:
            self.listener.say(f"careful  {message}")
        if self.flips is False and model.card.mirrored and scored.scores.n:
            self.listener.say(
                "note     scored on single answers: there was no time for the mirror images that `handful predict` "
                "averages over. `handful evaluate` scores with them."
            )
        if scored.left_out:
            self.listener.say(
                f"note     scored on {scored.scores.n} of {len(self.split.test)} test images: there was no time for "
                "the others. `handful evaluate` scores them all."
            )
        model.scores = scored.scores if scored.scores.n else None
        model.card = replace(model.card, scores=scored.scores.to_dict() if scored.scores.n else None)
        return scored

    def scored_by(self) -> float:
        """When the last image should be scored, on the clock of `started`."""
        return self.started + LATEST * self.seconds - REPORT_SECONDS

    def objects_bright(self, samples: Sequence[Sample]) -> bool | None:
        """Whether Otsu's threshold is to take the bright side for the object, learnt from some training images."""
        reading = self.audit.reading
        if not self.split.test or reading.draws_boundaries or len(reading.classes) != 2 or reading.background is None:
            return None
        images, masks = [], []
        for one in spread_out(samples, FOR_POLARITY):
            step = -(-max(one.mask.shape) // POLARITY_SIDE)
            images.append(np.moveaxis(one.image[:, ::step, ::step], 0, -1))
            masks.append(one.mask[::step, ::step])
        return choose_polarity(images, masks, foreground=1 - reading.background)

    def told(self, scored: Scored, look: CloserLook) -> dict[str, Any]:
        """What scores.json holds."""
        return scored.scores.to_dict() | look.to_dict()

    def write(self, model: Segmenter, plan: Plan, fitted: Fitted, scored: Scored, look: CloserLook) -> None:
        """The files of the run, the model first."""
        from handful.files import write_whole
        from handful.report.content import ReportContent
        from handful.report.page import write_report
        from handful.verbs.settings_file import settings_text

        model.save(self.path / MODEL)
        write_json(self.path / SCORES, self.told(scored, look))
        write_history(self.path / HISTORY, fitted.history)
        write_whole(self.path / SETTINGS, settings_text(plan, self.command).encode())
        labelled = len(self.split.train) + len(self.split.validation)
        content = ReportContent(
            title=f"{Path(self.audit.root).resolve().name}: learnt from {plural(labelled, 'labelled image')}",
            scores=scored.scores,
            command=self.command,
            date=time.strftime("%Y-%m-%d %H:%M"),
            settings={"seconds": self.seconds, "steps": fitted.steps, "seed": self.seed},
            audit=[*map(split_line, summary_lines(self.audit)), ("split", self.split.reason)],
            problems=[f"{one.where}: {one.message}" for one in self.audit.problems],
            plan=[*((line.name, str(line.value), line.reason) for line in plan.lines), *settled_lines(model.card)],
            history=[{**row, self.seen: row["validation_dice"]} for row in fitted.history],
            pictures=scored.pictures,
            messages=fitted.messages,
            environment=versions() | {"machine": platform.machine(), "system": platform.system()},
            calibration=look.calibration(),
            sizes=look.sizes(),
            unlike=look.unlike,
            odd_training=look.odd_training,
        )
        write_report(self.path / REPORT, content)
        (self.path / CHECKPOINT).unlink(missing_ok=True)
        self.listener.say(f"written  {self.path}/: {', '.join((MODEL, REPORT, SCORES, SPLIT, HISTORY, SETTINGS))}")


def split_line(line: str) -> tuple[str, str]:
    """A line of the audit's summary as its topic and what is said about it."""
    topic, _, text = line.partition(" ")
    return topic, text.strip()


def settled_lines(card: ModelCard) -> list[tuple[str, str, str]]:
    """Rows of the report's plan on what was settled after training: objects parted, or gaps in lines bridged."""
    gaps = "as they are" if card.bridge is None else f"bridged at {card.bridge:.2f}"
    rows = {"objects": value_words(card.postprocessing), "gaps": gaps}
    return [(name, value, card.training[name]) for name, value in rows.items() if name in card.training]


PLAN_WIDTHS = 14, 20  # of names and values at least; a longer value has its reason on the next line


def plan_lines(plan: Plan) -> list[str]:
    """The plan as a table for people: what, how, why."""
    name_width, value_width = PLAN_WIDTHS
    name_width = max(name_width, *(len(line.name) + 2 for line in plan.lines))
    lines: list[str] = []
    for line in plan.lines:
        value = value_words(line.value)
        left = f"{'' if lines else 'plan':7}  {line.name:{name_width}}"
        if len(value) <= value_width:
            lines.append(f"{left}{value:{value_width}}  {line.reason}")
        else:
            lines += [left + value, " " * (len(left) + value_width + 2) + line.reason]
    return lines


def value_words(value: Any) -> str:
    """96 x 96, width 16, quick: a value of the plan as people write it."""
    if isinstance(value, Mapping):
        return ", ".join(f"{name} {one}" for name, one in value.items())
    return " x ".join(map(str, value)) if isinstance(value, tuple | list) else str(value)


def time_left(seconds: float) -> str:
    """8 s, 2:05 min, 1:10 h."""
    whole = round(seconds)
    if whole < 100:
        return f"{whole} s"
    minutes, rest = divmod(whole, 60)
    return f"{minutes}:{rest:02d} min" if minutes < 60 else f"{minutes // 60}:{minutes % 60:02d} h"


GLANCE, GLANCES = 256, 8  # pixels, images: parts of training images that are looked at where none is held back
MOST_VALIDATED = 16  # images: more make every validation slow and the best choice hardly better


def versions() -> dict[str, str]:
    """Of handful and what its numbers depend on."""
    import numpy
    import torch

    from handful import __version__

    return {
        "handful": __version__,
        "python": platform.python_version(),
        "torch": str(torch.__version__),
        "numpy": numpy.__version__,
    }
