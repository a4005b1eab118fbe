"""Two processes with half the batch each give the model of one process with all of it."""

import os
import socket
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from conftest import draw_discs, start_run
from discs import write_discs
from handful.cli import main
from handful.errors import SettingsError
from handful.models import build_net
from handful.training import processes
from handful.training.loop import Run, fit
from handful.training.processes import ALONE, Crew, current_crew, join_crew, read_environment
from handful.training.transfer import plan_transfer

HELPER = "from handful.cli import main; raise SystemExit(main(['train']))"
GOOD = {"RANK": "0", "WORLD_SIZE": "2", "LOCAL_RANK": "0", "LOCAL_WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1"}


def free_port():
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return str(one.getsockname()[1])


@pytest.fixture(scope="module")
def crew():
    """This process leads, and one of its own kind helps; both as torchrun would have started them."""
    if (os.cpu_count() or 1) < 2:
        pytest.skip("two processes need two cores")
    threads, port = torch.get_num_threads(), free_port()
    environment = {**os.environ, **GOOD, "MASTER_PORT": port, "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-W", "error", "-c", HELPER]
    with subprocess.Popen(command, env=environment | {"RANK": "1", "LOCAL_RANK": "1"}) as helper:
        joined = join_crew(environment)
        yield joined
        joined.dismiss()
        assert helper.wait(60) == 0
    processes._crew = ALONE
    torch.set_num_threads(threads)


def trained(crew, discs=None, *, transfer=None, steps=1, **settings):
    run = start_run(*(discs or draw_discs(4)), steps=steps, **settings)
    run = Run(run.net, run.pool, run.validation, run.settings, run.clock, transfer and transfer(run.net), crew)
    return run, fit(run)


def largest_difference(ours, theirs):
    """Of tensors by name, relative to the largest number of each."""
    return max(
        float((ours[name].double() - other.double()).abs().max() / other.double().abs().max().clamp_min(1e-3))
        for name, other in theirs.items()
    )


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"batch": 3},  # 1 and 2 samples
        {"batch": 2, "net": "unet", "loss": "weighted_dice"},
        {"net": "fcn", "loss": "focal+tversky"},
    ],
    ids=lambda settings: "-".join(map(str, settings.values())) or "default",
)
def test_gradient_and_statistics_are_those_of_the_whole_batch(crew, settings):
    alone, two = (trained(which, **settings)[0] for which in (ALONE, crew))

    def gradients(run):
        return {name: p.grad for name, p in run.net.named_parameters()}

    def statistics(run):
        return {name: value for name, value in run.net.named_buffers() if "running" in name}

    assert largest_difference(gradients(two), gradients(alone)) < 2e-5
    if statistics(alone):
        assert largest_difference(statistics(two), statistics(alone)) < 1e-5
    assert two.running_loss == pytest.approx(alone.running_loss, rel=1e-6)


def test_the_model_is_the_same(crew):
    (alone, one), (together, two) = (trained(which, steps=8) for which in (ALONE, crew))
    assert largest_difference(two.net.state_dict(), one.net.state_dict()) < 1e-3
    assert together.running_loss == pytest.approx(alone.running_loss, rel=1e-5)
    assert np.allclose(together.pool.costs, alone.pool.costs, rtol=1e-4)
    assert [row["step"] for row in two.history] == [row["step"] for row in one.history]


def test_what_the_first_process_decides_all_do(crew, monkeypatch):
    """Only the first is told of troubles that are none, and the batches after them depend on the remedies."""

    def troubled(which):
        run = start_run(*draw_discs(4), steps=9)
        run = Run(run.net, run.pool, run.validation, run.settings, run.clock, None, which)
        look = run.guard.look

        def lying(loss, logits, target):
            said = look(loss, logits, target)
            return {2: "not finite", 4: "constant", 6: "dead"}.get(run.step, said)

        monkeypatch.setattr(run.guard, "look", lying)
        return run, fit(run)

    (alone, one), (together, two) = troubled(ALONE), troubled(crew)
    assert len(one.messages) >= 3
    assert two.messages == one.messages
    assert together.rate_factor == alone.rate_factor < 1
    assert largest_difference(two.net.state_dict(), one.net.state_dict()) < 1e-3


@pytest.mark.parametrize("answers", [("a", "b"), ("c", "d")], ids=["same classes", "a new last layer"])
def test_what_is_taken_over_and_held_still_is_so_everywhere(crew, answers):
    """Once a new last layer was fitted while the others waited elsewhere, and the training stood still."""
    torch.manual_seed(5)
    source = build_net("quick", in_channels=1, classes=2, width=8, depth=3)

    def taken(net):
        transfer = plan_transfer(net, source, where="x", classes=(("a", "b"), answers), channels=(1, 1))
        transfer.copy_to(net)
        return transfer

    settings = {"steps": 6, "init_freeze": 0.5}
    one, two = (trained(which, transfer=taken, **settings)[1] for which in (ALONE, crew))
    assert largest_difference(two.net.state_dict(), one.net.state_dict()) < 1e-3


def test_an_interrupted_training_goes_on_with_helpers(crew, tmp_path, monkeypatch):
    monkeypatch.setattr("handful.training.loop.CHECKPOINT_EVERY", -1.0)

    def start(which):
        run = start_run(*draw_discs(4), steps=8)
        return Run(run.net, run.pool, run.validation, run.settings, run.clock, None, which)

    def press_ctrl_c(progress):
        crew.stopped = progress.step == 3

    path = tmp_path / "state.safetensors"
    stopped = fit(start(crew), checkpoint=path, on_progress=press_ctrl_c)
    assert stopped.interrupted
    assert 3 <= stopped.steps <= 4
    resumed, straight = fit(start(crew), checkpoint=path, resume=True), fit(start(ALONE))
    assert resumed.steps == 8
    assert largest_difference(resumed.net.state_dict(), straight.net.state_dict()) < 1e-3


def test_a_batch_is_not_shared_by_more_than_it_has(crew):
    with pytest.raises(SettingsError, match=r"a batch of 1 samples cannot be shared by 2 .* --set batch=2 or more"):
        trained(crew, batch=1)


def test_memory_that_runs_out_ends_it_with_what_to_do():
    run = start_run(*draw_discs(2))
    run.crew = Crew(0, 4)
    with pytest.raises(SettingsError, match=r"out of memory on one of 4 processes: .*batch=4"):
        run._shrink()


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"MASTER_ADDR": ""}, "MASTER_ADDR is not. Start with: torchrun"),
        ({"RANK": "", "LOCAL_RANK": ""}, "RANK, LOCAL_RANK is not"),
        ({"WORLD_SIZE": "two"}, "WORLD_SIZE = two: expected a whole number"),
        ({"RANK": "2"}, "process 2 of 2: processes are counted from 0"),
        ({"WORLD_SIZE": "9999", "LOCAL_WORLD_SIZE": "9999"}, "9999 processes on a machine with"),
    ],
    ids=lambda value: "-".join(value) if isinstance(value, dict) else "",
)
def test_an_environment_that_makes_no_sense_is_refused(changed, said, monkeypatch, capsys):
    environment = {**GOOD, "MASTER_PORT": "1", **changed}
    with pytest.raises(SettingsError) as error:
        read_environment(environment)
    assert said in str(error.value)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert main(["train", "nowhere"]) == 2
    out, err = capsys.readouterr()
    assert said in err or environment["RANK"] not in ("", "0")  # only the first says so
    assert not out
    assert "Traceback" not in err


def test_one_process_needs_nothing(monkeypatch):
    monkeypatch.setattr(processes, "_crew", ALONE)
    crew = current_crew()
    assert crew.leads
    assert crew.agree(1.5, 2) == [1.5, 2]
    x = torch.zeros(3, 2)
    assert crew.share(x).data_ptr() == x.data_ptr()
    assert crew.join(x, 3) is x


@pytest.mark.slow
def test_torchrun_trains_one_model_and_only_the_first_process_speaks(tmp_path):
    if (os.cpu_count() or 1) < 2:
        pytest.skip("two processes need two cores")
    write_discs(tmp_path / "data", 6)
    small = [
        "net_settings={width=8,depth=3}",
        "patch=32",
        "batch=4",
        "precision=float32",
        "optimiser=adamw",
        "learning_rate=0.001",
    ]
    options = ["--steps", "4", "--device", "cpu", *(word for one in small for word in ("--set", one))]
    command = ["train", str(tmp_path / "data"), "-o"]
    starter = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node", "2", "--master-port", free_port()]
    done = subprocess.run(
        [*starter, "-m", "handful", *command, str(tmp_path / "two"), *options],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("Dice per image  ") == 1
    assert done.stderr.count("written  ") == 1
    assert main([*command, str(tmp_path / "one"), *options]) == 0
    one, two = (load_file(tmp_path / run / "model.safetensors") for run in ("one", "two"))
    assert one.keys() == two.keys()
    assert largest_difference(two, one) < 1e-3


@pytest.mark.slow
def test_who_is_left_says_that_another_process_is_gone():
    script = (
        "import os, sys; sys.path.insert(0, sys.argv[1])\n"
        "from conftest import draw_discs, start_run\n"
        "from handful.training.loop import Run, fit\n"
        "from handful.training.processes import join_crew\n"
        "crew = join_crew()\n"
        "run = start_run(*draw_discs(2), steps=1000)\n"
        "run = Run(run.net, run.pool, run.validation, run.settings, run.clock, None, crew)\n"
        "fit(run, on_progress=lambda progress: os.kill(int(os.environ['HELPER']), 9))\n"
    )
    environment = {**os.environ, **GOOD, "MASTER_PORT": free_port(), "OMP_NUM_THREADS": "1"}
    helping = environment | {"RANK": "1", "LOCAL_RANK": "1"}
    with subprocess.Popen([sys.executable, "-c", HELPER], env=helping) as helper:
        leading = [sys.executable, "-c", script, str(Path(__file__).parent)]
        done = subprocess.run(
            leading,
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
            env=environment | {"HELPER": str(helper.pid)},
        )
    assert done.returncode == 1
    assert "SettingsError: training stopped: another of its processes ended" in done.stderr
