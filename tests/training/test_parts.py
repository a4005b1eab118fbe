"""Clock, average, guard, optimisers, learning rate, pool focus: each by its law."""

import time

import numpy as np
import pytest
import torch
from torch import nn

from handful.augment import Colour, Geometry
from handful.errors import SettingsError
from handful.limits import check_patch, check_settings
from handful.settings import TrainSettings
from handful.training.average import WeightAverage
from handful.training.clock import Clock
from handful.training.guard import Guard
from handful.training.loop import is_out_of_memory, learning_rate_factor, make_optimiser
from handful.training.muon import orthogonal
from handful.training.pool import Pool
from handful.training.store import Ready

# ---- clock


def test_fixed_steps_are_all_that_counts():
    clock = Clock(seconds=0.001, started=time.monotonic() - 100, steps=8)
    assert [clock.done(step) for step in (0, 2, 8, 20)] == [0, 0.25, 1, 1]
    clock.start_training(already=0.5, step=4)
    clock._training_from -= 10  # as if two steps had taken ten seconds
    assert clock.left(6) == pytest.approx(10, abs=0.1)
    assert clock.left(9) == 0


@pytest.mark.parametrize("already", [0.0, 0.3, 0.99])
def test_the_share_done_grows_from_what_was_done_to_one(already):
    clock = Clock(seconds=100, started=time.monotonic() - 20, reserved=10)
    clock.start_training(already)
    assert clock.done(0) == pytest.approx(already, abs=1e-3)
    assert clock.left(0) == pytest.approx(70, abs=0.1)
    clock.started -= 35  # half of the time left goes by
    assert clock.done(0) == pytest.approx((1 + already) / 2, abs=1e-3)
    clock.started -= 35
    assert clock.done(0) == pytest.approx(1, abs=1e-3)
    clock.started -= 100
    assert clock.done(0) == 1
    assert clock.left(0) == 0


def test_no_time_left_is_done():
    clock = Clock(seconds=5, started=time.monotonic() - 6)
    clock.start_training()
    assert clock.done(0) == 1


# ---- average


@pytest.mark.parametrize("share", [0.0, 0.1, 1.0])
def test_the_average_is_the_running_mean_it_states(share):
    net = nn.Linear(2, 1)
    average = WeightAverage(net, share=share)
    values, expected = np.random.default_rng(0).normal(size=20), 0.0
    for step, value in enumerate(values):
        nn.init.constant_(net.weight, value)
        average.update(step)
        expected += (value - expected) / (1 + share * step)
    assert float(average.net.weight.detach()[0, 0]) == pytest.approx(expected, abs=1e-6)
    if share == 1:
        assert expected == pytest.approx(values.mean())
    average.start_anew(20)
    nn.init.constant_(net.weight, 7.0)
    average.update(20)
    assert float(average.net.weight.detach()[0, 0]) == 7


def test_the_average_takes_running_statistics_along_and_sees_what_is_no_number():
    net = nn.BatchNorm2d(2)
    average = WeightAverage(net, share=0.1)
    net(torch.randn(4, 2, 3, 3) + 5)
    average.update(0)
    assert torch.equal(average.net.running_mean, net.running_mean)
    assert average.is_finite()
    net.running_mean.fill_(float("nan"))
    average.update(1)
    assert not average.is_finite()


# ---- guard


def answers(classes, numbers):
    """Logits (1, classes, 1, N) of these answers, some surer than others."""
    sure = torch.linspace(1, 2, len(numbers))
    return (nn.functional.one_hot(torch.tensor(numbers), classes).T * sure)[None, :, None]


def test_the_guard_names_what_is_no_number():
    guard = Guard(2)
    logits, target = torch.zeros(1, 2, 4, 4), torch.zeros(1, 4, 4, dtype=torch.int64)
    assert guard.look(float("nan"), logits, target) == "not finite"
    assert guard.look(float("inf"), logits, target) == "not finite"
    assert guard.look(0.5, logits, target) == ""


@pytest.mark.parametrize("height", [1.0, 50.0])  # a loss that begins at 1 and one that begins at 50
def test_the_guard_sees_divergence_and_not_noise(height):
    logits, target = torch.zeros(1, 2, 4, 4), torch.zeros(1, 4, 4, dtype=torch.int64)
    rng = np.random.default_rng(0)
    guard = Guard(2)
    falling = [guard.look(height * 0.97**n * rng.uniform(0.5, 1.5), logits, target) for n in range(100)]
    assert set(falling) == {""}
    shot_up = [guard.look(height * 4, logits, target) for _ in range(10)]
    assert "diverged" in shot_up


def test_the_guard_sees_a_constant_answer_after_a_window():
    target = torch.tensor([[[0] * 90 + [1] * 10]])
    guard = Guard(2)
    assert [guard.look(1.0, answers(2, [0] * 100), target) for _ in range(20)] == [""] * 19 + ["constant"]
    guard = Guard(2)
    flat = torch.tensor([1.0, 0.0]).view(1, 2, 1, 1).expand(1, 2, 1, 100)
    assert [guard.look(1.0, flat, target) for _ in range(20)][-1] == "dead"
    guard = Guard(2)
    assert {guard.look(1.0, answers(2, [0] * 99 + [1]), target) for _ in range(40)} == {""}


def test_a_class_that_is_not_there_need_not_be_answered():
    guard = Guard(3)
    target = torch.tensor([[[0] * 90 + [255] * 10]])
    assert {guard.look(1.0, answers(3, [0] * 100), target) for _ in range(40)} == {""}


def test_the_guard_goes_on_from_its_state():
    target = torch.tensor([[[0] * 90 + [1] * 10]])
    guard, fresh = Guard(2), Guard(2)
    for n in range(13):
        guard.look(1.0 / (n + 1), answers(2, [0] * 100), target)
    fresh.restore(guard.state())
    said = [[one.look(0.1, answers(2, [0] * 100), target) for _ in range(7)] for one in (guard, fresh)]
    assert said[0] == said[1]
    assert said[0][-1] == "constant"
    assert fresh.running_loss == guard.running_loss


# ---- optimisers


@pytest.mark.parametrize("shape", [(8, 8), (4, 36), (40, 6), (1, 9)])
def test_orthogonal_is_nearly_the_u_v_of_the_svd(shape):
    torch.manual_seed(0)
    matrix = torch.randn(shape)
    u, _, v = torch.linalg.svd(matrix, full_matrices=False)
    inner = u.T @ orthogonal(matrix) @ v.T  # diagonal in the basis of the singular vectors, every value near 1
    assert float((inner - inner.diag().diag()).abs().max()) < 0.06
    assert float(inner.diag().min()) > 0.6
    assert float(inner.diag().max()) < 1.3
    assert orthogonal(torch.zeros(3, 4)).abs().max() == 0


@pytest.mark.parametrize("shape", [(16, 144), (32, 64), (40, 6), (1, 9)])
def test_orthogonal_is_the_plain_iteration(shape):
    """Its twin, step by step on the whole matrix, and in float64: directions a million times weaker are not lost."""
    torch.manual_seed(0)
    u, _, v = torch.linalg.svd(torch.randn(shape, dtype=torch.float64), full_matrices=False)
    matrix = u @ torch.logspace(0, -6, min(shape), dtype=torch.float64).diag() @ v
    x = matrix / matrix.norm()
    for _ in range(5):
        gram = x @ x.T
        x = 3.4445 * x + (-4.7750 * gram + 2.0315 * gram @ gram) @ x
    assert orthogonal(matrix.float()).numpy() == pytest.approx(x.numpy(), abs=2e-3)


def test_what_is_no_kernel_takes_the_steps_of_adamw():
    torch.manual_seed(0)
    ours, theirs = Kernel(), Kernel()
    theirs.load_state_dict(ours.state_dict())
    muon = make_optimiser(ours, TrainSettings(learning_rate=0.02, weight_decay=0.1))
    others = [theirs.body.bias, *theirs.head.parameters()]
    adamw = torch.optim.AdamW(others, lr=0.01, betas=(0.9, 0.99), weight_decay=0.0)
    for _ in range(5):
        for mine, their in zip(ours.parameters(), theirs.parameters(), strict=True):
            mine.grad = torch.randn_like(mine)
            their.grad = mine.grad.clone()
        muon.step()
        adamw.step()
    for mine, their in zip((ours.body.bias, *ours.head.parameters()), others, strict=True):
        assert torch.allclose(mine, their, atol=1e-6)


class Kernel(nn.Module):
    """A convolution, a norm's worth of vector and a head: every kind of parameter that Muon tells apart."""

    def __init__(self):
        super().__init__()
        self.body = nn.Conv2d(3, 4, 3)
        self.head = nn.Conv2d(4, 2, 1)


@pytest.mark.parametrize("optimiser", ["muon", "adamw"])
def test_steps_go_down_a_quadratic_in_every_parameter(optimiser):
    torch.manual_seed(0)
    net = Kernel()
    goal = [torch.randn_like(p) for p in net.parameters()]
    steps = make_optimiser(net, TrainSettings(optimiser=optimiser, learning_rate=0.02, weight_decay=0.0))

    def distances():
        return [float(((p - g) ** 2).mean().detach()) for p, g in zip(net.parameters(), goal, strict=True)]

    before = distances()
    for _ in range(100):
        steps.zero_grad()
        sum(((p - g) ** 2).sum() for p, g in zip(net.parameters(), goal, strict=True)).backward()
        steps.step()
    assert [after < before for before, after in zip(before, distances(), strict=True)] == [True] * len(goal)


def test_the_learning_rate_rises_and_then_falls_to_the_end():
    factors = [learning_rate_factor(done, 0.05) for done in np.linspace(0, 1, 101)]
    top = int(np.argmax(factors))
    assert 3 <= top <= 6
    assert factors[top] > 0.98
    assert factors[:top] == sorted(factors[:top])
    assert factors[top:] == sorted(factors[top:], reverse=True)
    assert 0 < factors[0] < 0.05
    assert 0 < factors[-1] <= 1e-3
    assert learning_rate_factor(0.0, 0.0) == 1


# ---- pool


def pool_of(masks, focus, **changed):
    images = [np.zeros((1, *mask.shape), np.float32) for mask in masks]
    still = Geometry(flip=False, upside_down=False, chance=0)
    values = {"patch": (16, 16), "batch": 16, "geometry": still, "colour": Colour(), "seed": 0}
    store = Ready(images, masks, device=torch.device("cpu"))
    return Pool(store, **{**values, **changed}, focus=focus, device=torch.device("cpu"))


def test_a_plain_pool_draws_the_images_as_they_are():
    mask = np.random.default_rng(0).integers(0, 9, (40, 40)).astype(np.uint8)
    changed = Pool(
        Ready([mask[None].astype(np.float32)], [mask], device=torch.device("cpu")),
        patch=(16, 16),
        batch=8,
        geometry=Geometry(chance=1),
        colour=Colour(),
        seed=0,
        focus=0.5,
        device=torch.device("cpu"),
    )
    plain = changed.plain().draw(3)
    torch.testing.assert_close(plain.image[:, 0], plain.target.float(), atol=1e-4, rtol=0)
    windows = np.lib.stride_tricks.sliding_window_view(mask, (16, 16))
    assert all((windows == target.numpy()).all((2, 3)).any() for target in plain.target)
    warped = changed.draw(3)
    assert float((warped.image[:, 0] - warped.target).abs().max()) > 1


def test_focus_draws_what_is_rare():
    mask = np.zeros((200, 200), np.uint8)
    mask[150:153, 20:23] = 1  # 0.02 % of the pixels
    blank = np.zeros((200, 200), np.uint8)

    def share(focus):
        pool = pool_of([mask, blank, blank], focus)
        return float(np.mean([bool((one == 1).any()) for step in range(8) for one in pool.draw(step).target]))

    assert share(0.0) < 0.1
    assert 0.35 < share(1.0) < 0.65  # the classes are drawn evenly: half of the samples hold the rare one


def test_void_is_no_class_to_focus_on_and_nothing_but_void_can_be_drawn():
    void = np.full((20, 20), 255, np.uint8)
    assert pool_of([void], 1.0).store.holders == {}
    assert (pool_of([void], 1.0).draw(0).target == 255).all()
    half = void.copy()
    half[:10] = 1
    assert pool_of([half], 0.5).class_shares(3) == [0.0, 1.0, 0.0]


def test_big_images_are_drawn_by_the_square_root_of_their_area():
    pool = pool_of([np.zeros((20, 20), np.uint8), np.zeros((60, 60), np.uint8)], 0.0)
    assert pool.odds().tolist() == [0.25, 0.75]


def test_images_that_cost_more_are_drawn_more_often():
    masks = [np.zeros((20, 20), np.uint8), np.ones((20, 20), np.uint8)]
    pool = pool_of(masks, 0.0, hardness=1.0)
    assert pool.odds().tolist() == [0.5, 0.5]
    for step in range(30):  # a net that answers class 0 everywhere is right on the first image and wrong on the second
        batch = pool.draw(step)
        assert [int(one.max()) for one in batch.target] == list(batch.sources)
        pool.remember(batch, torch.tensor([4.0, 0.0]).view(1, 2, 1, 1).expand(16, 2, 16, 16))
    easy, hard = pool.odds()
    assert hard == pytest.approx(4.02 / (4.02 + 0.02), abs=0.01)  # by their cross-entropies
    assert easy > 0  # what is learnt by heart is still drawn now and then
    indifferent = pool_of(masks, 0.0)
    indifferent.remember(indifferent.draw(0), torch.zeros(16, 2, 16, 16))
    assert indifferent.odds().tolist() == [0.5, 0.5]


# ---- settings


def test_settings_are_replaced_by_name():
    settings = TrainSettings().with_values({"patch": 64, "geometry.zoom": 2, "batch": 4, "net_settings": {"width": 8}})
    assert settings.patch == (64, 64)
    assert settings.geometry.zoom == 2.0
    assert settings.net_settings == {"width": 8}
    assert settings.with_values({"net_settings.depth": 3}).net_settings == {"width": 8, "depth": 3}
    assert settings.with_values({"colour": {"noise": 0.0}}).colour == Colour(noise=0.0)
    assert settings.with_values({}) == settings


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"learnin_rate": 0.1}, "Did you mean learning_rate"),
        ({"geometry.zom": 2.0}, "Did you mean zoom"),
        ({"geometry": {"zom": 2.0}}, "Did you mean zoom"),
        ({"batch": "eight"}, "expected int"),
        ({"batch": 2.5}, "expected int"),
        ({"batch": True}, "expected int"),
        ({"learning_rate": "fast"}, "expected float"),
        ({"geometry.flip": 1}, "expected bool"),
        ({"patch": (1, 2, 3)}, "expected tuple"),
        ({"batch.size": 3}, "batch has no parts"),
    ],
)
def test_a_setting_that_does_not_exist_or_fit_is_refused(values, said):
    with pytest.raises(SettingsError, match=said):
        TrainSettings().with_values(values)


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"batch": 0}, "batch = 0"),
        ({"patch": 0}, "patch = 0x0"),
        ({"learning_rate": -0.1}, "learning_rate = -0.1"),
        ({"learning_rate": float("nan")}, "learning_rate = nan"),
        ({"optimiser": "adam"}, "Did you mean adamw"),
        ({"precision": "float16"}, "float32 and bfloat16"),
        ({"focus": 1.5}, "focus"),
        ({"seed": -1}, "seed"),
        ({"geometry.elastic_scale": 0.0}, "elastic_scale"),
        ({"geometry.zoom": 0.5}, "zoom"),
        ({"colour.blur": 2.0}, "blur"),
    ],
)
def test_senseless_settings_are_refused(values, said):
    check_settings(TrainSettings())
    with pytest.raises(SettingsError, match=said):
        check_settings(TrainSettings().with_values(values))


def test_a_patch_fits_the_net():
    check_patch((32, 48), 1, 16)
    with pytest.raises(SettingsError, match="48x32 would do"):
        check_patch((50, 30), 8, 16)
    with pytest.raises(SettingsError, match="16x16 would do"):
        check_patch((4, 4), 8, 16)
    with pytest.raises(SettingsError, match="one single value"):
        check_patch((16, 16), 1, 16)


def test_out_of_memory_is_known_on_every_device():
    assert is_out_of_memory(torch.OutOfMemoryError("CUDA out of memory"))
    assert is_out_of_memory(MemoryError())
    assert not is_out_of_memory(RuntimeError("shapes differ"))
    with pytest.raises(RuntimeError) as caught:
        torch.empty(2**50)
    assert is_out_of_memory(caught.value)
