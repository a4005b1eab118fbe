"""What a training survives, and what it refuses, whole commands as processes of their own."""

from __future__ import annotations

import os
import random
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import torch
from training_runs import short_run

from discs import draw_discs, write_discs
from handful.errors import ModelFileError, OutputError
from handful.modelfile import load_model
from handful.training import loop
from handful.training.loop import fit
from handful.verbs.runfolder import open_run

SMALL = ("--set", "net_settings={width = 4, depth = 2}", "--set", "patch=32", "--set", "batch=4", "--seed", "3")
# A whole command with checkpoints after every step instead of every 20 s.
EAGER = (
    "import handful.training.loop as l, sys; l.CHECKPOINT_EVERY = -1; from handful.cli import main; sys.exit(main())"
)


def begin(*words: object, threads: int = 1) -> subprocess.Popen[str]:
    environment = {**os.environ, "OMP_NUM_THREADS": str(threads)}
    command = [sys.executable, "-c", EAGER, *map(str, words)]
    return subprocess.Popen(command, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment)


def finish(process: subprocess.Popen[str]) -> tuple[int, str]:
    said = process.communicate(timeout=120)
    return process.returncode, said[1]


def done(*words: object, threads: int = 1) -> str:
    status, said = finish(begin(*words, threads=threads))
    assert status == 0, said
    return said


def wait_for(path: Path, seconds: float = 60.0) -> None:
    until = time.monotonic() + seconds
    while not path.exists():
        assert time.monotonic() < until, f"no {path}"
        time.sleep(0.02)


def model_of(run: Path) -> bytes:
    return (run / "model.safetensors").read_bytes()


def train(data: Path, run: Path, steps: int, *more: str) -> list[object]:
    return ["train", data, "-o", run, "--steps", steps, *SMALL, *more]


# ---- kills


@pytest.mark.slow
def test_killed_at_random_and_resumed_it_ends_with_the_same_bytes(discs: Path, tmp_path: Path) -> None:
    """HANDFUL_KILLS=50 for the whole promise."""
    kills, steps = int(os.environ.get("HANDFUL_KILLS", "4")), 60
    rng = random.Random(os.environ.get("HANDFUL_KILLS_SEED", "0"))
    done(*train(discs, tmp_path / "straight", steps))
    run, begun = tmp_path / "run", 0
    for _ in range(kills):
        more = ["--resume"] if (run / "checkpoint.safetensors").exists() else []
        process = begin(*train(discs, run, steps, *more))
        if not more:
            wait_for(run / "checkpoint.safetensors")
        time.sleep(rng.uniform(0, 4))
        if process.poll() is not None:  # done before it was killed: from the start again
            assert model_of(run) == model_of(tmp_path / "straight")
            process.communicate()
            continue
        process.send_signal(signal.SIGKILL)
        process.communicate()
        begun += 1
    more = ["--resume"] if (run / "checkpoint.safetensors").exists() else []
    done(*train(discs, run, steps, *more))
    assert begun > 0
    assert model_of(run) == model_of(tmp_path / "straight")
    assert not list(run.glob("*.part"))


@pytest.mark.slow
@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT])
def test_stopped_once_it_keeps_a_valid_model(discs: Path, tmp_path: Path, how: int) -> None:
    run = tmp_path / "run"
    process = begin(*train(discs, run, 100_000))
    wait_for(run / "checkpoint.safetensors")
    process.send_signal(how)
    status, said = finish(process)
    assert status == 0, said
    assert "stopped by hand" in said
    assert "Traceback" not in said
    card = load_model(run)[1]
    assert card.training["steps"] > 0
    assert (run / "report.html").exists()


@pytest.mark.slow
def test_stopped_twice_it_ends_at_once(discs: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    process = begin(*train(discs, run, 100_000))
    wait_for(run / "checkpoint.safetensors")
    process.send_signal(signal.SIGINT)
    time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    began = time.monotonic()
    status, said = finish(process)
    assert time.monotonic() - began < 10
    assert status in (0, 130)
    assert "Traceback" not in said


# ---- two at once


def test_a_second_training_into_a_folder_is_refused(tmp_path: Path) -> None:
    with open_run(tmp_path / "run"):
        with pytest.raises(OutputError, match="another training is at work"), open_run(tmp_path / "run"):
            pass
        assert (tmp_path / "run").is_dir()
    with open_run(tmp_path / "run"):
        pass


def test_a_killed_training_leaves_no_lock(tmp_path: Path) -> None:
    code = f"from handful.verbs.runfolder import *; c = open_run(Path({str(tmp_path / 'run')!r})); c.__enter__()"
    holder = subprocess.Popen([sys.executable, "-c", f"{code}; print(1, flush=True); input()"], stdin=-1, stdout=-1)
    assert holder.stdout is not None
    holder.stdout.readline()
    with pytest.raises(OutputError, match="another training"), open_run(tmp_path / "run"):
        pass
    holder.kill()
    holder.communicate()
    with open_run(tmp_path / "run"):
        pass


# ---- clocks, memory, numbers


def test_the_clock_of_the_day_may_be_set_back(monkeypatch: pytest.MonkeyPatch) -> None:
    began, days = time.time(), iter(range(1, 10**6))
    monkeypatch.setattr("time.time", lambda: began - 86400 * next(days))
    run = short_run(steps=5)
    run.clock.steps, run.clock.seconds = None, 1.0
    run.clock.started = now = time.monotonic()
    fitted = fit(run)
    assert 0.9 < time.monotonic() - now < 3
    assert fitted.steps > 0


def test_no_product_code_asks_the_time_of_day_for_a_duration() -> None:
    source = Path(loop.__file__).parents[1]
    for file in source.rglob("*.py"):
        assert not re.search(r"time\.time\(|datetime\.now\(\)\s*-", file.read_text()), file


def test_out_of_memory_in_a_step_is_said_and_survived() -> None:
    run = short_run(steps=4)
    take, failures = run._take_step, iter([True])

    def crowded() -> float:
        if next(failures, False):
            raise torch.OutOfMemoryError
        return take()

    run._take_step = crowded  # type: ignore[method-assign]
    fitted = fit(run)
    assert fitted.steps == 4
    assert "batch of 1" in fitted.messages[0]


def test_an_image_that_is_no_number_in_the_middle_does_not_spoil_the_weights() -> None:
    run = short_run(steps=6)
    draw = run.pool.draw

    def spoilt(step: int) -> object:
        batch = draw(step)
        if step == 3:
            batch.image[0, 0, 2:5, 2:5] = float("nan")
        return batch

    run.pool.draw = spoilt  # type: ignore[method-assign,assignment]
    fitted = fit(run)
    assert fitted.steps == 6
    assert "no number" in " ".join(fitted.messages)
    assert all(bool(torch.isfinite(one).all()) for one in fitted.net.state_dict().values())


# ---- a model file that changes under a prediction


def test_a_model_replaced_under_a_prediction_does_not_change_it(discs: Path, tmp_path: Path) -> None:
    """The weights are in memory once loaded; a file written over them says so or changes nothing."""
    from bright import save_bright_model
    from handful.prediction import Segmenter

    model = save_bright_model(tmp_path / "model.safetensors")
    image = draw_discs(5)[0]
    segmenter = Segmenter.load(model)
    expected = segmenter.predict(image).probabilities
    again = Segmenter.load(model)
    model.with_name("new").write_bytes(bytes(len(model.read_bytes())))
    os.replace(model.with_name("new"), model)
    assert np.array_equal(again.predict(image).probabilities, expected)
    with pytest.raises(ModelFileError):
        Segmenter.load(model)


# ---- the same answer twice


@pytest.mark.slow
@pytest.mark.parametrize("threads", [1, 2])
def test_the_same_command_twice_gives_the_same_bytes(discs: Path, tmp_path: Path, threads: int) -> None:
    for name in ("one", "two"):
        run, out = tmp_path / name / "run", tmp_path / name / "out"
        done(*train(discs, run, 12), threads=threads)
        saved = ("--save", "mask,probability,instances,contours,table")
        done("predict", run, discs / "images", "-o", out, *saved, threads=threads)
    assert model_of(tmp_path / "one" / "run") == model_of(tmp_path / "two" / "run")
    assert files(tmp_path / "one" / "out") == files(tmp_path / "two" / "out")


def files(folder: Path) -> dict[str, bytes]:
    return {one.relative_to(folder).as_posix(): one.read_bytes() for one in folder.rglob("*") if one.is_file()}


@pytest.mark.slow
def test_name_case_and_order_of_folders_do_not_matter(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same pictures in a folder moved, renamed and in other letters, listed in another order: the same bytes."""
    from handful.verbs.train import train as train_here

    def trained(data: Path, name: str) -> bytes:
        settings = {"net_settings": {"width": 4, "depth": 2}, "patch": 32, "batch": 4}
        train_here(data, out=tmp_path / name, steps=4, seed=3, settings=settings)
        return model_of(tmp_path / name)

    first = trained(write_discs(tmp_path / "here"), "one")
    split = (tmp_path / "one" / "split.json").read_bytes()
    (tmp_path / "deep" / "down").mkdir(parents=True)
    there = tmp_path / "deep" / "down" / "There"
    (tmp_path / "here").rename(there)
    (there / "images").rename(there / "Images")
    (there / "masks").rename(there / "MASKS")
    scan = os.scandir

    class Backwards(list):  # type: ignore[type-arg]
        def __enter__(self) -> Backwards:
            return self

        def __exit__(self, *_: object) -> None:
            pass

        def close(self) -> None:
            pass

        def __next__(self) -> object:
            if not self:
                raise StopIteration
            return self.pop(0)

        def __iter__(self) -> Backwards:
            return self

    monkeypatch.setattr(os, "scandir", lambda *a: Backwards(sorted(scan(*a), key=lambda e: e.name, reverse=True)))
    monkeypatch.setattr(os, "listdir", lambda path=".": sorted((e.name for e in scan(path)), reverse=True))
    assert trained(there, "two") == first
    assert (tmp_path / "two" / "split.json").read_bytes() == split
