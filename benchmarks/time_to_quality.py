"""Time to quality: the score on unseen images after S seconds with n labelled images, for handful and its rivals.

    python benchmarks/time_to_quality.py --sets membrane,cats --images 1,4,16,all --seconds 20,60,300 --seeds 0,1,2 \
        --contenders handful,forest -o results

Each cell is one run of a contender's commands (contenders.toml) in fresh processes; every mask it writes is scored by
handful's own measures. Finished cells are kept, so that the same command goes on where it was stopped. results.csv has
a row a cell; table.md the medians and spreads; curves.html draws the score against seconds.
"""

from __future__ import annotations

import argparse
import csv
import shlex
import shutil
import subprocess
import sys
import time
import tomllib
from collections import defaultdict
from pathlib import Path
from statistics import median

import numpy as np
from datasets import HERE, SCENES, SETS, lay_out, number_of
from PIL import Image

FIELDS = [
    "set", "images", "seconds", "contender", "seed", "dice", "dice_pooled", "ap50", "v_rand", "v_rand_thinned",
    "wall_seconds", "failed",
]  # fmt: skip


def score(folder: Path, out: Path, name: str) -> dict[str, float]:
    """Dice per image and pooled, pooled AP at IoU .5 where labels number objects, V^Rand for membranes, and that of
    membranes thinned to a pixel, as the challenge of 2012 has it."""
    from handful.data.check import check_data
    from handful.data.sample import read_samples
    from handful.data.split import Region
    from handful.experiments.measures import part_cells
    from handful.measure.instances import count_instances
    from handful.measure.rand import label_regions, score_grouping
    from handful.measure.scorer import Scorer

    audit = check_data(folder / "test")
    scorer = Scorer(audit.reading.classes, background=audit.reading.background)
    objects, rand, thinned = [], [], []
    for image, facts in audit.facts.items():
        (sample,) = read_samples(audit, [Region(image, (0, facts.height), (0, facts.width))], threads=1)
        answer = np.asarray(Image.open(out / "masks" / f"{image}.png"))
        mask = (answer > 0).astype(np.uint8) if len(audit.reading.classes) == 2 else answer
        scorer.add(image, sample.mask, mask)
        if sample.labels is not None:
            file = out / "instances" / f"{image}.tif"
            labels = np.asarray(Image.open(file)) if file.exists() else label_regions(mask == 1)
            objects.append(count_instances(sample.labels, labels.astype(np.int32)))
        if name == "membrane":
            cells = label_regions(sample.mask == 1)
            rand.append(score_grouping(cells, label_regions(mask == 1)).rand_f)
            thinned.append(score_grouping(cells, part_cells(mask == 0, 0.5)).rand_f)
    scores = scorer.finish()
    found = {"dice": scores["dice_per_image"].value, "dice_pooled": scores["dice_pooled"].value}
    if objects:
        hit = sum(int(one.tp[0]) for one in objects)
        found["ap50"] = hit / (sum(one.true for one in objects) + sum(one.predicted for one in objects) - hit)
    if rand:
        found |= {"v_rand": float(np.mean(rand)), "v_rand_thinned": float(np.mean(thinned))}
    return found


def run_cell(commands: list[str], places: dict[str, str]) -> tuple[float, str]:
    """Run a contender; its wall seconds, and the end of what it said if it failed."""
    began = time.monotonic()
    for command in commands:
        done = subprocess.run(shlex.split(command.format(**places)), capture_output=True, text=True, check=False)
        if done.returncode:
            return time.monotonic() - began, (done.stderr.strip().splitlines() or ["no message"])[-1]
    return time.monotonic() - began, ""


SCORES = ("dice", "ap50", "v_rand", "v_rand_thinned")


Row = dict[str, str]


def by_cell(rows: list[Row]) -> dict[tuple[str, str, str], dict[str, list[Row]]]:
    """The rows of each set, number of images and seconds, by contender."""
    cells: dict[tuple[str, str, str], dict[str, list[Row]]] = defaultdict(lambda: defaultdict(list))
    for row in rows:
        cells[row["set"], row["images"], row["seconds"]][row["contender"]].append(row)
    return cells


def values_of(rows: list[Row], key: str) -> list[float]:
    """A score of those rows that have it."""
    return [float(row[key]) for row in rows if row[key]]


def order(rows: list[Row]) -> list[str]:
    """The contenders of these rows, handful first."""
    return sorted({row["contender"] for row in rows}, key=lambda name: (name != "handful", name))


def write_curves(rows: list[Row], path: Path) -> None:
    """A chart for each set, number of images and score: medians over seeds against seconds, bars over their range."""
    from handful.report.lines import Point, draw_lines
    from handful.report.template import render

    charts: dict[tuple[str, str, str], dict[str, list[Point]]] = {}
    for (name, images, seconds), by_contender in sorted(by_cell(rows).items(), key=lambda cell: float(cell[0][2])):
        for key in SCORES:
            for contender in order(rows):
                if values := values_of(by_contender.get(contender, []), key):
                    series = charts.setdefault((name, images, key), {}).setdefault(contender, [])
                    series.append((float(seconds), median(values), min(values), max(values)))
    drawn = []
    for (name, images, key), series in charts.items():
        lines = {contender: series[contender] for contender in order(rows) if contender in series}
        drawn.append(draw_lines(lines, f"{name}, {images} labelled: {key}", "seconds", doubling=True))
    page = render("curves.html", folder=HERE, charts=drawn, title="Time to quality", date="")
    path.write_text(page, encoding="utf-8")


def write_table(rows: list[Row], path: Path) -> None:
    """Median and range over seeds, a line a set, number of images and seconds."""
    contenders = order(rows)
    lines = [
        "| data | labelled | seconds | score | " + " | ".join(contenders) + " |",
        "|" + "---|" * (4 + len(contenders)),
    ]
    for (name, images, seconds), by_contender in by_cell(rows).items():
        for key in SCORES:
            texts = []
            for contender in contenders:
                values = values_of(by_contender.get(contender, []), key)
                spread = f" ({min(values):.3f} to {max(values):.3f})" if len(values) > 1 else ""
                texts.append(f"{median(values):.3f}{spread}" if values else "-")
            if set(texts) != {"-"}:
                lines.append(f"| {name} | {images} | {seconds} | {key} | " + " | ".join(texts) + " |")
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sets", default=",".join(name for name in SETS if name not in SCENES))
    parser.add_argument("--images", default="1,4,16,all")
    parser.add_argument("--seconds", default="20,60,300")
    parser.add_argument("--seeds", default="0,1,2")
    parser.add_argument("--contenders", default="handful")
    parser.add_argument("-o", "--out", type=Path, default=Path("results"))
    given = parser.parse_args()
    contenders = tomllib.loads((HERE / "contenders.toml").read_text(encoding="utf-8"))
    given.out.mkdir(parents=True, exist_ok=True)
    file = given.out / "results.csv"
    rows = list(csv.DictReader(file.open(encoding="utf-8"))) if file.exists() else []
    rows = [row for row in rows if not row["failed"]]  # those are tried again
    have = {tuple(row[key] for key in FIELDS[:5]) for row in rows}
    cells = [
        (name, images, seconds, contender, seed)
        for seed in given.seeds.split(",")
        for seconds in given.seconds.split(",")
        for name in given.sets.split(",")
        for images in given.images.split(",")
        for contender in given.contenders.split(",")
    ]
    for cell in cells:
        if cell in have:
            continue
        name, images, seconds, contender, seed = cell
        folder = lay_out(name, number_of(images), given.out / "data")
        work = given.out / "work"
        shutil.rmtree(work, ignore_errors=True)
        places = {
            "python": sys.executable, "here": str(HERE), "train": str(folder / "train"), "test": str(folder / "test"),
            "out": str(work), "seconds": seconds, "seed": seed,
        }  # fmt: skip
        wall, failed = run_cell(contenders[contender]["commands"], places)
        found = {} if failed else score(folder, work, name)
        row = dict.fromkeys(FIELDS, "") | dict(zip(FIELDS[: len(cell)], cell, strict=True))
        row |= {"wall_seconds": f"{wall:.1f}", "failed": failed}
        row |= {key: f"{value:.4f}" for key, value in found.items()}
        rows.append(row)
        print(", ".join(f"{key} {value}" for key, value in row.items() if value), flush=True)
        with file.open("w", newline="", encoding="utf-8") as stream:
            writer = csv.DictWriter(stream, FIELDS)
            writer.writeheader()
            writer.writerows(rows)
        write_table(rows, given.out / "table.md")
        write_curves(rows, given.out / "curves.html")


if __name__ == "__main__":
    main()
