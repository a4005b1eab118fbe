"""A last layer fitted to learnt features: the regression is the one it says, and the layer answers in place."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy.optimize import minimize
from torch.nn import functional as F

from conftest import start_run
from handful.augment import Geometry
from handful.training import loop
from handful.training.head import MOST, RIDGE, choose_some, fit_head, fit_logistic, skill
from handful.training.transfer import plan_transfer


@pytest.mark.parametrize(("classes", "targets"), [(2, 1), (2, 4), (5, 3)])
def test_the_regression_is_that_of_scipy(classes, targets):
    generator = torch.Generator().manual_seed(classes)
    features = torch.randn(400, 6, generator=generator)
    of_class = torch.randn(6, classes * targets, generator=generator)
    noise = torch.randn(400, classes, targets, generator=generator)
    target = ((features @ of_class).view(400, classes, targets) + noise).argmax(1)
    target[:40] = 255  # void says nothing
    weight, bias = fit_logistic(features, target, classes)

    def loss(flat):
        free = torch.tensor(flat, requires_grad=True)
        matrix = free.view(classes * targets, 7)
        logits = (features.double() @ matrix[:, :6].T + matrix[:, 6]).view(400, classes, targets)
        cost = F.cross_entropy(logits, target, ignore_index=255, reduction="sum") / 400
        cost = cost + RIDGE / 2 * matrix[:, :6].square().sum()
        cost.backward()
        return cost.item(), free.grad.numpy()

    best = minimize(loss, np.zeros(classes * targets * 7), jac=True, method="L-BFGS-B", options={"maxiter": 500})
    found, _ = loss(torch.cat([weight, bias[:, None]], 1).double().flatten().numpy())
    assert best.fun <= found < best.fun + 1e-3
    assert best.fun < 0.8 * np.log(classes) * targets


def test_every_pixel_of_a_block_is_answered_in_its_place(discs):
    """A fold of 2: what is asked for is one pixel of four, the same one everywhere."""
    images, masks = discs
    corner = np.zeros_like(masks[0])
    corner[1::2, ::2] = 1
    still = Geometry(flip=False, upside_down=False, chance=0)
    run = start_run(images, [corner] * len(images), geometry=still, patch=(48, 48))
    fit_head(run.net, run.pool, classes=2, precision="float32")
    with torch.no_grad():
        answer = run.net.eval()(torch.tensor(images[0])[None]).argmax(1)[0]
    np.testing.assert_array_equal(answer.numpy(), corner)


def test_nothing_but_the_head_moves_and_the_loss_falls(discs):
    run = start_run(*discs)
    before = {name: value.clone() for name, value in run.net.state_dict().items()}
    batch = run.pool.draw(7)
    run.net.train()

    def loss():
        with torch.no_grad():
            return F.cross_entropy(run.net(batch.image), batch.target, ignore_index=255).item()

    prior = loss()
    run.net.load_state_dict(before)
    fit_head(run.net, run.pool, classes=2, precision="float32")
    moved = [name for name, value in run.net.state_dict().items() if not torch.equal(value, before[name])]
    assert moved == ["head.weight", "head.bias"]
    assert loss() < 0.9 * prior


def test_what_is_no_number_is_not_learnt_from(discs):
    run = start_run(*discs)
    before = run.net.head.weight.clone()
    with torch.no_grad():
        run.net.stem[0][0].weight.fill_(float("nan"))
    assert fit_head(run.net, run.pool, classes=2, precision="float32") == 0
    assert torch.equal(run.net.head.weight, before)


def test_nothing_is_learnt_from_void(discs):
    images, masks = discs
    run = start_run(images, masks)
    before = run.net.head.weight.clone()
    drawn = run.pool.draw(0)
    run.pool.draw = lambda step: replace(drawn, target=torch.full_like(drawn.target, 255))
    assert fit_head(run.net, run.pool, classes=2, precision="float32") == 0
    assert torch.equal(run.net.head.weight, before)


def test_skill_is_what_an_answer_is_better_than_one_class_everywhere():
    target = torch.tensor([[0, 0], [0, 1], [1, 2], [0, 255], [255, 0]])  # 5 of 8 are class 0
    right = F.one_hot(target.clamp_max(2), 3).transpose(1, 2).flatten(1).float()
    assert skill(right, target, 3) == 1
    assert skill(torch.tensor([1.0, 1, 0, 0, 0, 0]).expand(5, 6), target, 3) == 0
    one_wrong = right.clone()
    one_wrong[0] = one_wrong[1]
    assert skill(one_wrong, target, 3) == pytest.approx(1 - 1 / 3)
    assert skill(right, torch.zeros_like(target), 3) == 0


def test_features_that_tell_the_classes_are_told_from_those_that_do_not(discs):
    images, masks = discs
    run = start_run(images, masks, steps=30)
    for _ in range(30):
        run.take_step()
    chance = np.random.default_rng(0)
    guessed = start_run(images, [chance.integers(0, 2, mask.shape).astype(mask.dtype) for mask in masks])
    found = [fit_head(run.net, pool, classes=2, precision="float32") for pool in (run.pool, guessed.pool)]
    assert found[0] > loop.SKILLED > 0.1 > found[1]


def test_rare_classes_are_looked_at_oftener_and_void_never():
    target = torch.cat(
        [torch.full((90_000,), 0), torch.full((9_000,), 1), torch.full((1_000,), 2), torch.full((99,), 255)]
    )
    some = choose_some(target, 3, seed=0)
    assert len(some) == len(some.unique()) == MOST
    zero, one, two = (int((target[some] == number).sum()) for number in range(3))
    assert zero + one + two == MOST
    assert 2.8 < zero / one < 4  # the root of 10 is 3.2; a little more, since nothing is drawn twice
    assert 3 < one / two < 4.5
    assert torch.equal(some, choose_some(target, 3, seed=0))


def test_the_average_knows_what_was_fitted_and_missing_memory_ends_nothing(discs, monkeypatch):
    run = start_run(*discs, steps=1)
    run.transfer = plan_transfer(run.net, run.net, where="old", classes=("ab", "cd"), channels=(1, 1))
    before = run.net.head.weight.clone()
    run.begin_from_start()
    assert not torch.equal(run.net.head.weight, before)
    assert torch.equal(run.average.net.head.weight, run.net.head.weight)

    def no_memory(*_, **__):
        raise MemoryError

    monkeypatch.setattr(loop, "fit_head", no_memory)
    fitted = loop.fit(run)
    assert fitted.steps == 1
    assert any("out of memory in looking at what the start knows" in message for message in fitted.messages)


def test_a_net_without_features_is_left_alone(discs):
    run = start_run(*discs, net="unet")
    before = {name: value.clone() for name, value in run.net.state_dict().items()}
    fit_head(run.net, run.pool, classes=2, precision="float32")
    assert all(torch.equal(value, before[name]) for name, value in run.net.state_dict().items())
