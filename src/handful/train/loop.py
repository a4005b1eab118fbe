"""The training loop, against a clock."""

from __future__ import annotations

import copy
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from math import cos, isfinite, isnan, pi
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from handful.errors import SettingsError
from handful.losses import build_loss
from handful.settings import TrainSettings
from handful.train.average import WeightAverage
from handful.train.checkpoint import load_checkpoint, part, restore_optimiser, save_checkpoint
from handful.train.clock import Clock
from handful.train.guard import Guard
from handful.train.muon import Muon
from handful.train.pool import IGNORE, Batch, Pool
from handful.train.validation import Validation, autocast

CHECKPOINT_EVERY = 20.0  # seconds; writing one takes some hundredths of a second
VALIDATION_SHARE = 0.08  # of the training time at most


@dataclass(frozen=True)
class Progress:
    """Where the training stands after a step."""

    step: int
    done: float  # 0 to 1
    loss: float
    score: float | None  # the last validation score
    left: float  # seconds


@dataclass
class Fitted:
    """What came of a training: the net of the best averaged weights, and what happened on the way."""

    net: nn.Module
    steps: int
    score: float | None
    history: list[dict[str, float]] = field(default_factory=list)
    messages: list[str] = field(default_factory=list)
    interrupted: bool = False


def make_optimiser(net: nn.Module, settings: TrainSettings) -> torch.optim.Optimizer:
    """Raises SettingsError for an unknown name."""
    if settings.optimiser == "muon":
        return Muon(net, learning_rate=settings.learning_rate, weight_decay=settings.weight_decay)
    if settings.optimiser == "adamw":
        return torch.optim.AdamW(
            net.parameters(), lr=settings.learning_rate, weight_decay=settings.weight_decay, betas=(0.9, 0.99), fused=True
        )
    raise SettingsError(f"optimiser {settings.optimiser}: there are muon and adamw.")


def learning_rate_factor(done: float, warmup: float) -> float:
    """Linear rise, then half a cosine down to nothing at the end of the time."""
    rise = min(1.0, (done + 1e-3) / warmup) if warmup else 1.0
    return rise * max(0.5 * (1 + cos(pi * done)), 1e-3)


class Run:
    """One training: its parts, its state, and the steps it takes. `fit` is the loop."""

    def __init__(
        self, net: nn.Module, pool: Pool, validation: Validation, settings: TrainSettings, clock: Clock
    ) -> None:
        self.device = pool.device
        self.net = net.to(self.device, memory_format=torch.channels_last)
        self.pool, self.validation, self.settings, self.clock = pool, validation, settings, clock
        self.loss = build_loss(settings.loss, **settings.loss_settings)
        self.optimiser = make_optimiser(self.net, settings)
        self.rates = [group["lr"] for group in self.optimiser.param_groups]
        self.average = WeightAverage(self.net, share=settings.average_share)
        self.guard = Guard(validation.classes)
        self.step = 0
        self.rate_factor = 1.0  # halved by remedies
        self.class_weights: Tensor | None = None
        self.fitted = Fitted(self.average.net, 0, None)
        self.best: nn.Module | None = None
        self.best_score = float("-inf")
        self._remedies: dict[str, int] = {}

    # ---- state on disk

    def save(self, path: Path) -> None:
        nets = {"net": self.net, "average": self.average.net} | ({"best": self.best} if self.best else {})
        facts = {
            "step": self.step,
            "done": self.clock.done(self.step),
            "rate_factor": self.rate_factor,
            "class_weights": None if self.class_weights is None else self.class_weights.tolist(),
            "focus": self.pool.focus,
            "best_score": self.best_score if self.best else None,
            "score": self.fitted.score,
            "history": self.fitted.history,
            "messages": self.fitted.messages,
            "remedies": self._remedies,
        }
        save_checkpoint(path, nets, self.optimiser, facts)

    def restore(self, path: Path) -> float:
        """Take up the state in `path`; returns the share of the training that it has behind it."""
        tensors, facts = load_checkpoint(path)
        self.net.load_state_dict(part(tensors, "net"))
        self.average.net.load_state_dict(part(tensors, "average"))
        restore_optimiser(self.optimiser, tensors)
        self.step, self.rate_factor = int(facts["step"]), float(facts["rate_factor"])
        self.pool.focus = float(facts["focus"])
        if facts["class_weights"] is not None:
            self.class_weights = torch.tensor(facts["class_weights"], device=self.device)
        if facts["best_score"] is not None:
            self.best_score = float(facts["best_score"])
            self.best = copy.deepcopy(self.average.net)
            self.best.load_state_dict(part(tensors, "best"))
        self.fitted.score = facts["score"]
        self.fitted.history, self.fitted.messages = facts["history"], facts["messages"]
        self._remedies = facts["remedies"]
        return float(facts["done"])

    # ---- one step

    def take_step(self) -> float:
        """Draw, forward, backward, update. Returns the loss."""
        done = self.clock.done(self.step)
        factor = learning_rate_factor(done, self.settings.warmup) * self.rate_factor
        for group, rate in zip(self.optimiser.param_groups, self.rates, strict=True):
            group["lr"] = rate * factor
        batch = self.pool.draw(self.step)
        self.net.train()
        with autocast(self.device, self.settings.precision):
            logits = self.net(batch.image.contiguous(memory_format=torch.channels_last))
        loss = self.loss(logits, batch.target, weight=self._weight(batch))
        self.optimiser.zero_grad(set_to_none=True)
        loss.backward()
        value = float(loss.detach())
        trouble = self.guard.look(value, logits.detach(), batch.target)
        if trouble != "not finite":
            self.optimiser.step()
            self.average.update(self.step)
        self.step += 1
        if trouble:
            self._remedy(trouble, done)
        return value

    def _weight(self, batch: Batch) -> Tensor | None:
        if self.class_weights is None:
            return batch.weight
        by_class = self.class_weights[batch.target.clamp_max(len(self.class_weights) - 1)]
        return by_class if batch.weight is None else by_class * batch.weight

    def _remedy(self, trouble: str, done: float) -> None:
        """Mend what the guard saw, and say so."""
        self._remedies[trouble] = self._remedies.get(trouble, 0) + 1
        self.guard.forget()
        if trouble == "constant":
            if done < 0.15:
                return  # too early to tell from slow
            if self.class_weights is None:
                shares = torch.tensor(self.pool.class_shares(self.validation.classes), device=self.device)
                weights = shares.clamp_min(1e-4).rsqrt()
                self.class_weights = weights / (weights * shares).sum()
                self.pool.focus = max(self.pool.focus, 0.7)
                self._say("the net answered one class everywhere; rare classes now weigh more and are drawn more often")
            return
        self.rate_factor *= 0.5
        if all(bool(t.isfinite().all()) for t in self.average.net.state_dict().values() if t.is_floating_point()):
            self.net.load_state_dict(self.average.net.state_dict())
        self.optimiser.state.clear()
        what = "the loss was no number" if trouble == "not finite" else "the loss shot up"
        self._say(f"{what}; went back to the averaged weights and halved the learning rate")

    def _say(self, message: str) -> None:
        said = f"step {self.step}: {message}."
        if len(self.fitted.messages) < 20:
            self.fitted.messages.append(said)

    # ---- validation

    def validate(self, loss: float) -> float:
        """Score the averaged weights, remember them if they are the best so far; seconds it took."""
        began = time.monotonic()
        score = self.validation.score(self.average.net)
        self.fitted.score = None if isnan(score) else score
        if score > self.best_score:
            self.best_score, self.best = score, copy.deepcopy(self.average.net)
        self.fitted.history.append(
            {
                "step": self.step,
                "seconds": round(self.clock.elapsed(), 2),
                "loss": loss,
                "validation_dice": score,
                "learning_rate": self.optimiser.param_groups[0]["lr"],
            }
        )
        return time.monotonic() - began

    def finish(self, loss: float) -> Fitted:
        """The net to keep: the last average, or an earlier one that was clearly better on validation images."""
        if self.step and (not self.fitted.history or self.fitted.history[-1]["step"] != self.step):
            self.validate(loss)
        self.fitted.net, self.fitted.steps = self.average.net, self.step
        last = self.fitted.score if self.fitted.score is not None else float("-inf")
        if self.best is not None and self.validation.held_out and last < self.best_score - 0.005:
            self.fitted.net, self.fitted.score = self.best, self.best_score
        return self.fitted


def fit(
    run: Run,
    *,
    checkpoint: Path | None = None,
    resume: bool = False,
    on_progress: Callable[[Progress], Any] | None = None,
) -> Fitted:
    """Train until the clock says stop or Ctrl-C. The averaged weights are what is kept."""
    run.clock.start_training(run.restore(checkpoint) if resume and checkpoint is not None else 0.0)
    clock, loss, cost = run.clock, float("nan"), 0.0
    last_validation = last_saved = time.monotonic()
    try:
        while clock.done(run.step) < 1.0:
            value = run.take_step()
            if isfinite(value):
                loss = value if run.step == 1 or not isfinite(loss) else 0.9 * loss + 0.1 * value
            now = time.monotonic()
            if clock.steps is not None:
                due = run.step % max(clock.steps // 10, 1) == 0
            else:
                span = clock.seconds - clock.reserved
                due = now - last_validation > max(cost / VALIDATION_SHARE, span / 12)
            if due:
                cost = run.validate(loss)
                last_validation = time.monotonic()
            if checkpoint is not None and now - last_saved > CHECKPOINT_EVERY:
                run.save(checkpoint)
                last_saved = time.monotonic()
            if on_progress:
                on_progress(Progress(run.step, clock.done(run.step), loss, run.fitted.score, clock.left(run.step)))
    except KeyboardInterrupt:
        run.fitted.interrupted = True
        run.fitted.messages.append(f"step {run.step}: stopped by hand; the weights so far were kept.")
    return run.finish(loss)
