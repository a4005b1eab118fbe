"""One battery for every loss of the registry: the contract, and an independent slow twin in plain numpy for each."""

from contextlib import nullcontext

import numpy as np
import pytest
import torch

from handful.errors import SettingsError
from handful.losses import LOSSES, build_loss, linex_exponent, linex_loss
from handful.training.deterministic import deterministic_kernels

VOID = 255


@pytest.fixture(params=LOSSES)
def name(request):
    return request.param


def draw(seed=0, classes=3, batch=2, height=5, width=7, void=0.2):
    """Logits, targets with some pixels left out, weights of at least 1."""
    rng = np.random.default_rng(seed)
    logits = torch.tensor(rng.normal(size=(batch, classes, height, width)) * 2, dtype=torch.float32)
    target = rng.integers(0, classes, (batch, height, width))
    target[rng.random(target.shape) < void] = VOID
    weight = 1 + rng.random(target.shape) * 3
    return logits, torch.tensor(target), torch.tensor(weight, dtype=torch.float32)


def certain(target, classes):
    """Logits that answer `target` beyond doubt."""
    answer = torch.where(target == VOID, 0, target)
    return 200.0 * torch.nn.functional.one_hot(answer, classes).permute(0, 3, 1, 2).float() - 100


# ---- the contract


def test_a_perfect_answer_costs_nothing(name):
    _, target, weight = draw()
    assert float(LOSSES[name](certain(target, 3), target)) == pytest.approx(0, abs=1e-6)
    if name != "weighted_dice":  # its weights are 1 inside objects by contract
        assert float(LOSSES[name](certain(target, 3), target, weight=weight)) == pytest.approx(0, abs=1e-6)


def test_a_wrong_answer_costs_something(name):
    _, target, _ = draw(void=0)
    assert float(LOSSES[name](certain((target + 1) % 3, 3), target)) > 0.3


@pytest.mark.parametrize("seed", range(5))
def test_no_answer_costs_less_than_nothing(name, seed):
    logits, target, weight = draw(seed)
    assert float(LOSSES[name](logits, target)) >= 0
    assert float(LOSSES[name](logits, target, weight=weight)) >= 0


@pytest.mark.parametrize("weighted", [False, True])
def test_ignored_pixels_have_exactly_no_gradient(name, weighted):
    logits, target, weight = draw()
    logits.requires_grad_()
    LOSSES[name](logits, target, weight=weight if weighted else None).backward()
    ignored = (target == VOID)[:, None].expand_as(logits)
    assert (logits.grad[ignored] == 0).all()
    assert (logits.grad[~ignored] != 0).float().mean() > 0.6


def test_what_is_said_at_ignored_pixels_does_not_matter(name):
    logits, target, weight = draw()
    other = torch.where((target == VOID)[:, None], torch.randn_like(logits) * 50, logits)
    assert torch.equal(LOSSES[name](logits, target, weight=weight), LOSSES[name](other, target, weight=weight))


@pytest.mark.parametrize("weighted", [False, True])
def test_a_batch_of_nothing_but_ignored_pixels_costs_nothing(name, weighted):
    logits, target, weight = draw()
    logits.requires_grad_()
    value = LOSSES[name](logits, torch.full_like(target, VOID), weight=weight if weighted else None)
    value.backward()
    assert float(value.detach()) == 0
    assert (logits.grad == 0).all()


def test_the_order_of_the_batch_does_not_matter(name):
    logits, target, weight = draw(batch=4)
    order = torch.tensor([2, 0, 3, 1])
    turned = LOSSES[name](logits[order], target[order], weight=weight[order])
    torch.testing.assert_close(turned, LOSSES[name](logits, target, weight=weight))


def test_weights_of_one_are_no_weights(name):
    logits, target, weight = draw()
    torch.testing.assert_close(
        LOSSES[name](logits, target, weight=torch.ones_like(weight)), LOSSES[name](logits, target)
    )


@pytest.mark.parametrize("weighted", [False, True])
def test_a_fixed_order_of_sums_changes_neither_loss_nor_gradient(name, weighted):
    """With --deterministic cross-entropy takes another way, as torch's own has no fixed order on a GPU."""
    found = []
    for fixed in (False, True):
        logits, target, weight = draw()
        logits.requires_grad_()
        with deterministic_kernels() if fixed else nullcontext():
            loss = LOSSES[name](logits, target, weight=weight if weighted else None)
            loss.backward()
        found.append((loss.detach(), logits.grad))
    torch.testing.assert_close(*found)


def test_another_number_can_be_ignored(name):
    logits, target, _ = draw()
    renamed = torch.where(target == VOID, 7, target)
    assert torch.equal(LOSSES[name](logits, renamed, ignore_index=7), LOSSES[name](logits, target))


def test_half_precision_in_a_float32_loss_out(name):
    logits, target, _ = draw()
    value = LOSSES[name](logits.bfloat16(), target)
    assert value.dtype == torch.float32
    assert float(value) == pytest.approx(float(LOSSES[name](logits, target)), rel=0.05)


# ---- a class that is absent from the target


@pytest.mark.parametrize("overlap", ["dice", "weighted_dice", "tversky"])
def test_an_absent_class_costs_an_overlap_nothing_until_it_is_predicted(overlap):
    target = torch.zeros((1, 8, 8), dtype=torch.int64)
    present = LOSSES[overlap](certain(target, 3), target)
    wrong = target.clone()
    wrong[0, :2] = 2
    assert float(present) == pytest.approx(0, abs=1e-6)
    assert float(LOSSES[overlap](certain(wrong, 3), target)) > 0.25


@pytest.mark.parametrize(("each", "cost"), [("mse", 1.0), ("linex", 1.0)])
def test_an_absent_class_costs_a_difference_where_it_is_predicted(each, cost):
    target = torch.zeros((1, 4, 4), dtype=torch.int64)
    wrong = target.clone()
    wrong[0, 0] = 1  # a quarter of the pixels
    assert float(LOSSES[each](certain(wrong, 2), target)) == pytest.approx(cost / 4, rel=1e-4)


@pytest.mark.parametrize("each", ["cross_entropy", "focal"])
def test_an_absent_class_costs_a_likelihood_what_it_takes_from_the_others(each):
    target = torch.zeros((1, 4, 4), dtype=torch.int64)
    two = torch.zeros((1, 2, 4, 4))
    three = torch.zeros((1, 3, 4, 4))
    three[:, 2] = -60  # a third class that is given nothing
    torch.testing.assert_close(LOSSES[each](three, target), LOSSES[each](two, target))


# ---- slow twins, a pixel at a time


def pixels(logits, target, weight):
    """(probabilities, true class, weight) of each pixel that counts."""
    logits, target, weight = logits.double().numpy(), target.numpy(), weight.double().numpy()
    for b, y, x in np.argwhere(target != VOID):
        e = np.exp(logits[b, :, y, x])
        yield e / e.sum(), int(target[b, y, x]), float(weight[b, y, x])


def mean_twin(cost):
    def twin(*arrays):
        total = heavy = 0.0
        for p, true, w in pixels(*arrays):
            total += w * cost(p, true)
            heavy += w
        return total / heavy

    return twin


def linex_twin(p, true):
    n = linex_exponent(100.0)

    def f(x):
        return np.exp(n * x) - n * x - 1

    return sum(f((1.0 if number == true else 0.0) - p[number]) for number in range(1, len(p))) / f(-1)


def sums(logits, target, weight, *, target_weighted=True):
    """Per class: sum of t p, of t, of p, each weighted."""
    table = np.zeros((3, logits.shape[1]))
    for p, true, w in pixels(logits, target, weight):
        table[2] += w * p
        table[1, true] += w if target_weighted else 1
        table[0, true] += (w if target_weighted else 1) * p[true]
    return table


def dice_twin(*arrays):
    both, t, p = sums(*arrays)
    return np.mean([1 - (2 * b + 1) / (x + y + 1) for b, x, y in zip(both, t, p, strict=True)])


def weighted_dice_twin(*arrays):
    both, t, p = sums(*arrays, target_weighted=False)
    return np.mean([1 - (2 * both[c] + 1) / (t[c] + p[c] + 1) for c in range(1, len(t))])


def tversky_twin(*arrays):
    tp, t, p = sums(*arrays)
    return np.mean([1 - (a + 1) / (a + 0.7 * (x - a) + 0.3 * (y - a) + 1) for a, x, y in zip(tp, t, p, strict=True)])


TWINS = {
    "cross_entropy": mean_twin(lambda p, true: -np.log(p[true])),
    "focal": mean_twin(lambda p, true: -((1 - p[true]) ** 2) * np.log(p[true])),
    "mse": mean_twin(lambda p, true: sum(((c == true) - p[c]) ** 2 for c in range(len(p))) / 2),
    "linex": mean_twin(linex_twin),
    "dice": dice_twin,
    "weighted_dice": weighted_dice_twin,
    "tversky": tversky_twin,
}


@pytest.mark.parametrize("weighted", [False, True])
def test_a_slow_twin_agrees(name, weighted):
    logits, target, weight = draw(3)
    expected = TWINS[name](logits, target, weight if weighted else torch.ones_like(weight))
    assert float(LOSSES[name](logits, target, weight=weight if weighted else None)) == pytest.approx(expected, rel=1e-4)


# ---- what single losses promise


def test_linex_has_the_exponent_of_its_cost_ratio():
    assert linex_exponent(10) == pytest.approx(3.32, abs=0.02)  # DESIGN.md rounds down: 3.32 has the ratio 9.91
    for ratio in (1.5, 10, 100, 1e4):
        n = linex_exponent(ratio)
        assert (np.exp(n) - n - 1) / (np.exp(-n) + n - 1) == pytest.approx(ratio, rel=1e-6)


@pytest.mark.parametrize("ratio", [1, 0, -3, float("nan"), float("inf")])
def test_linex_refuses_a_ratio_that_no_exponent_has(ratio):
    with pytest.raises(SettingsError, match="cost_ratio"):
        linex_exponent(ratio)


def test_linex_makes_a_missed_pixel_cost_the_ratio_of_a_false_one():
    ones, zeros = torch.ones((1, 4, 4), dtype=torch.int64), torch.zeros((1, 4, 4), dtype=torch.int64)
    missed = linex_loss(certain(zeros, 2), ones, cost_ratio=10)
    false = linex_loss(certain(ones, 2), zeros, cost_ratio=10)
    assert float(false) == pytest.approx(1, rel=1e-5)
    assert float(missed) == pytest.approx(10, rel=1e-5)


def test_focal_without_gamma_is_cross_entropy_and_below_one_has_a_gradient():
    logits, target, _ = draw()
    torch.testing.assert_close(LOSSES["focal"](logits, target, gamma=0.0), LOSSES["cross_entropy"](logits, target))
    sure = certain(target, 3).requires_grad_()
    LOSSES["focal"](sure, target, gamma=0.5).backward()
    assert sure.grad.isfinite().all()


def test_tversky_at_a_half_is_dice_with_half_the_smoothing():
    logits, target, _ = draw()
    torch.testing.assert_close(
        LOSSES["tversky"](logits, target, miss=0.5, smooth=1.0), LOSSES["dice"](logits, target, smooth=2.0)
    )


# ---- sums and names


def test_a_sum_is_the_sum_of_its_parts():
    logits, target, weight = draw()
    focal = LOSSES["focal"](logits, target, weight=weight, gamma=1.0)
    expected = 0.5 * focal + LOSSES["dice"](logits, target, weight=weight)
    torch.testing.assert_close(build_loss("0.5*focal + dice", gamma=1.0)(logits, target, weight=weight), expected)


def test_one_loss_with_settings_is_called_with_them():
    logits, target, _ = draw()
    assert float(build_loss("linex", cost_ratio=10)(logits, target)) == pytest.approx(
        float(linex_loss(logits, target, cost_ratio=10))
    )


@pytest.mark.parametrize(
    ("name", "settings", "said"),
    [
        ("dise", {}, "Did you mean dice"),
        ("dice+crossentropy", {}, "Did you mean cross_entropy"),
        ("dice+", {}, "no loss is called ''"),
        ("two*dice", {}, "'two' before dice"),
        ("-1*dice", {}, "no number above 0"),
        ("dice", {"gamma": 2.0}, "no setting gamma"),
        ("focal", {"gama": 2.0}, "Did you mean gamma"),
        ("dice", {"smooth": 0.0}, "smooth = 0"),
        ("tversky", {"miss": 1.5}, "expected a number from 0 to 1"),
        ("linex", {"cost_ratio": "high"}, "expected a number"),
        ("dice", {"weight": 1.0}, "no setting weight"),
    ],
)
def test_what_no_loss_can_be_is_refused(name, settings, said):
    with pytest.raises(SettingsError, match=said):
        build_loss(name, **settings)
