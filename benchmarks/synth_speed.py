"""Generated pictures a second: `python benchmarks/synth_speed.py [--device cuda] [--size 128] [--seconds 3]`.

On a CPU one core does the work (the process is held to one thread), and its own time is what counts; on a GPU the clock
on the wall does. Every line is the mean over at least `--seconds` of drawing, after a warm-up.
"""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Callable

os.environ.setdefault("OMP_NUM_THREADS", "1")  # before torch is loaded

import torch

from handful.synth import GENERATORS, generate
from handful.synth.families import FAMILIES
from handful.synth.universe import draw_family

BATCH = {"cpu": 4, "cuda": 64}  # tasks of four pictures at once: what fits a cache, and what fills a GPU


def rate(draw: Callable[[], int], clock: Callable[[], float], seconds: float) -> float:
    """Pictures a second of a function that says how many it drew."""
    draw()
    start, drawn = clock(), 0
    while clock() - start < seconds:
        drawn += draw()
    return drawn / (clock() - start)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cpu")
    parser.add_argument("--size", type=int, default=128)
    parser.add_argument("--seconds", type=float, default=3.0)
    asked = parser.parse_args()

    def clock() -> float:
        if asked.device == "cpu":
            return time.process_time()
        torch.cuda.synchronize()
        return time.perf_counter()

    def pictures(kind: str) -> Callable[[], int]:
        endless = generate(kind, 10**9, size=asked.size)
        return lambda: sum(1 for _, _ in zip(range(20), endless, strict=False))

    def tasks(family: str) -> Callable[[], int]:
        generator = torch.Generator(asked.device).manual_seed(0)
        count = BATCH[asked.device]
        return lambda: 4 * len(draw_family(family, count, 4, (asked.size, asked.size), generator).questions)

    print(f"pictures of {asked.size}x{asked.size} a second, {asked.device}")
    if asked.device == "cpu":
        for kind in GENERATORS:
            print(f"{kind:12} {rate(pictures(kind), clock, asked.seconds):8.0f}")
    rates = {family: rate(tasks(family), clock, asked.seconds) for family in FAMILIES}
    for family, found in rates.items():
        print(f"{'tasks of ' + family:20} {found:8.0f}")
    together = len(rates) / sum(1 / found for found in rates.values())
    print(f"{'tasks of all':20} {together:8.0f}")


if __name__ == "__main__":
    main()
