"""Starting from a trained model: which bytes are taken over, what is frozen, and that resuming stays exact."""

import numpy as np
import pytest
import torch

from conftest import draw_discs, start_run
from handful.errors import SettingsError
from handful.models import NETS, build_net
from handful.training import loop
from handful.training.loop import Run, fit
from handful.training.transfer import Freezer, fit_channels, plan_transfer, slow_down

SMALL = {
    "quick": {"width": 8, "depth": 3},
    "unet": {"width": 4, "depth": 2},
    "fcn": {"width": 4},
    "tiramisu56": {"width": 2},
}
CATS, DOGS = ("background", "cat"), ("background", "dog")


def make(name="quick", channels=1, classes=2, seed=0, **settings):
    """A net whose every tensor, running statistics too, has values of its own."""
    torch.manual_seed(seed)
    net = build_net(name, in_channels=channels, classes=classes, **{**SMALL.get(name, {}), **settings})
    for t in net.state_dict().values():
        if t.is_floating_point():
            t.add_(0.05 * torch.rand_like(t))
    return net


def take(net, source, classes=(CATS, CATS), channels=(1, 1)):
    taken = plan_transfer(net, source, where="old", classes=classes, channels=channels)
    taken.copy_to(net)
    return taken


def same_bytes(one, other, names):
    ours, theirs = one.state_dict(), other.state_dict()
    return all(ours[name].numpy().tobytes() == theirs[name].numpy().tobytes() for name in names)


@pytest.mark.parametrize("name", SMALL)
def test_the_same_net_for_the_same_task_is_taken_over_whole(name):
    source, net = make(name), make(name, seed=1)
    taken = take(net, source)
    assert taken.fresh == ()
    assert same_bytes(net, source, net.state_dict())


@pytest.mark.parametrize("name", SMALL)
@pytest.mark.parametrize(("classes", "number"), [(DOGS, 2), (("background", "cat", "dog"), 3)])
def test_other_classes_leave_the_head_fresh(name, classes, number):
    source, net = make(name), make(name, classes=number, seed=1)
    before = {key: t.clone() for key, t in net.state_dict().items()}
    taken = take(net, source, classes=(CATS, classes))
    assert set(taken.fresh) == {"head.weight", "head.bias"}
    assert all(torch.equal(net.state_dict()[key], before[key]) for key in taken.fresh)
    assert same_bytes(net, source, [key for key in before if key not in taken.fresh])
    assert any("running_mean" in key for key in taken.tensors) == (name != "fcn")
    assert "head.weight" in taken.words()
    assert ", ".join(classes) in taken.words()


@pytest.mark.parametrize("name", SMALL)
def test_a_grey_picture_means_the_same_to_a_net_for_colours_and_back(name):
    grey, colour = make(name), make(name, channels=3, seed=1)
    image = torch.randn(1, 1, 32, 32)
    taken = take(colour, grey, channels=(1, 3))
    assert len(taken.adapted) == 1
    assert taken.fresh == ()
    expected = grey.eval()(image).detach()
    tolerance = {"rtol": 1e-4, "atol": 1e-4 * float(expected.abs().max())}
    torch.testing.assert_close(colour.eval()(image.expand(-1, 3, -1, -1)), expected, **tolerance)
    again = make(name, seed=2)
    take(again, colour, channels=(3, 1))
    torch.testing.assert_close(again.eval()(image), expected, **tolerance)


def test_a_fourth_channel_changes_nothing_at_first_and_can_be_dropped():
    kernel = torch.randn(5, 3 * 4, 3, 3)
    four = fit_channels(kernel, 3, 4)
    assert torch.equal(four[:, :12], kernel)
    assert not four[:, 12:].any()
    assert torch.equal(fit_channels(four, 4, 3), kernel)


def test_a_deeper_net_takes_what_it_has_in_common():
    source, net = make(depth=3), make(depth=4, seed=1)
    taken = take(net, source)
    assert any(name.startswith("down.2") for name in taken.fresh)
    assert same_bytes(net, source, [name for name in taken.tensors if name.startswith(("stem", "down"))])


@pytest.mark.parametrize("name", sorted(NETS.keys() - {"forest"}))  # which is refused by its name
def test_a_net_with_nothing_in_common_is_refused(name):
    with pytest.raises(SettingsError, match="net_settings"):
        take(make(name, width=2), make(name, width=3))


@pytest.mark.parametrize("name", SMALL)
def test_freezing_stops_the_running_statistics_and_survives_train(name):
    source, net = make(name), make(name, seed=1)
    freezer = Freezer(net, take(net, source, classes=(CATS, DOGS)))
    before = {key: t.clone() for key, t in net.state_dict().items()}
    optimiser = torch.optim.SGD(net.parameters(), lr=0.1)
    encoder = [key for key in before if key.startswith(("stem", "down", "pool", "bottleneck"))]

    def step(frozen):
        net.train()
        freezer.hold(frozen)
        optimiser.zero_grad()
        net(torch.randn(2, 1, 64, 64)).square().mean().backward()
        optimiser.step()

    step(True)
    assert all(torch.equal(net.state_dict()[key], before[key]) for key in encoder)
    assert not torch.equal(net.state_dict()["head.weight"], before["head.weight"])
    step(False)
    moving = [key for key in encoder if before[key].is_floating_point()]
    still = [key for key in moving if torch.equal(net.state_dict()[key], before[key])]
    assert len(still) < 0.2 * len(moving)


def run_from(source, images, masks, *, steps=10, **settings):
    """A run of ten steps that starts from `source`, trained for another class name."""
    run = start_run(images, masks, steps=steps, **settings)
    taken = take(run.net, source, classes=(CATS, DOGS))
    return Run(run.net, run.pool, run.validation, run.settings, run.clock, taken)


def test_the_encoder_is_frozen_for_the_share_that_was_stated(discs):
    source = make()
    run = run_from(source, *discs, init_freeze=0.6)
    encoder = [key for key in source.state_dict() if key.startswith(("stem", "down"))]
    frozen = []
    for _ in range(10):
        run.take_step()
        frozen.append(same_bytes(run.net, source, encoder))
    assert frozen == [True] * 6 + [False] * 4


@pytest.mark.parametrize("optimiser", ["muon", "adamw"])
def test_what_was_taken_over_learns_at_its_own_rate(discs, optimiser):
    """With rate 0 and no decay nothing that was taken over moves, while the rest does."""
    source = make()
    run = run_from(source, *discs, init_rate=0.0, optimiser=optimiser)
    head = run.net.head.weight.detach().clone()
    for _ in range(3):
        run.take_step()
    assert same_bytes(run.net, source, [name for name, _ in run.net.named_parameters() if not name.startswith("head")])
    assert not torch.equal(run.net.head.weight, head)


@pytest.mark.parametrize("knows", ["", "features"])
def test_an_encoder_that_tells_the_classes_already_learns_at_a_rate_of_its_own(discs, knows):
    source = make()
    run = run_from(source, *discs, init_encoder_rate=0.0, weight_decay=0.0)
    run.knows = knows
    for _ in range(3):
        run.take_step()
    trained = [name for name, _ in run.net.named_parameters()]
    encoder = [name for name in trained if name.startswith(("stem", "down"))]
    assert same_bytes(run.net, source, encoder) == (knows == "features")
    assert not same_bytes(run.net, source, [name for name in trained if name.startswith("up")])


@pytest.mark.parametrize("steps", [10, 40])
@pytest.mark.parametrize(("knows", "far"), [("answers", 2), ("features", 3)])
def test_what_tells_the_classes_already_goes_as_far_in_few_steps_as_in_many(discs, knows, far, steps):
    """So many steps' worth at the full rate (but the first, before which nobody knows how many there will be)."""

    def rates(knows):
        run = run_from(make(), *discs, steps=steps, init_known_steps=2.0, init_feature_steps=3.0)
        run.knows = knows
        return np.array([(run.take_step(), run.optimiser.param_groups[0]["lr"])[1] for _ in range(steps)])

    known, others = rates(knows), rates("")
    np.testing.assert_allclose(known[1:], others[1:] * far / steps)
    assert known[0] == 0


def test_what_a_model_knows_is_told_by_its_own_answers(discs):
    """Trained on discs it answers; with the last layer turned round it does not, and a new one is fitted."""
    source = fit(start_run(*discs, steps=60)).net
    found = []
    for sign in (1, -1):
        run = start_run(*discs, steps=1)
        taken = take(run.net, source, classes=(CATS, CATS))
        for name in ("head.weight", "head.bias"):
            taken.tensors[name] = sign * taken.tensors[name]
        taken.copy_to(run.net)
        run = Run(run.net, run.pool, run.validation, run.settings, run.clock, taken)
        run.begin_from_start()
        found.append((run.knows, torch.equal(run.net.head.weight, taken.tensors["head.weight"])))
    assert found == [("answers", True), ("features", False)]


def test_every_parameter_keeps_a_group_and_its_share_of_the_rate():
    net = make(seed=1)
    taken = take(net, make(), classes=(CATS, DOGS))
    optimiser = loop.make_optimiser(net, start_run(*draw_discs(2)).settings)
    rates = {id(p): group["lr"] for group in optimiser.param_groups for p in group["params"]}
    slow_down(optimiser, net, taken, 0.25)
    slowed = {id(p): (group["lr"], group["encoder"]) for group in optimiser.param_groups for p in group["params"]}
    assert slowed == {
        id(p): (rates[id(p)] * (0.25 if name in taken.tensors else 1), name.startswith(("stem", "down")))
        for name, p in net.named_parameters()
    }


def test_a_start_anew_goes_back_to_what_was_taken_over(discs):
    source = make()
    run = run_from(source, *discs)
    for _ in range(3):
        run.take_step()
    run._start_anew()
    assert same_bytes(run.net, source, run.transfer.tensors)


class KilledError(Exception):
    pass


@pytest.mark.parametrize("kill", [3, 7])
def test_resuming_is_exact_before_and_after_the_thaw(discs, tmp_path, monkeypatch, kill):
    monkeypatch.setattr(loop, "CHECKPOINT_EVERY", -1.0)
    source, path = make(), tmp_path / "state.safetensors"

    def stop(progress):
        if progress.step == kill:
            raise KilledError

    def start():
        return run_from(source, *discs, init_freeze=0.5, init_rate=0.3, init_encoder_rate=0.5)

    with pytest.raises(KilledError):
        fit(start(), checkpoint=path, on_progress=stop)
    run = start()
    resumed, straight = fit(run, checkpoint=path, resume=True).net, fit(start()).net
    assert run.knows == "features"
    assert same_bytes(resumed, straight, straight.state_dict())
