"""The rehearsal tells what is worth learning further from what is not, in the time it is given, and moves nothing."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch

from conftest import draw_discs, start_run
from handful.training import loop
from handful.training.loop import Run
from handful.training.rehearsal import CLEAR, Rehearsal, rehearse


def run_on(images, masks, *, steps=600, near=10.0, share=0.5, **changed):
    run = start_run(images, masks, steps=steps, init_feature_steps=near, init_rehearsal=share, **changed)
    run.knows = "features"
    return run


def test_what_is_true_of_other_images_gains():
    found = rehearse(run_on(*draw_discs(4), near=3.0))
    assert found.gains
    assert found.far < 0.5


@pytest.mark.parametrize("near", [3.0, 10.0])
def test_what_is_true_of_no_other_image_does_not(near):
    images, masks = draw_discs(4)
    rng = np.random.default_rng(0)
    assert not rehearse(run_on(images, [rng.integers(0, 2, mask.shape, np.uint8) for mask in masks], near=near)).gains


def test_a_gain_is_clear_or_none():
    assert Rehearsal(0.2, 0.2 * CLEAR - 1e-6).gains
    assert not Rehearsal(0.2, 0.2 * CLEAR + 1e-6).gains


@pytest.mark.parametrize(
    ("count", "steps", "share", "halves"),
    [(4, 160, 0.5, 2), (5, 159, 0.5, 1), (4, 79, 0.5, 0), (4, 400, 0.1, 1), (1, 600, 0.5, 0), (2, 600, 0.5, 2)],
)
def test_it_takes_no_more_than_its_share_and_learns_from_no_image_that_it_looks_at(
    monkeypatch, count, steps, share, halves
):
    """Of 10 and 30 steps each; every image is left out where both halves are trained on."""
    made, heard, trial = [], [], Run.trial
    monkeypatch.setattr(Run, "trial", lambda *given: made.append(trial(*given)) or made[-1])
    images, masks = draw_discs(count)
    run = run_on(images, masks, steps=steps, share=share)
    found = rehearse(run, heard.append)
    assert [one.step for one in made] == [10, 30] * halves
    assert len(heard) == 40 * halves
    np.testing.assert_allclose(heard, np.arange(1, 40 * halves + 1) / max(40 * halves, 1))
    assert (found is None) == (halves == 0)
    for one in made:
        learnt = [plane.numpy().tobytes() for plane in one.pool.store.images]
        looked = [image.tobytes() for image in one.validation.images]
        assert sorted(learnt + looked) == sorted(image.tobytes() for image in images)


def test_by_the_clock_it_is_left_out_where_there_is_no_time():
    images, masks = draw_discs(4)
    assert rehearse(run_on(images, masks, steps=None, seconds=0.05)) is None
    assert rehearse(run_on(images, masks, steps=None, seconds=600.0, near=2.0)) is not None


def test_images_that_are_not_kept_are_not_kept_for_it(discs):
    run = run_on(*discs)
    run.pool.store = SimpleNamespace(shapes=run.pool.store.shapes)
    assert rehearse(run) is None


def test_nothing_of_the_run_moves(discs):
    run = run_on(*discs)
    before = {name: value.clone() for name, value in run.net.state_dict().items()}
    costs, drawn = run.pool.costs.copy(), run.pool.draw(0)
    rehearse(run)
    assert all(torch.equal(value, before[name]) for name, value in run.net.state_dict().items())
    assert run.step == 0
    np.testing.assert_array_equal(run.pool.costs, costs)
    assert torch.equal(run.pool.draw(0).image, drawn.image)


def test_less_than_a_step_is_a_step(discs):
    assert rehearse(run_on(*discs, near=0.1)) is not None


def test_void_images_and_classes_that_are_missing_end_nothing():
    images, masks = draw_discs(2)
    assert rehearse(run_on(images, [masks[0], np.full_like(masks[1], 255)])) is None
    assert not rehearse(run_on(images, [masks[0], np.zeros_like(masks[1])])).gains


@pytest.mark.parametrize(("gains", "worth"), [(True, 0.0), (False, 10.0)])
def test_the_training_goes_as_far_as_it_says_and_says_so(discs, monkeypatch, gains, worth):
    monkeypatch.setattr(loop, "own_skill", lambda *_, **__: 0.0)
    monkeypatch.setattr(loop, "fit_head", lambda *_, **__: 1.0)
    found = Rehearsal(0.2, 0.1 if gains else 0.3)
    monkeypatch.setattr(loop, "rehearse", lambda run, hear: hear(0.5) or found)
    run = run_on(*discs, steps=3)
    run.transfer = loop.Transfer("old", (), {}, (), ())
    heard = []
    fitted = loop.fit(run, on_progress=heard.append)
    assert [(one.step, one.done) for one in heard if one.rehearsing] == [(0, 0.5)]
    assert run.steps_worth() == worth
    assert any("gained from more steps (Dice 0.800, then 0.900)" in message for message in fitted.messages) == gains
    again = run_on(*discs, steps=3)
    again.take_up(*run.state())
    assert again.rehearsal == found
