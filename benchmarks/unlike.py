"""Does a model know images that are unlike its own, and how sure may it be: AUROC, flags, calibration.

    python benchmarks/unlike.py results/unlike --seconds 30

Trains one model on each set (16 images, all 15 membrane slices) and shows it test images of every set. Printed:
AUROC of the number `unlike` between own and other test images, and the share of images flagged. Nuclei are shown whole
and by modality, told apart by colour and brightness. Then the calibration error of each model on its own test images,
before and after its temperature. Real data as in datasets.py.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from datasets import DATA, SETS, Item, lay_out, shuffled
from PIL import Image

from handful import load, train
from handful.prediction.segmenter import Segmenter

MOST_SHOWN = 40  # test images of a set: an AUROC needs no more


def modality(image: Image.Image) -> str:
    """Of a nuclei image: fluorescence is dark and grey, brightfield bright and grey, the rest is stained."""
    values = np.asarray(image.convert("RGB"), np.float32) / 255
    if float((values.max(axis=2) - values.min(axis=2)).mean()) > 0.03:
        return "stained"
    return "fluorescence" if float(values.mean()) < 0.5 else "brightfield"


def nuclei_of(kind: str, tests: int) -> tuple[Iterator[Item], Iterator[Item]]:
    """Nuclei of one modality, so many of them for the test."""
    folder = DATA / "nuclei"
    files = shuffled(sorted(path.name for path in (folder / "images").glob("*.png")))
    names = [name for name in files if modality(Image.open(folder / "images" / name)) == kind]

    def items(chosen: list[str]) -> Iterator[Item]:
        for name in chosen:
            yield Path(name).stem, Image.open(folder / "images" / name), Image.open(folder / "labels" / name)

    return items(names[tests:]), items(names[:tests])


SETS["fluorescence"] = lambda: nuclei_of("fluorescence", MOST_SHOWN)
SETS["stained"] = lambda: nuclei_of("stained", MOST_SHOWN)
SETS["brightfield"] = lambda: nuclei_of("brightfield", 5)


def auroc(own: list[float], others: list[float]) -> float:
    """The chance that an image of the others is called more unlike than one of the own."""
    one, two = np.asarray(own)[None], np.asarray(others)[:, None]
    return float((two > one).mean() + 0.5 * (two == one).mean())


def numbers(model: Segmenter, folder: Path) -> list[float]:
    """How unlike each test image of a set is; a model of grey images is shown grey ones."""
    mode = {1: "L", 3: "RGB"}[model.card.channels]
    files = sorted((folder / "test" / "images").glob("*.png"))[:MOST_SHOWN]
    return [model.predict(np.asarray(Image.open(file).convert(mode))).unlike for file in files]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("work", type=Path, help="folder for data and runs; runs found there are not trained again")
    parser.add_argument("--seconds", type=float, default=30)
    parser.add_argument("--images", type=int, default=16)
    chosen = ["nuclei", "membrane", "cats", "fluorescence", "stained"]
    parser.add_argument("--models", nargs="+", default=chosen, choices=chosen)
    given = parser.parse_args()
    folders = {name: lay_out(name, given.images, given.work / "data") for name in [*chosen, "brightfield"]}
    print(f"{'model':13}{'shown':14}{'AUROC':>6}{'flagged':>9}{'median':>8}")
    for name in given.models:
        run = given.work / f"{name}-{given.images}-{given.seconds:g}s"
        if not (run / "model.safetensors").exists():
            train(folders[name] / "train", test=folders[name] / "test", seconds=given.seconds, out=run)
        model = load(run)
        shown = {other: numbers(model, folder) for other, folder in folders.items()}
        for other, values in shown.items():
            flagged = f"{100 * np.mean(np.array(values) > 1):.0f} %"
            chance = "own" if other == name else f"{auroc(shown[name], values):.3f}"
            print(f"{name:13}{other:14}{chance:>6}{flagged:>9}{np.median(values):>8.2f}")
    print(f"\n{'model':13}{'T':>6}  {'ECE before':>10}{'after':>8}{'Brier before':>14}{'after':>8}   of")
    for name in given.models:
        run = given.work / f"{name}-{given.images}-{given.seconds:g}s"
        found = json.loads((run / "scores.json").read_text())["calibration"]
        for what in ("pixels", "objects"):
            if what in found and found[what]["after"]["n"]:
                before, after = found[what]["before"], found[what]["after"]
                told = "-" if found["temperature"] is None else f"{found['temperature']:.2f}"
                print(
                    f"{name:13}{told:>6}  {before['ece']:>10.3f}{after['ece']:>8.3f}{before['brier']:>14.3f}"
                    f"{after['brier']:>8.3f}   {before['n']} {what}"
                )


if __name__ == "__main__":
    main()
