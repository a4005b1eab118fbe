"""Start weights: what lessons are, what of their answers counts, and that pieces make the whole."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from handful.errors import ModelFileError
from handful.synth.families import FAMILIES
from handful.training.clock import Clock
from handful.training.lessons import (
    ASKED,
    NOT_ASKED,
    QUESTIONS,
    TIMES,
    Lessons,
    batches,
    draw_lessons,
    draw_round,
    vary,
)
from handful.training.pretraining import (
    ANSWERED,
    KERNEL_NORM,
    Pretraining,
    PretrainSettings,
    answer_loss,
    blocks,
    pretrain,
)

SMALL = PretrainSettings(width=4, size=32, families=("discs",))
CPU = torch.device("cpu")


def draws(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@pytest.mark.parametrize("family", FAMILIES)
def test_every_family_gives_standardised_pictures_with_their_answers(family: str) -> None:
    found = draw_lessons(family, 6, 32, draws())
    assert found.images.shape == (6, 3, 32, 32)
    assert found.images.float().mean(dim=(1, 2, 3)).abs().max() < 1e-3
    asked = [QUESTIONS[number] for number in found.asked[0].tolist() if number != NOT_ASKED]
    assert asked == [(family, question) for question in ASKED[family]]
    assert set(found.masks.unique().tolist()) == {0, 1}
    assert not found.masks[:, len(asked) :].any()


def test_a_round_is_the_same_again_and_the_next_is_another() -> None:
    first, again, other = (draw_round(3, n, size=32, families=("discs", "cells"), device=CPU) for n in (0, 0, 1))
    assert torch.equal(first.images, again.images)
    assert torch.equal(first.masks, again.masks)
    assert not torch.equal(first.images, other.images)


def test_a_round_shows_every_picture_as_often() -> None:
    numbers = torch.arange(12)
    lessons = Lessons(torch.ones(12, 3, 4, 4), torch.zeros(12, 2, 4, 4), numbers[:, None].expand(-1, 2))
    shown = torch.cat([one.asked[:, 0] for one in batches(lessons, 6, draws())])
    assert torch.equal(shown.bincount(), torch.full((12,), TIMES))


def test_what_is_varied_keeps_its_answers() -> None:
    masks = (torch.rand(5, 2, 8, 8, generator=draws()) < 0.3).to(torch.uint8)
    lessons = Lessons(masks[:, :1].repeat(1, 3, 1, 1).half(), masks, torch.zeros(5, 2, dtype=torch.int64))
    seen = set()
    for seed in range(16):
        varied = vary(lessons, draws(seed))
        assert torch.equal(varied.images[:, 0].abs(), varied.masks[:, 0].half())
        assert varied.masks.sum() == masks.sum()
        seen.add(tuple(varied.images[0, 0].flatten().tolist()))
    assert len(seen) > 8


def test_only_what_is_asked_of_a_picture_counts() -> None:
    masks = (torch.rand(2, 2, 8, 8, generator=draws()) < 0.3).to(torch.uint8)
    lessons = Lessons(torch.zeros(2, 3, 8, 8), masks, torch.tensor([[4, 0], [2, NOT_ASKED]]))
    logits = torch.zeros(2, len(QUESTIONS), 8, 8)
    for picture, place, number in ((0, 0, 4), (0, 1, 0), (1, 0, 2)):
        logits[picture, number] = 40 * masks[picture, place].float() - 20
    logits.requires_grad_()
    loss, dice = answer_loss(logits, lessons)
    assert loss < 1e-5
    assert dice < 1e-5
    (gradient,) = torch.autograd.grad(answer_loss(logits * 0.05, lessons)[0], logits)
    touched = {(n, int(k)) for n in range(2) for k in gradient[n].abs().sum((1, 2)).nonzero()}
    assert touched == {(0, 4), (0, 0), (1, 2)}


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
    answer = average.eval()(picture)[:, QUESTIONS.index(ANSWERED)]
    torch.testing.assert_close(result.eval()(picture), torch.stack([0 * answer, answer], 1), rtol=1e-3, atol=1e-3)
