"""Learning start weights: rounds of lessons against a clock, resumable between rounds.

One body with a head for every question of every family; a picture is a lesson for those of its own family. Segmentation
of drawn contours as a start for that of photographs is known from SegRCDB (Shinoda et al. 2023).
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from handful.models.quick import QuickNet
from handful.synth.families import FAMILIES
from handful.training.average import WeightAverage
from handful.training.checkpoint import (
    check_same_settings,
    clear_unfinished,
    load_checkpoint,
    optimiser_tensors,
    plain_settings,
    restore_optimiser,
    save_checkpoint,
)
from handful.training.clock import Clock
from handful.training.lessons import NOT_ASKED, QUESTIONS, Lessons, batches, draw_round
from handful.training.loop import learning_rate_factor
from handful.training.muon import Muon
from handful.training.validation import autocast

ANSWERED = ("figures", "figure")  # by what is written: the thing in front of a picture
RARE = -1.5  # logit of every answer at first: few pixels are asked for
SMOOTH = 20.0  # pixels, in Dice: an answer of a few pixels decides little
KERNEL_NORM = 3.0  # of every kernel, times that of a fresh one; batch normalisation undoes it
SAVE_EVERY = 60.0  # seconds


@dataclass(frozen=True)
class PretrainSettings:
    """width, top: of the quick net. size: of the pictures. batch: pictures a step. families: of generated pictures."""

    width: int = 24
    top: int = 16
    size: int = 128
    batch: int = 16
    learning_rate: float = 0.02
    weight_decay: float = 0.01
    warmup: float = 0.02
    average_share: float = 0.1
    families: tuple[str, ...] = field(default=tuple(FAMILIES))
    seed: int = 0

    @property
    def net(self) -> dict[str, int]:
        """The settings of the net."""
        return {"width": self.width, "top": self.top}


def answer_loss(logits: Tensor, lessons: Lessons) -> tuple[Tensor, Tensor]:
    """Loss, cross-entropy + Dice, and Dice loss alone, both means over what was asked of each picture.

    logits (N, QUESTIONS, H, W).
    """
    was_asked = lessons.asked != NOT_ASKED
    places = lessons.asked.clamp_min(0)[..., None, None].expand(-1, -1, *logits.shape[2:])
    answers = logits.float().gather(1, places)[was_asked]
    truth = lessons.masks[was_asked].float()
    given = answers.sigmoid()
    dice = 1 - (2 * (given * truth).sum((1, 2)) + SMOOTH) / (given.sum((1, 2)) + truth.sum((1, 2)) + SMOOTH)
    return F.binary_cross_entropy_with_logits(answers, truth) + dice.mean(), dice.mean().detach()


class Pretraining:
    """The net, its optimiser and how far it has come."""

    def __init__(self, settings: PretrainSettings, device: torch.device, precision: str = "bfloat16") -> None:
        torch.manual_seed(settings.seed)
        self.settings, self.device, self.precision = settings, device, precision
        net = QuickNet(3, len(QUESTIONS), **settings.net).to(device)
        assert net.head.bias is not None
        nn.init.constant_(net.head.bias, RARE)
        self.net: QuickNet = net.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.norms = [float(convolution.weight.detach().norm()) for convolution, _ in blocks(self.net)]
        self.optimiser = Muon(self.net, learning_rate=settings.learning_rate, weight_decay=settings.weight_decay)
        self.rates = [group["lr"] for group in self.optimiser.param_groups]
        self.average = WeightAverage(self.net, share=settings.average_share)
        self.rounds = self.steps = 0
        self.history: list[float] = []  # the mean Dice loss of each round

    def work_round(self, clock: Clock) -> float:
        """One round of lessons; returns its mean Dice loss."""
        settings = self.settings
        drawn = draw_round(
            settings.seed, self.rounds, size=settings.size, families=settings.families, device=self.device
        )
        chance = torch.Generator().manual_seed(settings.seed + self.rounds)
        factor = learning_rate_factor(clock.done(self.rounds), settings.warmup)
        for group, rate in zip(self.optimiser.param_groups, self.rates, strict=True):
            group["lr"] = rate * factor
        self.net.train()
        losses = []
        for lessons in batches(drawn, min(settings.batch, len(drawn)), chance):
            with autocast(self.device, self.precision):
                logits = self.net(lessons.images.float().contiguous(memory_format=torch.channels_last))
            loss, dice = answer_loss(logits, lessons)
            self.optimiser.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            self.optimiser.step()
            self.average.update(self.steps)
            self.steps += 1
            losses.append(dice)
        self.rounds += 1
        self.history.append(round(float(torch.stack(losses).mean()), 4))
        return self.history[-1]

    @torch.no_grad()
    def result(self) -> nn.Module:
        """The averaged net with the one answer ANSWERED, its kernels as large as a fresh net's times KERNEL_NORM.

        Orthogonal steps have let them grow 10 to 30 times, and steps of the usual size would no longer turn them.
        """
        net = QuickNet(3, 2, **self.settings.net)
        learnt = self.average.net.state_dict()
        rows = net.fold**2
        first = rows * QUESTIONS.index(ANSWERED)
        for name in ("head.weight", "head.bias"):
            answer = learnt[name][first : first + rows]
            learnt[name] = torch.cat([torch.zeros_like(answer), answer])
        net.load_state_dict(learnt)
        for (convolution, norm), fresh in zip(blocks(net), self.norms, strict=True):
            factor = KERNEL_NORM * fresh / float(convolution.weight.norm())
            convolution.weight.mul_(factor)
            norm.running_mean.mul_(factor)
            norm.running_var.mul_(factor**2)
        return net

    def save(self, path: Path) -> None:
        """Write all that the rest depends on. Raises OutputError where it cannot be written."""
        parts = {
            "net": self.net.state_dict(),
            "average": self.average.net.state_dict(),
            "optimiser": optimiser_tensors(self.optimiser),
        }
        facts = {
            "settings": plain_settings(self.settings),
            "rounds": self.rounds,
            "steps": self.steps,
            "history": self.history,
        }
        save_checkpoint(path, parts, facts)

    def restore(self, path: Path) -> None:
        """Go on from what `save` wrote. Raises ModelFileError where it is none, or of other settings."""
        parts, facts = load_checkpoint(path)
        clear_unfinished(path)
        check_same_settings(path, facts["settings"], plain_settings(self.settings))
        self.net.load_state_dict(parts["net"])
        self.average.net.load_state_dict(parts["average"])
        restore_optimiser(self.optimiser, parts.get("optimiser", {}))
        self.rounds, self.steps, self.history = facts["rounds"], facts["steps"], facts["history"]


def blocks(net: nn.Module) -> list[tuple[Any, Any]]:
    """Its convolutions with the batch normalisation behind each, which undoes the size of the kernel."""
    parts = [part for part in net.modules() if isinstance(part, nn.Sequential) and len(part) > 1]
    return [(part[0], part[1]) for part in parts if isinstance(part[1], nn.BatchNorm2d)]


def pretrain(
    run: Pretraining,
    clock: Clock,
    *,
    checkpoint: Path | None = None,
    until: float | None = None,
    on_round: Callable[[float, float], Any] | None = None,
) -> None:
    """Rounds until the clock says stop; on_round hears the share done and the round's Dice loss.

    checkpoint: where the state is written now and then, and at the end. until: time.monotonic() after which no round
    is begun. With the rounds of the clock fixed, a run in pieces learns what an unbroken one does.
    """
    saved = time.monotonic()
    while clock.done(run.rounds) < 1 and (until is None or time.monotonic() < until):
        loss = run.work_round(clock)
        if on_round:
            on_round(clock.done(run.rounds), loss)
        if checkpoint is not None and time.monotonic() - saved > SAVE_EVERY:
            run.save(checkpoint)
            saved = time.monotonic()
    if checkpoint is not None:
        run.save(checkpoint)
