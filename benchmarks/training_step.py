"""Where a training step's time goes, and how its cost grows with the work.

    python benchmarks/training_step.py                 # the two nets of a minute: step, parts, bare convolutions
    python benchmarks/training_step.py --growth        # seconds and memory against image size, images, classes

Generated pictures, the product's own `Run`, nothing else on the machine. Every time is the middle of `--repeat` steps.
The bare convolutions are those of the net at the shapes of the step, forward and backward in the same precision, each
on an input that lies ready: what remains of a step where everything else costs nothing. The peak is that of a large
matrix product. Parts are timed apart, one after the other; they do not sum to the step exactly.
"""

from __future__ import annotations

import argparse
import resource
import subprocess
import sys
from collections.abc import Callable
from statistics import median
from typing import Any

import numpy as np
import torch
from timing import times
from torch import nn

from handful.machine import look_at_machine
from handful.models import build_net
from handful.plan import choose_width
from handful.settings import TrainSettings
from handful.training.clock import Clock
from handful.training.loop import Run
from handful.training.pool import Pool
from handful.training.pretraining import PretrainSettings
from handful.training.store import Ready
from handful.training.validation import Validation, autocast

CPU = torch.device("cpu")
WARM_UP = 3


def middle(work: Callable[[], Any], repeat: int) -> float:
    """Seconds of the middle one of `repeat` calls."""
    return median(times(work, repeat, warm_up=WARM_UP))


def make_run(
    side: int, images: int, classes: int, patch: int, batch: int, precision: str, net_settings: dict[str, int]
) -> Run:
    """A run on `images` pictures of noise with stripes of each class."""
    rng = np.random.default_rng(0)
    mask = (np.arange(side) * classes // side).astype(np.uint8)[:, None].repeat(side, 1)
    pictures = [(rng.normal(size=(3, side, side)) + mask).astype(np.float32) for _ in range(images)]
    settings = TrainSettings(precision=precision)
    pool = Pool(
        Ready(pictures, [mask] * images, device=CPU), patch=(patch, patch), batch=batch, geometry=settings.geometry,
        colour=settings.colour, focus=settings.focus, hardness=settings.hardness, seed=0, device=CPU,
    )  # fmt: skip
    net = build_net("quick", in_channels=3, classes=classes, **net_settings)
    unused = Validation([], [], classes, (), CPU)
    return Run(net, pool, unused, settings, Clock(3600.0, steps=10**6))


def convolutions(net: nn.Module, x: torch.Tensor, precision: str) -> tuple[Callable[[], None], float]:
    """A function that runs every convolution of the net forward and backward, and its floating point operations."""
    shapes: list[tuple[nn.Conv2d, torch.Size, torch.Size]] = []
    hooks = [
        part.register_forward_hook(lambda part, given, out: shapes.append((part, given[0].shape, out.shape)))
        for part in net.modules()
        if isinstance(part, nn.Conv2d)
    ]
    with torch.no_grad(), autocast(CPU, precision):
        net(x)
    for hook in hooks:
        hook.remove()
    kind = torch.bfloat16 if precision == "bfloat16" else torch.float32
    work, operations = [], 0.0
    for number, (part, given, out) in enumerate(shapes):
        passes = 2 if number == 0 else 3  # no gradient for the picture
        operations += passes * 2 * out.numel() * part.weight[0].numel()
        made = torch.randn(given).to(kind).contiguous(memory_format=torch.channels_last).requires_grad_(number > 0)
        weight = part.weight.detach().to(kind).requires_grad_()
        gradient = torch.randn(out).to(kind).contiguous(memory_format=torch.channels_last)
        bias = None if part.bias is None else part.bias.detach().to(kind).requires_grad_()
        work.append((made, weight, bias, part.stride, part.padding, gradient))

    def run() -> None:
        for made, weight, bias, stride, padding, gradient in work:
            answer = nn.functional.conv2d(made, weight, bias, stride, padding)
            inputs = [one for one in (made, weight, bias) if one is not None and one.requires_grad]
            torch.autograd.grad(answer, inputs, gradient)

    return run, operations


def peak(precision: str, repeat: int) -> float:
    """Operations a second of a product of two matrices of 2048 x 2048."""
    kind = torch.bfloat16 if precision == "bfloat16" else torch.float32
    a, b = torch.randn(2048, 2048).to(kind), torch.randn(2048, 2048).to(kind)
    return 2 * 2048**3 / middle(lambda: a @ b, repeat)


def show_step(repeat: int, title: str, net_settings: dict[str, int]) -> None:
    precision = "bfloat16" if look_at_machine("cpu").bfloat16 else "float32"
    run = make_run(512, 16, 2, 128, 16, precision, net_settings)
    step = middle(run.take_step, repeat)
    batch = run.pool.draw(0)
    x = batch.image.contiguous(memory_format=torch.channels_last)
    bare, operations = convolutions(run.net, x, precision)
    alone = middle(bare, repeat)

    def forward() -> torch.Tensor:
        with autocast(CPU, precision):
            answer: torch.Tensor = run.net(x)
        return answer

    def backward() -> None:
        run.loss(forward(), batch.target).backward()

    logits = forward().detach().requires_grad_()
    top = peak(precision, repeat)
    parts = {
        "draw and augment": middle(lambda: run.pool.draw(1), repeat),
        "net forward": middle(forward, repeat),
        "net forward, loss, backward": middle(backward, repeat),
        "loss and its gradient": middle(lambda: run.loss(logits, batch.target).backward(), repeat),
        "optimiser": middle(run.optimiser.step, repeat),
        "average of the weights": middle(lambda: run.average.update(1), repeat),
        "images' costs, guard": middle(lambda: look(run, batch, logits.detach()), repeat),
    }
    print(f"{title} {net_settings}: {torch.get_num_threads()} threads, {precision}, 16 samples of 128x128, 3 channels")
    print(f"step {1000 * step:.0f} ms; its convolutions alone {1000 * alone:.0f} ms: {step / alone:.2f} times")
    print(f"convolutions {operations / alone / 1e9:.0f} Gflop/s, in the step {operations / step / 1e9:.0f}; a large")
    print(f"matrix product {top / 1e9:.0f} Gflop/s")
    for name, seconds in parts.items():
        print(f"  {name:28} {1000 * seconds:6.1f} ms  {100 * seconds / step:5.1f} %")


def look(run: Run, batch: Any, logits: torch.Tensor) -> None:
    run.pool.remember(batch, logits)
    run.guard.look(0.5, logits, batch.target)


GROWTH = {
    "image side": [("side", side) for side in (256, 512, 1024, 2048)],
    "images": [("images", count) for count in (1, 4, 16, 64)],
    "classes": [("classes", count) for count in (2, 4, 8, 16)],
    "patch": [("patch", side) for side in (64, 128, 256)],
    "batch": [("batch", count) for count in (4, 8, 16, 32)],
}
USUAL = {"side": 512, "images": 8, "classes": 2, "patch": 128, "batch": 16}


def show_growth(repeat: int) -> None:
    """A fresh process for every line: the peak of memory is one of a process."""
    print("| what grows | | ms a step | peak memory, MB |\n|---|---|---|---|")
    for title, points in GROWTH.items():
        for name, value in points:
            given = ",".join(f"{key}={one}" for key, one in (USUAL | {name: value}).items())
            command = [sys.executable, __file__, "--one", given, "--repeat", str(repeat)]
            said = subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()
            print(f"| {title} | {value} | {said[0]} | {said[1]} |", flush=True)


def show_one(given: str, repeat: int) -> None:
    values = {key: int(value) for key, value in (one.split("=") for one in given.split(","))}
    precision = "bfloat16" if look_at_machine("cpu").bfloat16 else "float32"
    run = make_run(**values, precision=precision, net_settings=PretrainSettings().net)
    seconds = middle(run.take_step, repeat)
    print(f"{1000 * seconds:.0f} {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--growth", action="store_true", help="how cost grows, instead of one step's parts")
    parser.add_argument("--one", help=argparse.SUPPRESS)
    parser.add_argument("--repeat", type=int, default=15)
    asked = parser.parse_args()
    if asked.one:
        show_one(asked.one, asked.repeat)
    elif asked.growth:
        show_growth(asked.repeat)
    else:
        fresh, _ = choose_width(look_at_machine("cpu"), 60, 2)
        for title, net_settings in {"start weights": PretrainSettings().net, "fresh weights": fresh}.items():
            show_step(asked.repeat, title, net_settings)


if __name__ == "__main__":
    main()
