"""Runs that would go wrong, and what becomes of them."""

import numpy as np
import pytest
import torch

from conftest import draw_discs, start_run
from handful.augment import Geometry
from handful.errors import SettingsError
from handful.normalise import apply_normalisation
from handful.training.loop import fit


def poisoned_step(run, at, poison):
    """Before step number `at`, `poison(run)`."""
    take = run._take_step

    def step():
        if run.step == at:
            poison(run)
        return take()

    run._take_step = step


def test_a_run_learns_discs(discs):
    run = start_run(*discs, steps=60)
    fitted = fit(run)
    assert fitted.score > 0.8
    assert fitted.messages == []
    assert not fitted.constant
    assert [row["step"] for row in fitted.history] == list(range(6, 61, 6))


@pytest.mark.parametrize("net", ["quick", "unet"])
def test_three_in_a_thousand_pixels_do_not_end_in_a_constant_answer(net):
    images, masks = draw_discs(4, size=64, radius=2)
    assert np.mean(masks) < 0.0033
    fitted = fit(start_run(images, masks, steps=100, net=net))
    assert not fitted.constant
    assert fitted.score > 0.3


def test_a_net_that_answers_one_class_is_woken(discs):
    """A head so far off that a loss without classes to weigh would leave it there."""
    run = start_run(*discs, steps=120, loss="cross_entropy", focus=0.0)

    def dead(run):
        for p in run.net.parameters():
            p.data.zero_()
        run.net.head.bias.data[:4], run.net.head.bias.data[4:] = 5.0, -5.0

    poisoned_step(run, 0, dead)
    fitted = fit(run)
    assert "the net answered one class everywhere" in fitted.messages[0]
    assert "started anew" in fitted.messages[1]
    assert not fitted.constant
    assert fitted.score > 0.5


def test_a_constant_answer_that_nothing_helped_is_said(discs):
    run = start_run(*discs, steps=3)
    for p in run.net.parameters():
        p.data.zero_()
    run.optimiser.step = lambda: None
    fitted = fit(run)
    assert fitted.constant
    assert "one class everywhere" in fitted.messages[-1]


def test_an_earlier_net_that_was_not_constant_is_kept(discs):
    run = start_run(*discs, steps=60)
    run.validation = run.validation.__class__(**{**vars(run.validation), "held_out": False})

    def dead(run):
        for p in [*run.net.parameters(), *run.average.net.parameters()]:
            p.data.zero_()
        run.optimiser.step = lambda: None

    poisoned_step(run, 58, dead)
    fitted = fit(run)
    assert not fitted.constant
    assert fitted.score > 0.5


def test_a_nan_in_an_image_does_not_poison():
    images, masks = draw_discs(4)
    images[1][0, 5:9, 5:9] = np.nan
    images[2][0, 0, 0] = np.inf
    made = [
        apply_normalisation(image.transpose(1, 2, 0), {"kind": "image", "per_channel": False}).transpose(2, 0, 1)
        for image in images
    ]
    fitted = fit(start_run(made, masks, steps=50))
    assert fitted.messages == []
    assert fitted.score > 0.7
    assert all(t.isfinite().all() for t in fitted.net.state_dict().values())


def test_a_batch_of_nan_is_left_out_and_said(discs):
    run = start_run(*discs, steps=60)
    plane = run.pool.store.images[0].clone()
    poisoned_step(run, 10, lambda run: [p.fill_(float("nan")) for p in run.pool.store.images])
    poisoned_step(run, 11, lambda run: [p.copy_(plane) for p in run.pool.store.images])
    run.pool.store.masks = [run.pool.store.masks[0]] * 4
    fitted = fit(run)
    assert len(fitted.messages) == 1
    assert "step 11: the loss was no number; went back to the averaged weights" in fitted.messages[0]
    assert run.rate_factor == 0.5
    assert all(t.isfinite().all() for t in fitted.net.state_dict().values())
    assert fitted.steps == 60


def test_an_image_that_is_always_nan_does_not_stop_the_others(discs):
    run = start_run(*discs, steps=30, batch=2)
    run.pool.store.images[3].fill_(float("nan"))
    fitted = fit(run)
    assert all(t.isfinite().all() for t in fitted.net.state_dict().values())
    assert run.rate_factor == 1 / 64  # no further down, or nothing more would be learnt
    assert any("no number" in message for message in fitted.messages)


def test_a_gradient_that_is_no_number_is_not_followed(discs):
    run = start_run(*discs, steps=8)
    real = run.loss

    def steep(logits, target, **extra):
        # The value is fine, the slope at 0 is infinite.
        return real(logits, target, **extra) + ((logits * 0).abs().sum().sqrt() if run.step == 4 else 0)

    run.loss = steep
    fitted = fit(run)
    assert "step 5: the loss was no number" in fitted.messages[0]
    assert all(t.isfinite().all() for t in fitted.net.state_dict().values())


def test_weights_that_are_lost_are_made_anew(discs):
    run = start_run(*discs, steps=60)

    def lose(run):
        for net in (run.net, run.average.net):
            for p in net.parameters():
                p.data.fill_(float("nan"))

    poisoned_step(run, 5, lose)
    fitted = fit(run)
    assert "started anew" in fitted.messages[0]
    assert fitted.score > 0.5


def test_divergence_goes_back_to_the_average(discs):
    run = start_run(*discs, steps=60)

    def throw(run):
        for p in run.net.parameters():
            p.data.mul_(60)

    poisoned_step(run, 40, throw)
    fitted = fit(run)
    assert any("the loss shot up; went back" in message for message in fitted.messages)
    assert fitted.score > 0.7


def test_out_of_memory_halves_the_batch_and_goes_on(discs):
    run = start_run(*discs, steps=6)
    take = run._take_step
    seen = []

    def crowded():
        seen.append(run.pool.batch)
        if run.step == 2 and run.pool.batch > 1:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB")
        return take()

    run._take_step = crowded
    fitted = fit(run)
    assert seen == [4, 4, 4, 2, 1, 1, 1, 1]
    assert fitted.steps == 6
    assert fitted.messages[:2] == [
        "step 2: out of memory; went on with a batch of 2.",
        "step 2: out of memory; went on with a batch of 1.",
    ]


def test_out_of_memory_with_one_sample_is_an_error_that_says_what_to_do(discs):
    run = start_run(*discs, batch=1)

    def never():
        raise RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 9 bytes.")

    run._take_step = never
    with pytest.raises(SettingsError, match="give a smaller patch"):
        fit(run)


def test_other_errors_of_a_step_are_not_hidden(discs):
    run = start_run(*discs)

    def broken():
        raise RuntimeError("shapes differ")

    run._take_step = broken
    with pytest.raises(RuntimeError, match="shapes differ"):
        fit(run)


def test_out_of_memory_in_validation_is_said_and_the_last_weights_kept(discs):
    run = start_run(*discs, steps=10)

    class Crowded(type(run.validation)):
        def look(self, net):
            raise torch.OutOfMemoryError

    run.validation = Crowded(**vars(run.validation))
    fitted = fit(run)
    assert fitted.score is None
    assert [message for message in fitted.messages if "validation" in message] == fitted.messages[:1]
    assert fitted.net is run.average.net


def test_ctrl_c_keeps_a_valid_model(discs):
    def stop(progress):
        if progress.step == 7:
            raise KeyboardInterrupt

    run = start_run(*discs, steps=None, seconds=60)
    fitted = fit(run, on_progress=stop)
    assert fitted.interrupted
    assert fitted.steps == 7
    assert fitted.score is not None
    assert "step 7: stopped by hand" in fitted.messages[0]


def test_the_clock_is_kept(discs):
    import time

    run = start_run(*discs, steps=None, seconds=1.0)
    began = time.monotonic()
    fitted = fit(run)
    assert time.monotonic() - began < 1.5
    assert fitted.steps > 3
    assert len(fitted.history) >= 2


def test_the_best_of_the_validated_nets_is_kept(discs):
    run = start_run(*discs, steps=30)
    scores = iter([0.1, 0.9, 0.3, 0.2, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1])

    class Told(type(run.validation)):
        def look(self, net):
            return next(scores), False

    run.validation = Told(**vars(run.validation))
    fitted = fit(run)
    assert fitted.score == 0.9
    assert fitted.net is run.best


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"batch": 0}, "batch = 0"),
        ({"patch": (20, 32)}, "multiples of 8"),
        ({"learning_rate": -1.0}, "learning_rate"),
        ({"optimiser": "sgd"}, "muon and adamw"),
        ({"precision": "half"}, "float32 and bfloat16"),
        ({"loss": "dise"}, "Did you mean dice"),
        ({"loss": "linex", "loss_settings": {"cost_ratio": 0}}, "cost_ratio"),
        ({"geometry": Geometry(chance=2.0)}, "chance"),
    ],
)
def test_senseless_settings_are_refused_before_any_training(discs, settings, said):
    with pytest.raises(SettingsError, match=said):
        start_run(*discs, **settings)
