"""Does labelling the images that `handful suggest` names teach more than labelling as many at random?

    python benchmarks/suggest.py --sets nuclei,membrane --seeds 10 --steps 300 -o results/suggest

For each seed: train on a few images, ask for five of the unlabelled ones, train anew on all of those, and again with
five others by each of the `--ways`; all models are scored on the same test images. Trainings take a fixed number of
steps, so that what else runs on the machine does not matter. Finished seeds are kept in results.csv; summary.md has the
gain in Dice over the first model by each way and the paired difference from random, with 95 % intervals over seeds.

ways: suggest (what the command does), random, doubt (the least sure of all), different (farthest from what was seen).
"""

from __future__ import annotations

import argparse
import csv
import shutil
from functools import cache
from pathlib import Path

import numpy as np
from datasets import DATA, lay_out

from handful.data.check import Audit, check_data
from handful.data.region import whole_regions
from handful.data.sample import read_samples
from handful.data.split import Split
from handful.measure.bootstrap import mean_interval
from handful.prediction.segmenter import Segmenter
from handful.verbs.suggest import Look, look_at, rank
from handful.verbs.train import train

START = {"nuclei": 5, "membrane": 1, "cats": 8}  # images of the first model
POOL = {"nuclei": 150, "membrane": 14, "cats": 52}  # unlabelled images to choose from
TESTED = {"nuclei": 100, "membrane": 4, "cats": 21}
FIELDS = ["set", "seed", "way", "steps", "images", "before", "after", "chosen"]


@cache
def audits(name: str, out: Path) -> tuple[Audit, Audit]:
    """The images to learn from and those to score on; read once."""
    folder = lay_out(name, None, out / "data")
    return check_data(folder / "train"), check_data(folder / "test")


def one_training(audit: Audit, test: Audit, names: list[str], tested: int, steps: int, seed: int, out: Path) -> float:
    """Mean Dice on the first `tested` test images of a model trained on the images named."""
    shutil.rmtree(out, ignore_errors=True)
    whole = whole_regions(audit)
    split = Split(
        train=tuple(whole[name] for name in names),
        validation=(),
        test=tuple(whole_regions(test).values())[:tested],
        reason="of a benchmark.",
        outside=True,
        contents={name: audit.facts[name].content for name in names},
        test_contents={name: facts.content for name, facts in test.facts.items()},
    )
    model = train(audit, test=test, split=split, out=out, steps=steps, seed=seed, device="cpu")
    assert model.scores is not None
    return model.scores["dice_per_image"].value


def choose(way: str, looks: list[tuple[str, str, Look]], likeness: dict, n: int, rng: np.random.Generator) -> list[str]:
    """Names of the images to label next."""
    names = [name for name, _, _ in looks]
    if way == "random":
        return [names[k] for k in rng.choice(len(names), n, replace=False)]
    if way == "doubt":
        return sorted(names, key=lambda name: -looks[names.index(name)][2].doubt)[:n]
    if way == "different":
        return sorted(names, key=lambda name: -looks[names.index(name)][2].unlike)[:n]
    return [one.name for one in rank(looks, likeness, n)]


def one_seed(
    name: str, seed: int, ways: list[str], steps: int, n: int, pool_size: int, tested: int, out: Path
) -> list[dict[str, object]]:
    """Rows of results.csv for one seed."""
    audit, test = audits(name, out)
    rng = np.random.default_rng(seed)
    order = [str(one) for one in rng.permutation(sorted(audit.facts))]
    first, pool = order[: START[name]], order[START[name] : START[name] + pool_size]
    work = out / "work"
    before = one_training(audit, test, first, tested, steps, seed, work)
    model = Segmenter.load(work, "cpu")
    whole = whole_regions(audit)
    looks = []
    for sample in read_samples(audit, [whole[one] for one in pool]):
        looks.append((sample.name, sample.name, look_at(model.predict(np.moveaxis(sample.image, 0, -1)))))
    rows = []
    for way in ways:
        chosen = choose(way, looks, model.card.likeness, n, rng)
        after = one_training(audit, test, first + chosen, tested, steps, seed, work)
        rows.append(
            {"set": name, "seed": seed, "way": way, "steps": steps, "images": len(first), "before": f"{before:.4f}",
             "after": f"{after:.4f}", "chosen": " ".join(chosen)}
        )  # fmt: skip
        print(rows[-1], flush=True)
    return rows


def write_summary(rows: list[dict[str, object]], path: Path) -> None:
    """Means over seeds with intervals, and differences from random seed by seed."""
    lines = ["| data | way | gain in Dice | more than random | seeds |", "|---|---|---|---|---|"]
    for name in dict.fromkeys(row["set"] for row in rows):
        gains: dict[str, dict[str, float]] = {}
        for row in rows:
            if row["set"] == name:
                gains.setdefault(str(row["way"]), {})[str(row["seed"])] = float(row["after"]) - float(row["before"])  # type: ignore[arg-type]
        for way, by_seed in gains.items():
            gain = mean_interval(np.array(list(by_seed.values())))
            both = [seed for seed in by_seed if seed in gains.get("random", {})]
            more = mean_interval(np.array([by_seed[seed] - gains["random"][seed] for seed in both]))
            texts = [f"{one.value:+.3f} ({one.low:+.3f} to {one.high:+.3f})" for one in (gain, more)]
            lines.append(f"| {name} | {way} | {texts[0]} | {texts[1] if way != 'random' else ''} | {len(by_seed)} |")
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sets", default="nuclei,membrane")
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--ways", default="suggest,random")
    parser.add_argument("--steps", type=int, default=300)
    parser.add_argument("-n", type=int, default=5, help="images to choose")
    parser.add_argument("--pool", type=int, help="unlabelled images to choose from [default: by set]")
    parser.add_argument("--tested", type=int, help="test images to score on [default: by set]")
    parser.add_argument("-o", "--out", type=Path, default=Path("results/suggest"))
    given = parser.parse_args()
    if not DATA.is_dir():
        parser.error(f"{DATA}: no data there. Set HANDFUL_DATA.")
    given.out.mkdir(parents=True, exist_ok=True)
    file = given.out / "results.csv"
    rows: list[dict[str, object]] = list(csv.DictReader(file.open(encoding="utf-8"))) if file.exists() else []
    for seed in range(given.seeds):
        for name in given.sets.split(","):
            cell = name, str(seed), str(given.steps)
            have = {row["way"] for row in rows if (row["set"], str(row["seed"]), str(row["steps"])) == cell}
            ways = [way for way in given.ways.split(",") if way not in have]
            if not ways:
                continue
            rows += one_seed(
                name,
                seed,
                ways,
                given.steps,
                given.n,
                given.pool or POOL[name],
                given.tested or TESTED[name],
                given.out,
            )
            with file.open("w", newline="", encoding="utf-8") as stream:
                writer = csv.DictWriter(stream, FIELDS)
                writer.writeheader()
                writer.writerows(rows)
            write_summary(rows, given.out / "summary.md")


if __name__ == "__main__":
    main()
