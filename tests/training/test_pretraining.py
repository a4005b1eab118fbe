"""Start weights: what lessons are, that the head is solved, and that pieces make the whole."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import Tensor

from handful.errors import ModelFileError
from handful.models.quick import QuickNet
from handful.synth.families import FAMILIES
from handful.training.clock import Clock
from handful.training.few_shot import FewShot
from handful.training.lessons import PICTURES, Lesson, draw_lessons, draw_round, vary
from handful.training.pretraining import KERNEL_NORM, Pretraining, PretrainSettings, blocks, pretrain

SMALL = PretrainSettings(width=4, size=32, families=("discs",))
CPU = torch.device("cpu")


def draws(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@pytest.mark.parametrize("own_look", [False, True])
@pytest.mark.parametrize("family", FAMILIES)
def test_every_family_gives_lessons_of_five_standardised_pictures(family: str, own_look: bool) -> None:
    found = draw_lessons(family, 32, draws(), own_look=own_look)
    assert found
    for one in found:
        assert one.images.shape == (PICTURES, 3, 32, 32)
        assert one.masks.shape == (PICTURES, 32, 32)
        assert one.masks.unique().tolist() in ([0.0, 1.0], [0.0], [1.0])
        assert one.images.mean(dim=(1, 2, 3)).abs().max() < 1e-4
    assert any(0 < float(one.masks.mean()) < 1 for one in found)


def test_with_looks_of_their_own_the_pictures_of_a_lesson_differ_more() -> None:
    def spread(own_look: bool) -> float:
        found = draw_lessons("discs", 32, draws(1), own_look=own_look)
        colours = torch.stack([one.images.std(dim=(2, 3)).std(0).mean() for one in found])
        return float(colours.mean())

    assert spread(True) > 1.5 * spread(False)


def test_a_round_is_the_same_again_and_the_next_is_another() -> None:
    about = {"size": 32, "families": ("discs", "cells"), "own_look": 0.5, "device": CPU}
    first, again, other = (draw_round(3, number, **about) for number in (0, 0, 1))  # type: ignore[arg-type]
    assert all(torch.equal(a.images, b.images) for a, b in zip(first, again, strict=True))
    assert not torch.equal(first[0].images, other[0].images)


def test_a_varied_lesson_keeps_what_is_asked_for() -> None:
    masks = (torch.rand(5, 8, 8, generator=draws()) < 0.3).float()
    images = masks[:, None].repeat(1, 3, 1, 1)
    for seed in range(8):
        varied = vary(Lesson(images, masks), draws(seed))
        shown = varied.images[:, 0].abs()
        assert torch.equal(shown, varied.masks)
        assert varied.masks.sum() == masks.sum()


class Shows(QuickNet):
    """Features from which the mask is linear: the folded picture itself."""

    def features(self, x: Tensor) -> Tensor:
        return torch.nn.functional.pixel_unshuffle(x, self.fold)


def test_the_solved_head_answers_what_the_features_hold() -> None:
    generator = draws()
    masks = (torch.rand(5, 16, 16, generator=generator) < 0.3).float()
    images = torch.stack([masks, *(torch.rand(2, 5, 16, 16, generator=generator))], 1)
    net = Shows(3, 2, width=4)
    for shown in (1, 2, 4):
        loss, dice = FewShot()(net, Lesson(images, masks), shown)
        assert dice < 0.05
        assert loss < 0.2
    _, chance = FewShot()(net, Lesson(images, masks.roll(1, 0)), 2)
    assert chance > 0.4


def test_the_ridge_is_that_of_its_normal_equations() -> None:
    generator = draws(2)
    features, targets = (torch.rand(40, n, generator=generator) for n in (3, 4))
    weights = torch.rand(40, generator=generator)
    objective = FewShot()
    head = objective.solve(features, targets, weights).detach()
    rows = torch.cat([features, torch.ones(40, 1)], 1)
    scaled = (weights / weights.sum()).sqrt()[:, None]
    strength = float(objective.log_ridge.detach().exp()) * float(((scaled * rows) ** 2).sum(0)[:-1].mean()) + 1e-6
    extra = torch.diag(torch.tensor([strength] * 3 + [1e-6])).sqrt()
    twin = torch.linalg.lstsq(torch.cat([scaled * rows, extra]), torch.cat([scaled * targets, torch.zeros(4, 4)]))
    torch.testing.assert_close(head, twin.solution, rtol=1e-3, atol=1e-4)


def test_pieces_learn_what_an_unbroken_run_does(tmp_path: Path) -> None:
    whole = Pretraining(SMALL, CPU)
    pretrain(whole, Clock(0.0, steps=2))
    first = Pretraining(SMALL, CPU)
    pretrain(first, Clock(0.0, steps=2), checkpoint=tmp_path / "c", until=time.monotonic() + 1e-3)
    assert first.rounds == 1
    second = Pretraining(SMALL, CPU)
    second.restore(tmp_path / "c")
    pretrain(second, Clock(0.0, steps=2))
    assert second.history == whole.history
    assert second.steps == whole.steps
    for name, value in whole.result().state_dict().items():
        assert torch.equal(value, second.result().state_dict()[name]), name


def test_a_checkpoint_of_other_settings_is_refused(tmp_path: Path) -> None:
    Pretraining(SMALL, CPU).save(tmp_path / "c")
    with pytest.raises(ModelFileError, match="size"):
        Pretraining(replace(SMALL, size=48), CPU).restore(tmp_path / "c")


def test_the_result_answers_alike_with_its_kernels_brought_back_to_size() -> None:
    run = Pretraining(SMALL, CPU)
    pretrain(run, Clock(0.0, steps=1))
    result, average = run.result(), run.average.net
    for (convolution, _), fresh in zip(blocks(result), run.norms, strict=True):
        assert float(convolution.weight.detach().norm()) == pytest.approx(KERNEL_NORM * fresh, rel=1e-4)
    picture = torch.rand(2, 3, 32, 32, generator=draws())
    torch.testing.assert_close(result.eval()(picture), average.eval()(picture), rtol=1e-3, atol=1e-3)
