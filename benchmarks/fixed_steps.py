"""What a choice gains where the steps are equal and the clock says nothing: a busy machine changes no score.

    python benchmarks/fixed_steps.py --sets cats:4,objects:16 --steps 120 --draws 0,1,2 -o results/paste \\
        --way "as it is=" --way "nothing pasted=--set paste=0" --way "fresh=--init none"

A way is a name and flags of `handful train`. A draw is other labelled images, the same for all ways, and the seed. What
is finished is kept; several of these may run at once with OMP_NUM_THREADS=1, each with its own --out.
"""

from __future__ import annotations

import argparse
import csv
import shutil
import sys
from collections import defaultdict
from pathlib import Path
from statistics import mean

from datasets import lay_out, number_of
from time_to_quality import run_cell, score

FIELDS = ["set", "draw", "way", "dice", "ap50", "v_rand"]
TESTED = 40  # images

COMMANDS = [
    "{python} -m handful train {data}/train --test-fraction 0 --steps {steps} --seed {draw} -o {work}/run {flags}",
    "{python} -m handful predict {work}/run {data}/test/images -o {work} --save mask,instances",
]


def write_table(rows: list[dict[str, str]], path: Path) -> None:
    """Dice of each draw and their mean, a line a way, a column a set."""
    values: dict[tuple[str, str], list[str]] = defaultdict(list)
    for row in rows:
        values[row["way"], row["set"]].append(row["dice"])
    sets, ways = (list(dict.fromkeys(row[key] for row in rows)) for key in ("set", "way"))
    lines = [f"| way | {' | '.join(sets)} |", "|" + "---|" * (1 + len(sets))]
    for way in ways:
        cells = [values[way, name] for name in sets]
        texts = [f"{mean(map(float, found)):.3f} ({', '.join(found)})" if found else "-" for found in cells]
        lines.append(f"| {way} | {' | '.join(texts)} |")
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sets", default="cats:4,objects:16,nuclei:4,camvid:4", help="NAME:LABELLED, a number or all")
    parser.add_argument("--way", action="append", required=True, help="NAME=FLAGS of train")
    parser.add_argument("--steps", default="120")
    parser.add_argument("--draws", default="0,1")
    parser.add_argument("-o", "--out", type=Path, default=Path("results"))
    given = parser.parse_args()
    given.out.mkdir(parents=True, exist_ok=True)
    file = given.out / "fixed_steps.csv"
    rows = list(csv.DictReader(file.open(encoding="utf-8"))) if file.exists() else []
    have = {(row["set"], row["draw"], row["way"]) for row in rows}
    work = given.out / "work"
    for draw in given.draws.split(","):
        for asked in given.sets.split(","):
            name, _, labelled = asked.partition(":")
            data = lay_out(name, number_of(labelled), given.out / "data", draw=int(draw), tested=TESTED)
            for way, _, flags in (one.partition("=") for one in given.way):
                if (asked, draw, way) in have:
                    continue
                shutil.rmtree(work, ignore_errors=True)
                places = {"python": sys.executable, "data": str(data), "work": str(work), "steps": given.steps}
                wall, failed = run_cell(COMMANDS, places | {"draw": draw, "flags": flags})
                if failed:
                    raise SystemExit(f"{asked}, draw {draw}, {way}: {failed}")
                found = {key: f"{value:.4f}" for key, value in score(data, work, name).items() if key in FIELDS}
                rows.append(dict.fromkeys(FIELDS, "") | {"set": asked, "draw": draw, "way": way} | found)
                print(f"{asked}, draw {draw}, {way}: {found} in {wall:.0f} s", flush=True)
                with file.open("w", newline="", encoding="utf-8") as stream:
                    writer = csv.DictWriter(stream, FIELDS)
                    writer.writeheader()
                    writer.writerows(rows)
                write_table(rows, given.out / "fixed_steps.md")


if __name__ == "__main__":
    main()
