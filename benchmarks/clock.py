"""Whether `train --seconds S` takes S seconds, from the command to its end, when the circumstances are not kind.

    python benchmarks/clock.py                                    # all circumstances, 5, 20 and 60 s
    python benchmarks/clock.py --when busy,slow --seconds 20

Circumstances: nothing else running; as many other programs as cores, each spinning; files that arrive at 1 MB a second;
a single image; 5000 images. Printed: seconds taken, their share of those asked, training steps, and when the first and
the last of them was done (from the start of the reading), so that neither the report starves the training nor the
training the report.
"""

from __future__ import annotations

import argparse
import csv
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from PIL import Image

SIDE, MANY = 512, 5000
RATE = 1_000_000  # bytes a second of the slow disk
SLOW = f"""
import time
from handful.data import image
at_once = image.decode
def slowly(file):
    time.sleep(file.path.stat().st_size / {RATE})
    return at_once(file)
image.decode = slowly
"""
RUN = "from handful.cli import run; run()"


def write_discs(folder: Path, count: int, side: int) -> Path:
    """Pictures of bright discs in noise, and their masks; the same on every machine."""
    rng = np.random.default_rng(0)
    y, x = np.mgrid[:side, :side]
    for part in ("images", "masks"):
        (folder / part).mkdir(parents=True)
    for number in range(count):
        mask = np.zeros((side, side), bool)
        for row, column, radius in rng.uniform((0, 0, side / 30), (side, side, side / 12), (12, 3)):
            mask |= (y - row) ** 2 + (x - column) ** 2 < radius**2
        image = np.clip(rng.normal(90 + 50 * mask, 25), 0, 255).astype(np.uint8)
        Image.fromarray(image).save(folder / "images" / f"{number}.png", compress_level=1)
        Image.fromarray(mask.astype(np.uint8) * 255).save(folder / "masks" / f"{number}.png", compress_level=1)
    return folder


@contextmanager
def busy(programs: int) -> Iterator[None]:
    """So many others that want a core each."""
    spinning = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(programs)]
    try:
        yield
    finally:
        for one in spinning:
            one.kill()
            one.wait()


def measure(data: Path, out: Path, seconds: float, before: str, others: int) -> str:
    """A row of the table."""
    command = [sys.executable, "-c", before + RUN, "train", str(data), "--seconds", f"{seconds:g}", "-o", str(out)]
    with busy(others):
        began = time.monotonic()
        run = subprocess.run(command, capture_output=True, text=True)
        taken = time.monotonic() - began
    told = f"{taken:.1f} | {taken / seconds:.2f}"
    if run.returncode:
        return f"{told} | ended with {run.returncode}: {run.stderr.strip().splitlines()[-1]} | | |"
    rows = list(csv.DictReader((out / "history.csv").read_text().splitlines()))
    if not rows:
        return f"{told} | 0: the forest is kept | | |"
    first, last = rows[0], rows[-1]
    return f"{told} | {last['step']} | {first['seconds']} ({first['step']}) | {last['seconds']} |"


CIRCUMSTANCES = {  # images, what is run before the command, other programs
    "quiet": (20, SIDE, "", 0),
    "busy": (20, SIDE, "", os.cpu_count() or 1),
    "slow": (20, SIDE, SLOW, 0),
    "one": (1, SIDE, "", 0),
    "many": (MANY, SIDE // 2, "", 0),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--when", default=",".join(CIRCUMSTANCES))
    parser.add_argument("--seconds", default="5,20,60")
    asked = parser.parse_args()
    print("| circumstances | asked, s | taken, s | share | steps | first seen after, s (step) | last step after, s |")
    print("|---|---|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as folder:
        for name in asked.when.split(","):
            count, side, before, others = CIRCUMSTANCES[name]
            data = write_discs(Path(folder) / name, count, side)
            for number in map(float, asked.seconds.split(",")):
                row = measure(data, Path(folder) / f"{name}-{number:g}", number, before, others)
                print(f"| {name} | {number:g} | {row}", flush=True)


if __name__ == "__main__":
    main()
