"""A run that was killed and resumed ends with the same bytes as one that was not."""

import json

import numpy as np
import pytest
import torch

from conftest import start_run
from handful.errors import ModelFileError
from handful.training import loop
from handful.training.checkpoint import load_checkpoint
from handful.training.loop import Run, fit


class KilledError(Exception):
    pass


def kill_after(step):
    def on_progress(progress):
        if progress.step == step:
            raise KilledError

    return on_progress


@pytest.fixture(autouse=True)
def checkpoint_each_step(monkeypatch):
    monkeypatch.setattr(loop, "CHECKPOINT_EVERY", -1.0)


def outcome(run, fitted):
    """All that a model file and a report are made of, but for the time that it took."""
    tensors = {name: t.numpy().tobytes() for name, t in fitted.net.state_dict().items()}
    history = [{name: value for name, value in row.items() if name != "seconds"} for row in fitted.history]
    return tensors, fitted.steps, fitted.score, fitted.constant, history, fitted.messages, run.running_loss


def killed_and_resumed(make, path, *kills):
    for number, step in enumerate(kills):
        with pytest.raises(KilledError):
            fit(make(), checkpoint=path, resume=number > 0, on_progress=kill_after(step))
    run = make()
    return outcome(run, fit(run, checkpoint=path, resume=True))


def unbroken(make):
    run = make()
    return outcome(run, fit(run))


@pytest.mark.parametrize(
    "settings",
    [{}, {"optimiser": "adamw", "learning_rate": 0.003, "focus": 0.8}, {"net": "unet"}, {"net": "fcn"}],
    ids=lambda settings: "-".join(map(str, settings.values())) or "default",
)
def test_resuming_gives_the_same_bytes(discs, tmp_path, settings):
    def make():
        return start_run(*discs, steps=12, **settings)

    assert killed_and_resumed(make, tmp_path / "state.safetensors", 3, 8) == unbroken(make)


def test_remedies_and_smaller_batches_are_resumed_too(discs, tmp_path, monkeypatch):
    """Every remedy at work before the kill: a loss that is no number, a constant answer, a restart, a smaller batch."""
    monkeypatch.setattr(loop, "PATIENCE", 0)

    def make():
        run = start_run(*discs, steps=16)
        run.guard.window = 3
        look, take = run.guard.look, run._take_step

        def troubled(loss, logits, target):
            said = look(loss, logits, target)
            return {3: "not finite", 5: "constant", 7: "constant", 13: "diverged"}.get(run.step, said)

        def crowded():
            if run.step == 6 and run.pool.batch == 4:
                raise torch.OutOfMemoryError
            return take()

        run.guard.look, run._take_step = troubled, crowded
        return run

    straight = unbroken(make)
    for words in ("no number", "rare classes", "started anew", "shot up", "batch of 2"):
        assert words in " ".join(straight[5])
    for kill in (4, 6, 7, 9):
        assert killed_and_resumed(make, tmp_path / f"{kill}.safetensors", kill) == straight


def test_resuming_when_all_is_done_gives_the_same_again(discs, tmp_path):
    def make():
        return start_run(*discs, steps=6)

    run = make()
    first = outcome(run, fit(run, checkpoint=tmp_path / "state.safetensors"))
    again = make()
    assert outcome(again, fit(again, checkpoint=tmp_path / "state.safetensors", resume=True)) == first


def test_a_net_that_draws_goes_on_drawing(discs, tmp_path):
    def make():
        run = start_run(*discs, steps=8, net="fcn")
        run.net.head = torch.nn.Sequential(torch.nn.Dropout(0.3), run.net.head)
        torch.manual_seed(0)
        return Run(run.net, run.pool, run.validation, run.settings, run.clock)

    assert killed_and_resumed(make, tmp_path / "state.safetensors", 3) == unbroken(make)


def test_the_clock_goes_on_where_it_was(discs, tmp_path):
    run = start_run(*discs, steps=8)
    for _ in range(4):
        run.take_step()
    run.save(tmp_path / "state.safetensors")
    later = start_run(*discs, steps=None)
    share = later.restore(tmp_path / "state.safetensors")
    assert share == 0.5
    later.clock.start_training(share, later.step)
    assert later.clock.done(later.step) == pytest.approx(0.5, abs=0.01)


def test_a_busy_moment_does_not_change_the_precision(discs, tmp_path):
    run = start_run(*discs)
    run.save(tmp_path / "state.safetensors")
    other = start_run(*discs, precision="bfloat16")
    other.restore(tmp_path / "state.safetensors")
    assert other.settings.precision == other.validation.precision == "float32"


# ---- what cannot be resumed


@pytest.fixture
def state(discs, tmp_path):
    run = start_run(*discs)
    run.take_step()
    run.save(tmp_path / "state.safetensors")
    return tmp_path / "state.safetensors"


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"net": "fcn"}, "its net is 'quick' where this run has 'fcn'"),
        ({"learning_rate": 0.5}, "its learning_rate is 0.1 where this run has 0.5"),
        ({"optimiser": "adamw"}, "its optimiser is 'muon'"),
        ({"seed": 3}, "its seed is 0"),
    ],
)
def test_a_checkpoint_of_other_settings_is_refused(discs, state, settings, said):
    run = start_run(*discs, **settings)
    with pytest.raises(ModelFileError, match=said) as caught:
        fit(run, checkpoint=state, resume=True)
    assert "\n" not in str(caught.value)
    assert run.step == 0


def test_a_checkpoint_of_other_classes_is_refused(discs, state):
    images, masks = discs
    masks = [mask.copy() for mask in masks]
    masks[0][0, 0] = 2
    with pytest.raises(ModelFileError, match="another net"):
        fit(start_run(images, masks), checkpoint=state, resume=True)


@pytest.mark.parametrize("bad", [float("nan"), float("inf"), -1.0])
def test_costs_of_images_that_are_no_costs_are_refused(discs, bad):
    run = start_run(*discs)
    run.take_step()
    parts, facts = run.state()
    with pytest.raises(ValueError, match="images cost"):
        start_run(*discs).take_up(parts, facts | {"costs": [bad] * len(facts["costs"])})


@pytest.mark.parametrize(
    ("fact", "value", "said"), [("step", -1, "fewer than none"), ("batch", 0, "batch"), ("batch", 2**31, "batch")]
)
def test_numbers_that_no_run_has_are_refused(discs, fact, value, said):
    run = start_run(*discs)
    run.take_step()
    parts, facts = run.state()
    with pytest.raises(ValueError, match=said):
        start_run(*discs).take_up(parts, facts | {fact: value})


@pytest.mark.parametrize("optimiser", ["muon", "adamw"])
@pytest.mark.parametrize("change", ["lacks", "renamed", "scalar"])
def test_a_state_that_is_not_the_optimisers_is_refused(discs, optimiser, change):
    """Found by fuzzing: it was taken up, and the next step missed what it needs."""
    run = start_run(*discs, optimiser=optimiser)
    run.take_step()
    parts, facts = run.state()
    start_run(*discs, optimiser=optimiser).take_up(parts, facts)
    kept = parts["optimiser"]
    last = max(key for key in kept if key.endswith(("square", "exp_avg_sq")))
    value = kept.pop(last)
    if change == "renamed":
        kept[f"{last}x"] = value
    elif change == "scalar":
        kept[last] = value.sum()
    with pytest.raises(ValueError, match="optimiser keeps"):
        start_run(*discs, optimiser=optimiser).take_up(parts, facts)


def test_damaged_checkpoints_are_refused(discs, state, tmp_path):
    whole = state.read_bytes()
    header = int.from_bytes(whole[:8], "little")
    facts = json.loads(json.loads(whole[8 : 8 + header])["__metadata__"]["facts"])
    bad = {
        "zeros": bytes(len(whole)),
        "short": whole[: len(whole) // 2],
        "empty": b"",
        "text": b"this is no checkpoint at all, but long enough for a header",
        "facts": whole.replace(b"running_loss", b"walking_loss"),
    }
    assert facts["step"] == 1
    for name, content in bad.items():
        path = tmp_path / f"{name}.safetensors"
        path.write_bytes(content)
        with pytest.raises(ModelFileError, match="training cannot go on from this file"):
            fit(start_run(*discs), checkpoint=path, resume=True)
    with pytest.raises(ModelFileError, match="training cannot go on from this file"):
        fit(start_run(*discs), checkpoint=tmp_path / "missing.safetensors", resume=True)


def test_a_checkpoint_that_cannot_be_written_is_said_once_and_training_goes_on(discs, tmp_path):
    fitted = fit(start_run(*discs, steps=5), checkpoint=tmp_path / "no folder" / "state.safetensors")
    assert fitted.steps == 5
    said = [message for message in fitted.messages if "checkpoint" in message]
    assert len(said) == 1
    assert "went on without" in said[0]


def test_a_full_disk_leaves_the_old_checkpoint_and_nothing_half_written(discs, state, monkeypatch):
    import safetensors.torch

    def full(tensors, path, metadata):
        path.write_bytes(b"half")
        raise OSError(28, "No space left on device")

    before = state.read_bytes()
    monkeypatch.setattr(safetensors.torch, "save_file", full)
    fitted = fit(start_run(*discs, steps=3), checkpoint=state)
    assert fitted.steps == 3
    assert "No space left on device" in fitted.messages[0]
    assert state.read_bytes() == before
    assert [path.name for path in state.parent.iterdir()] == [state.name]


def test_every_tensor_is_a_number(state):
    parts, facts = load_checkpoint(state)
    assert set(parts) == {"net", "average", "optimiser", "chance"}
    assert all(np.isfinite(t.float().numpy()).all() for part in parts.values() for t in part.values())
    assert facts["settings"]["net"] == "quick"
