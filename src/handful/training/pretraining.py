"""Learning start weights: rounds of lessons against a clock, resumable between rounds."""

from __future__ import annotations

import copy
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import nn

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
from handful.training.few_shot import FewShot
from handful.training.lessons import PICTURES, draw_round
from handful.training.loop import learning_rate_factor
from handful.training.muon import Muon

KERNEL_NORM = 3.0  # of every kernel, times that of a fresh one; batch normalisation undoes it
SAVE_EVERY = 60.0  # seconds


@dataclass(frozen=True)
class PretrainSettings:
    """width: of the quick net. size: of the pictures. lessons: a step. own_look: share of lessons without a common
    look. families: of generated pictures."""

    width: int = 24
    size: int = 128
    lessons: int = 2
    learning_rate: float = 0.02
    weight_decay: float = 0.01
    warmup: float = 0.02
    average_share: float = 0.1
    own_look: float = 0.5
    families: tuple[str, ...] = field(default=tuple(FAMILIES))
    seed: int = 0


class Pretraining:
    """The net, its objective and how far it has come."""

    def __init__(self, settings: PretrainSettings, device: torch.device) -> None:
        torch.manual_seed(settings.seed)
        self.settings, self.device = settings, device
        net = QuickNet(3, 2, width=settings.width).to(device)
        self.net: QuickNet = net.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.norms = [float(convolution.weight.detach().norm()) for convolution, _ in blocks(self.net)]
        self.objective = FewShot().to(device)
        self.optimisers: tuple[torch.optim.Optimizer, ...] = (
            Muon(self.net, learning_rate=settings.learning_rate, weight_decay=settings.weight_decay),
            torch.optim.Adam(self.objective.parameters(), lr=0.15 * settings.learning_rate),
        )
        self.rates = [[group["lr"] for group in one.param_groups] for one in self.optimisers]
        self.average = WeightAverage(self.net, share=settings.average_share)
        self.rounds = self.steps = 0
        self.history: list[float] = []  # the mean Dice loss of each round

    def work_round(self, clock: Clock) -> float:
        """One round of lessons; returns its mean Dice loss."""
        settings = self.settings
        shown = draw_round(
            settings.seed,
            self.rounds,
            size=settings.size,
            families=settings.families,
            own_look=settings.own_look,
            device=self.device,
        )
        chance = torch.Generator().manual_seed(settings.seed + self.rounds)
        self.net.train()
        losses = []
        for first in range(0, len(shown) - settings.lessons + 1, settings.lessons):
            factor = learning_rate_factor(clock.done(self.rounds), settings.warmup)
            for optimiser, rates in zip(self.optimisers, self.rates, strict=True):
                optimiser.zero_grad()
                for group, rate in zip(optimiser.param_groups, rates, strict=True):
                    group["lr"] = rate * factor
            for one in shown[first : first + settings.lessons]:
                given = int(torch.randint(1, PICTURES - 1, (), generator=chance))
                loss, dice = self.objective(self.net, one, given)
                (loss / settings.lessons).backward()
                losses.append(dice)
            for optimiser in self.optimisers:
                optimiser.step()
            self.average.update(self.steps)
            self.steps += 1
        self.rounds += 1
        self.history.append(round(float(torch.stack(losses).mean()), 4))
        return self.history[-1]

    @torch.no_grad()
    def result(self) -> nn.Module:
        """A copy of the averaged net that answers alike, its kernels as large as a fresh net's times KERNEL_NORM.

        Orthogonal steps have let them grow 10 to 30 times, and steps of the usual size would no longer turn them.
        """
        net = copy.deepcopy(self.average.net)
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
            "objective": self.objective.state_dict(),
            **{f"optimiser{number}": optimiser_tensors(one) for number, one in enumerate(self.optimisers)},
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
        self.objective.load_state_dict(parts["objective"])
        for number, one in enumerate(self.optimisers):
            restore_optimiser(one, parts.get(f"optimiser{number}", {}))
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
