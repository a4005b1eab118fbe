"""The training loop, against a clock."""

from __future__ import annotations

import copy
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field, replace
from math import cos, isfinite, isnan, pi
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from handful.errors import ModelFileError, OutputError, SettingsError
from handful.limits import OPTIMISERS, check_patch, check_settings
from handful.losses import build_loss
from handful.settings import TrainSettings
from handful.training.average import WeightAverage
from handful.training.checkpoint import (
    check_same_settings,
    check_tensors,
    clear_unfinished,
    load_checkpoint,
    not_resumable,
    optimiser_tensors,
    plain_settings,
    restore_optimiser,
    save_checkpoint,
)
from handful.training.clock import STOPPED, Clock
from handful.training.guard import TROUBLES, Guard
from handful.training.head import fit_head, own_skill
from handful.training.muon import Muon
from handful.training.pool import Batch, Pool
from handful.training.processes import ALONE, Crew, share_statistics
from handful.training.rehearsal import Rehearsal, rehearse
from handful.training.threads import Threads
from handful.training.transfer import Freezer, Transfer, slow_down
from handful.training.validation import Validation, autocast

CHECKPOINT_EVERY = 20.0  # seconds; writing one takes some hundredths of a second
VALIDATION_SHARE = 0.08  # of the training time at most
# An earlier net is taken only for a validation Dice that beats the last one by this over the root of the number of
# images: chosen on a single image, a net of half the time cost .11 of Dice on unseen nuclei.
LUCK = 0.06
TOO_EARLY = 0.15  # share of the training before which a constant answer cannot be told from a slow beginning
TOO_LATE = 0.7  # share after which fresh weights would not come to anything
PATIENCE = 3  # windows of the guard that weights for rare classes are given before the net starts anew
CONSTANT = (
    "the net answers one class everywhere, and none of the remedies helped: look whether the masks fit the images, "
    "then give more time or another net."
)
SKILLED = 0.25  # what tells the classes before the first step: cats .3 to .6, nuclei .6, cars in streets .0 to .15
ANSWERING = 0.4  # what answers them: photographs .6 to .9, nuclei .5 to .7, streets .8; in other colours -.05 to .3
SLOWEST = 1 / 64  # of the learning rate: what is left of it after six remedies, below which nothing would be learnt


@dataclass(frozen=True)
class Progress:
    """Where the training stands after a step."""

    step: int
    done: float  # 0 to 1
    loss: float
    score: float | None  # the last validation score
    left: float  # seconds
    rehearsing: bool = False  # still finding out how far to go; `done` is of that


@dataclass
class Fitted:
    """What came of a training: the net of the best averaged weights, and what happened on the way."""

    net: nn.Module
    steps: int
    score: float | None
    constant: bool = False  # one class everywhere on the validation images, although several are true
    history: list[dict[str, float]] = field(default_factory=list)
    messages: list[str] = field(default_factory=list)
    interrupted: bool = False
    net_settings: dict[str, Any] | None = None  # where they are not those of the plan


@dataclass(frozen=True)
class Errand:
    """What a helper needs to take every step of a run as the first process does, but for the pool's images."""

    net: nn.Module
    pool: Pool
    outputs: int
    settings: TrainSettings
    steps: int | None
    transfer: Transfer | None
    device: str
    parts: dict[str, dict[str, Tensor]]
    facts: dict[str, Any]


def help_with(errand: Errand, crew: Crew) -> None:
    """Take part, as one of the other processes, in the training that the first handed on."""
    device = crew.own(errand.device)
    unused = Validation([], [], errand.outputs, (), device)
    clock = Clock(0.0, steps=errand.steps)
    pool = errand.pool
    pool.device = device
    pool.store.take(crew.spread_tensors(pool.store.tensors(), device), device)
    run = Run(errand.net, pool, unused, errand.settings, clock, errand.transfer, crew)
    run.take_up(errand.parts, errand.facts)
    torch.manual_seed((errand.settings.seed + run.step) * crew.size + crew.rank)  # what is dropped in each share
    fit(run)


def make_optimiser(net: nn.Module, settings: TrainSettings) -> torch.optim.Optimizer:
    """Raises SettingsError for an unknown name."""
    if settings.optimiser == "muon":
        return Muon(net, learning_rate=settings.learning_rate, weight_decay=settings.weight_decay)
    if settings.optimiser == "adamw":
        return torch.optim.AdamW(
            net.parameters(),
            lr=settings.learning_rate,
            weight_decay=settings.weight_decay,
            betas=(0.9, 0.99),
            fused=True,
        )
    raise SettingsError(f"optimiser {settings.optimiser}: there are {' and '.join(OPTIMISERS)}.")


def learning_rate_factor(done: float, warmup: float) -> float:
    """Linear rise, then half a cosine down to nothing at the end of the time."""
    rise = min(1.0, (done + 1e-3) / warmup) if warmup else 1.0
    return rise * max(0.5 * (1 + cos(pi * done)), 1e-3)


class Run:
    """One training: its parts, its state, and the steps it takes. `fit` is the loop.

    With the steps of the clock fixed, a run restored from a checkpoint ends with the weights, byte for byte, of one
    that was never interrupted (on the same machine with the same number of threads).

    Raises SettingsError for settings that make no sense.
    """

    def __init__(
        self,
        net: nn.Module,
        pool: Pool,
        validation: Validation,
        settings: TrainSettings,
        clock: Clock,
        transfer: Transfer | None = None,
        crew: Crew = ALONE,
    ) -> None:
        check_settings(settings)
        self.multiple = int(getattr(net, "multiple", 1))
        check_patch(pool.patch, pool.batch, self.multiple)
        crew.check(pool.device, pool.batch)
        self.crew, self.device = crew, pool.device
        alone_on_cpu = crew.size == 1 and pool.device.type == "cpu"
        # The last bits depend on the number of threads: where the steps are fixed, so are the threads.
        self.threads = Threads(torch.get_num_threads()) if alone_on_cpu and clock.steps is None else None
        if crew.size > 1:
            share_statistics(net)
        self.net: nn.Module = net.to(self.device).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.pool, self.validation, self.settings, self.clock = pool, validation, settings, clock
        self.loss = build_loss(settings.loss, **settings.loss_settings)
        self.optimiser = make_optimiser(self.net, settings)
        self.transfer = transfer  # already in the net; kept for a start anew
        self.freezer = Freezer(self.net, transfer) if transfer is not None and settings.init_freeze else None
        if transfer is not None:
            slow_down(self.optimiser, self.net, transfer, settings.init_rate)
        self.rates = [group["lr"] for group in self.optimiser.param_groups]
        self.average = WeightAverage(self.net, share=settings.average_share)
        self.forward: nn.Module = self.net
        self.guard = Guard(validation.outputs)
        self.step = 0
        self.running_loss = float("nan")
        self.rate_factor = 1.0  # halved by remedies
        self.knows = ""  # of the classes before the first step, from what was taken over: "features", "answers"
        self.rehearsal: Rehearsal | None = None
        self.class_weights: Tensor | None = None
        self.fitted = Fitted(self.average.net, 0, None)
        self.best: nn.Module | None = None
        self.best_score = float("-inf")
        self.best_constant = True
        self._remedies: dict[str, int] = {}

    def begin_from_start(self, on_rehearsal: Callable[[float], Any] = lambda done: None) -> None:
        """Find out what was taken over knows of the classes; a last layer that does not tell them is fitted anew.

        on_rehearsal hears the share done of a rehearsal, where there is one.
        """
        if self.transfer is None:
            return
        how: Any = {"classes": self.validation.outputs, "precision": self.settings.precision}
        try:
            if "head.weight" in self.transfer.tensors and own_skill(self.net, self.pool, **how) >= ANSWERING:
                self.knows = "answers"
                return
            if fit_head(self.net, self.pool, **how) >= SKILLED:
                self.knows = "features"
                if self.settings.init_feature_steps and self.settings.init_rehearsal and self.crew.size == 1:
                    self.rehearsal = rehearse(self, on_rehearsal)
        except (RuntimeError, MemoryError) as error:
            if not is_out_of_memory(error):
                raise
            self._say("out of memory in looking at what the start knows, which was left out")
        self.average.net.load_state_dict(self.net.state_dict())
        if self.rehearsal is not None and self.rehearsal.gains:
            near, far = (f"{1 - wrong:.3f}" for wrong in (self.rehearsal.near, self.rehearsal.far))
            self._say(f"images left out of a rehearsal gained from more steps (Dice {near}, then {far}): all are made")

    def trial(self, pool: Pool, validation: Validation, steps: int) -> Run:
        """A training of its own, of the net as it is, on other images, in so many steps and as far as they go."""
        settings = replace(self.settings, init_feature_steps=0.0)
        trial = Run(copy.deepcopy(self.net), pool, validation, settings, Clock(0.0, steps=steps), self.transfer)
        trial.knows = self.knows
        return trial

    # ---- several processes

    def begin(self) -> None:
        """Where there are helpers, hand the run to them as it is now; from here on all take every step together."""
        if self.crew.size == 1:
            return
        if self.crew.leads:
            parts, facts = self.state()
            parts = {part: {name: t.cpu() for name, t in tensors.items()} for part, tensors in parts.items()}
            net = copy.deepcopy(self.net).cpu()
            pool = self.pool.on(torch.device("meta"))
            about = (self.validation.outputs, self.settings, self.clock.steps, self.transfer, self.device.type)
            self.crew.tell(Errand(net, pool, *about, parts, facts))
            self.crew.spread_tensors(self.pool.store.tensors(), self.device)
        self.forward = self.crew.spread(self.net, partly_frozen=self.freezer is not None)

    def done(self) -> float:
        """Share of the training that is done, by the clock of the first process."""
        return self.crew.agree(self.clock.done(self.step))[0]

    # ---- state on disk

    def save(self, path: Path) -> None:
        """Write everything that the rest of the run depends on. Raises OutputError where it cannot be written."""
        save_checkpoint(path, *self.state())

    def state(self) -> tuple[dict[str, dict[str, Tensor]], dict[str, Any]]:
        """That everything: tensors by part and name, and facts as JSON can hold them; `take_up` goes on from it."""
        parts = {"net": self.net.state_dict(), "average": self.average.net.state_dict()}
        if self.best is not None:
            parts["best"] = self.best.state_dict()
        parts["optimiser"] = optimiser_tensors(self.optimiser)
        parts["chance"] = {"cpu": torch.get_rng_state()}  # a net may draw, as dropout does
        if self.device.type == "cuda":
            parts["chance"]["cuda"] = torch.cuda.get_rng_state(self.device)
        facts = {
            "settings": self._plain_settings(),
            "precision": self.settings.precision,
            "device": self.device.type,
            "step": self.step,
            "done": self.clock.done(self.step),
            "running_loss": self.running_loss,
            "rate_factor": self.rate_factor,
            "knows": self.knows,
            "rehearsal": None if self.rehearsal is None else asdict(self.rehearsal),
            "averaged_since": self.average.since,
            "class_weights": None if self.class_weights is None else self.class_weights.tolist(),
            "focus": self.pool.focus,
            "batch": self.pool.batch,
            "costs": self.pool.costs.tolist(),
            "guard": self.guard.state(),
            "best_score": self.best_score,
            "best_constant": self.best_constant,
            "score": self.fitted.score,
            "constant": self.fitted.constant,
            "history": self.fitted.history,
            "messages": self.fitted.messages,
            "remedies": self._remedies,
        }
        return parts, facts

    def restore(self, path: Path) -> float:
        """Take up the state in `path`; returns the share of the training that it has behind it.

        Raises ModelFileError where the file is missing, damaged, or of another net or other settings.
        """
        parts, facts = load_checkpoint(path)
        clear_unfinished(path)
        try:
            check_same_settings(path, facts["settings"], self._plain_settings())
            for name in ("net", "average", *(("best",) if "best" in parts else ())):
                check_tensors(path, self.net, parts.get(name, {}))
            return self.take_up(parts, facts)
        except ModelFileError:
            raise
        except (LookupError, TypeError, ValueError, ArithmeticError, AttributeError, RuntimeError) as error:
            raise not_resumable(path, f"it lacks what this version of handful needs: {error}") from None

    def take_up(self, parts: dict[str, dict[str, Tensor]], facts: dict[str, Any]) -> float:
        """Go on from a `state`; returns the share of the training that it has behind it."""
        self.net.load_state_dict(parts["net"])
        self.average.net.load_state_dict(parts["average"])
        self.average.since = int(facts["averaged_since"])
        if "best" in parts:
            self.best = copy.deepcopy(self.average.net)
            self.best.load_state_dict(parts["best"])
        restore_optimiser(self.optimiser, parts.get("optimiser", {}))
        torch.set_rng_state(parts["chance"]["cpu"])
        if self.device.type == "cuda" and "cuda" in parts["chance"]:
            torch.cuda.set_rng_state(parts["chance"]["cuda"], self.device)
        if facts["device"] == self.device.type:
            # The plan times the machine to choose it: a busy moment must not change the rest of the run.
            self.settings = replace(self.settings, precision=facts["precision"])
            self.validation = replace(self.validation, precision=facts["precision"])
        self.step, self.rate_factor = int(facts["step"]), float(facts["rate_factor"])
        self.knows = str(facts["knows"])
        self.rehearsal = None if facts["rehearsal"] is None else Rehearsal(**facts["rehearsal"])
        if self.step < 0:
            raise ValueError("its steps are fewer than none")
        self.running_loss = float(facts["running_loss"])
        most = self.pool.batch  # which only ever shrinks
        self.pool.focus, self.pool.batch = float(facts["focus"]), int(facts["batch"])
        self.pool.costs[:] = facts["costs"]
        if not (np.isfinite(self.pool.costs) & (self.pool.costs >= 0)).all():
            raise ValueError("what its images cost is no number")
        if facts["class_weights"] is not None:
            self.class_weights = torch.tensor(facts["class_weights"], device=self.device)
            if self.class_weights.shape != (self.validation.outputs,):
                raise ValueError("its class weights are not one a class")
        self.guard.restore(facts["guard"])
        self.best_score, self.best_constant = float(facts["best_score"]), bool(facts["best_constant"])
        self.fitted.score, self.fitted.constant = facts["score"], bool(facts["constant"])
        self.fitted.history, self.fitted.messages = facts["history"], facts["messages"]
        self._remedies = facts["remedies"]
        if not isinstance(self.fitted.history, list) or not isinstance(self.fitted.messages, list):
            raise TypeError("its history is no list")
        if not 1 <= self.pool.batch <= most or not isinstance(self._remedies, dict):
            raise ValueError("its batch or its remedies are of no kind that it writes")
        return float(facts["done"])

    def _plain_settings(self) -> dict[str, Any]:
        """The settings as JSON gives them back, but for the precision, which the machine decides."""
        plain = plain_settings(self.settings)
        plain.pop("precision")
        return plain

    # ---- one step

    def take_step(self) -> float:
        """Draw, forward, backward, update, with a smaller batch where memory runs out. Returns the loss."""
        while True:
            try:
                return self._take_step()
            except (RuntimeError, MemoryError) as error:
                if not is_out_of_memory(error):
                    raise
            # Out here, where the error no longer holds the tensors of the failed step.
            self._shrink()

    def take_timed_step(self) -> None:
        """A step on as many threads as pay."""
        if self.threads is None:
            self.take_step()
            return
        wall, used = time.perf_counter(), time.process_time()
        self.take_step()
        self.threads.note(time.perf_counter() - wall, time.process_time() - used)
        if self.threads.count != torch.get_num_threads():
            torch.set_num_threads(self.threads.count)

    def _take_step(self) -> float:
        done = self.done()
        factor = learning_rate_factor(done, self.settings.warmup) * self.rate_factor
        if far := self.steps_worth():
            factor *= min(1.0, far * done / max(self.step, 1))  # of all steps, as it looks
        of_encoder = self.settings.init_encoder_rate if self.knows == "features" else 1.0
        for group, rate in zip(self.optimiser.param_groups, self.rates, strict=True):
            group["lr"] = rate * factor * (of_encoder if group.get("encoder") else 1.0)
        batch = self.pool.draw(self.step)
        self.net.train()
        if self.freezer is not None:
            self.freezer.hold(done < self.settings.init_freeze)
        with autocast(self.device, self.settings.precision):
            own = self.crew.share(batch.image)
            logits = self.crew.join(self.forward(own.contiguous(memory_format=torch.channels_last)), len(batch.image))
        loss = self.loss(logits, batch.target, weight=self._weight(batch))
        self.net.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        value = float(loss.detach())
        if not self._gradient_is_finite():
            value = float("nan")  # one step along it would make every weight no number
        self.pool.remember(batch, logits.detach())
        trouble = self.guard.look(value, logits.detach(), batch.target)
        # The last digits may differ on another machine, and with them what would be done.
        number, value, *costs = self.crew.agree(TROUBLES.index(trouble), value, *self.pool.costs)
        trouble, self.pool.costs[:] = TROUBLES[int(number)], costs
        if trouble != "not finite":
            self.optimiser.step()
            self.average.update(self.step)
            self.running_loss = value if isnan(self.running_loss) else 0.9 * self.running_loss + 0.1 * value
        self.step += 1
        if trouble:
            self._remedy(trouble, done)
        return value

    def steps_worth(self) -> float:
        """How far the training goes, in steps at the full rate; 0: as far as there are steps."""
        if self.rehearsal is not None and self.rehearsal.gains:
            return 0.0
        far = {"answers": self.settings.init_known_steps, "features": self.settings.init_feature_steps}
        return far.get(self.knows, 0.0)

    def _gradient_is_finite(self) -> bool:
        gradients = [p.grad for p in self.net.parameters() if p.grad is not None]
        return isfinite(float(nn.utils.get_total_norm(gradients)))

    def _weight(self, batch: Batch) -> Tensor | None:
        if self.class_weights is None:
            return batch.weight
        by_class = self.class_weights[batch.target.clamp_max(len(self.class_weights) - 1)]
        return by_class if batch.weight is None else by_class * batch.weight

    # ---- remedies

    def _remedy(self, trouble: str, done: float) -> None:
        """Mend what the guard saw, and say so."""
        if trouble in ("constant", "dead"):
            if done >= TOO_EARLY or trouble == "dead":
                self._remedy_constant(done, dead=trouble == "dead")
            return
        self.guard.forget()
        self.rate_factor = max(0.5 * self.rate_factor, SLOWEST)
        what = "the loss was no number" if trouble == "not finite" else "the loss shot up"
        if self.average.is_finite():
            self.net.load_state_dict(self.average.net.state_dict())
            self.optimiser.state.clear()
            self._say(f"{what}; went back to the averaged weights and halved the learning rate")
        else:
            self._start_anew()
            self._say(f"{what} and the weights were lost; started anew with half the learning rate")

    def _remedy_constant(self, done: float, *, dead: bool) -> None:
        times = self._remedies["constant"] = self._remedies.get("constant", 0) + 1
        self.guard.forget()
        if self.class_weights is None:
            shares = torch.tensor(self.pool.class_shares(self.validation.outputs), device=self.device)
            weights = shares.clamp_min(1e-4).rsqrt()
            self.class_weights = weights / (weights * shares).sum()
            self.pool.focus = max(self.pool.focus, 0.7)
            self._say("the net answered one class everywhere; rare classes now weigh more and are drawn more often")
            if not dead:
                return
        if dead or (times % (PATIENCE + 1) == 0 and done < TOO_LATE):
            self.rate_factor = max(0.5 * self.rate_factor, SLOWEST)
            self._start_anew()
            self._say("the net could only answer one class everywhere; started anew with half the learning rate")

    def _start_anew(self) -> None:
        """Fresh weights, the same in every run of this seed that comes to this step."""
        with torch.random.fork_rng(devices=[self.device] if self.device.type == "cuda" else []):
            torch.manual_seed((self.settings.seed + self.step) % 2**63)
            for module in self.net.modules():
                if callable(reset := getattr(module, "reset_parameters", None)):
                    reset()
        if callable(set_prior := getattr(self.net, "set_prior", None)):
            set_prior(torch.tensor(self.pool.class_shares(self.validation.outputs), device=self.device))
        if self.transfer is not None:
            self.transfer.copy_to(self.net)
        self.optimiser.state.clear()
        self.average.net.load_state_dict(self.net.state_dict())  # nothing of weights that may be no numbers
        self.average.start_anew(self.step)

    def _shrink(self) -> None:
        """Half the batch, after memory ran out. Raises SettingsError where the batch cannot be smaller."""
        if self.crew.size > 1:  # the others are in the middle of the step
            raise SettingsError(
                f"out of memory on one of {self.crew.size} processes: give a smaller batch or patch, such as "
                f"--set batch={max(self.pool.batch // 2, self.crew.size)}, or fewer processes on the machine."
            )
        self.net.zero_grad(set_to_none=True)
        if self.device.type == "cuda":
            torch.cuda.empty_cache()
        half = self.pool.batch // 2
        cells = (self.pool.patch[0] // self.multiple) * (self.pool.patch[1] // self.multiple)
        if half * cells < 2:
            raise SettingsError(
                f"out of memory with {self.pool.batch} samples of {self.pool.patch[0]}x{self.pool.patch[1]} pixels "
                "a step, and fewer cannot be: give a smaller patch or a narrower net."
            )
        self.pool.batch = half
        self._say(f"out of memory; went on with a batch of {half}")

    def _say(self, message: str) -> None:
        if len(self.fitted.messages) < 20:
            self.fitted.messages.append(f"step {self.step}: {message}.")

    def save_or_say(self, path: Path) -> None:
        """Write a checkpoint; where that fails say so, once, and go on: the training is worth more."""
        try:
            self.save(path)
        except OutputError as error:
            if not self._remedies.get("checkpoint"):
                self._say(f"{str(error).rstrip('.')}; training went on without")
            self._remedies["checkpoint"] = self._remedies.get("checkpoint", 0) + 1

    # ---- validation

    def validate(self) -> float:
        """Score the averaged weights, remember them if they are the best so far; seconds it took.

        An answer of one class everywhere is worse than any other, whatever it scores.
        """
        began = time.monotonic()
        try:
            score, constant = self.validation.look(self.average.net)
        except (RuntimeError, MemoryError) as error:
            if not is_out_of_memory(error):
                raise
            score, constant = float("nan"), False
            if not self._remedies.get("validation"):
                self._remedies["validation"] = 1
                self._say("out of memory in validation, which was left out; the last weights will be kept")
        self.fitted.score, self.fitted.constant = None if isnan(score) else score, constant
        if not isnan(score) and (not constant, score) > (not self.best_constant, self.best_score):
            self.best_score, self.best_constant = score, constant
            self.best = copy.deepcopy(self.average.net)
        self.fitted.history.append(
            {
                "step": self.step,
                "seconds": round(self.clock.elapsed(), 2),
                "loss": self.running_loss,
                "validation_dice": score,
                "learning_rate": self.optimiser.param_groups[0]["lr"],
            }
        )
        return time.monotonic() - began

    def validation_takes(self, step: float) -> float:
        """Seconds that a validation will take about, where a step takes so many: its forward pass is a third of it."""
        looked_at = sum(mask.size for mask in self.validation.masks)
        return step / 3 * looked_at / (self.pool.batch * self.pool.patch[0] * self.pool.patch[1])

    def finish(self) -> Fitted:
        """The net to keep: the last average, or an earlier one that was clearly better on validation images."""
        fitted = self.fitted
        if self.step and (not fitted.history or fitted.history[-1]["step"] != self.step):
            self.validate()
        fitted.net, fitted.steps = self.average.net, self.step
        last = fitted.score if fitted.score is not None else float("-inf")
        better = self.validation.held_out and last < self.best_score - LUCK / len(self.validation.images) ** 0.5
        if self.best is not None and (better or (fitted.constant and not self.best_constant)):
            fitted.net, fitted.score, fitted.constant = self.best, self.best_score, self.best_constant
        if fitted.constant:
            fitted.messages.append(CONSTANT)
        return fitted


def is_out_of_memory(error: BaseException) -> bool:
    """Whether torch, on a GPU or a CPU, or numpy had no memory left. Torch has no type of its own for it on a CPU."""
    return isinstance(error, torch.OutOfMemoryError | MemoryError) or "can't allocate memory" in str(error)


def fit(
    run: Run,
    *,
    checkpoint: Path | None = None,
    resume: bool = False,
    on_progress: Callable[[Progress], Any] | None = None,
) -> Fitted:
    """Train until the clock says stop or Ctrl-C. The averaged weights are what is kept; torch keeps as many threads as
    paid in the end.

    With several processes `run` goes to the helpers as it is now; only the first validates and writes.
    checkpoint: where the state is written now and then; resume: go on from what lies there.
    Raises ModelFileError where that is not a checkpoint of this run.
    """
    clock, cost = run.clock, 0.0
    clock.start_training(run.restore(checkpoint) if resume and checkpoint is not None else 0.0, run.step)

    def hear_rehearsal(done: float) -> None:
        if on_progress:
            on_progress(Progress(0, done, float("nan"), None, clock.left(0), rehearsing=True))

    try:
        if run.step == 0 and run.crew.leads:
            run.begin_from_start(hear_rehearsal)
            clock.start_training()
        last_validation = last_saved = began = time.monotonic()
        before = run.step
        with run.crew.working():
            run.begin()
            while run.done() < 1.0:
                run.take_timed_step()
                if run.crew.agree(run.crew.stopped)[0]:
                    raise KeyboardInterrupt
                if not run.crew.leads:
                    continue
                now = time.monotonic()
                if clock.steps is not None:
                    due = run.step % max(clock.steps // 10, 1) == 0
                else:
                    if not run.fitted.history:
                        cost = run.validation_takes((now - began) / (run.step - before))
                    span = clock.seconds - clock.reserved
                    due = now - last_validation > max(cost / VALIDATION_SHARE, span / 12)
                if due:
                    cost = run.validate()
                    last_validation = time.monotonic()
                if checkpoint is not None and now - last_saved > CHECKPOINT_EVERY:
                    run.save_or_say(checkpoint)
                    last_saved = time.monotonic()
                if on_progress:
                    left = clock.left(run.step)
                    on_progress(Progress(run.step, clock.done(run.step), run.running_loss, run.fitted.score, left))
    except KeyboardInterrupt:
        run.fitted.interrupted = True
        run.fitted.messages.append(f"step {run.step}: {STOPPED}; the weights so far were kept.")
    return run.finish() if run.crew.leads else run.fitted
