"""Separate objects on unseen images from the same probabilities: connected components, watersheds, and our own way.

    python benchmarks/instances.py runs/nuclei data/nuclei/test            # a model and labelled images it never saw
    python benchmarks/instances.py --set nuclei --images 16 --steps 150 --seeds 0,1,2 -o results/instances

The second form trains on the first n images of a set of datasets.py and scores on its test images. AP at IoU .5, F1 and
PQ are means over images, with the paired 95 % interval of what handful's way gains; `pooled` is AP over all objects.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from datasets import lay_out, number_of
from numpy.typing import NDArray
from scipy import ndimage
from skimage.feature import peak_local_max
from skimage.measure import label
from skimage.segmentation import watershed

from handful.data.check import check_data
from handful.data.mask import VOID
from handful.data.region import whole_regions
from handful.data.sample import read_samples
from handful.data.split import make_split
from handful.measure.bootstrap import paired_interval
from handful.measure.instances import average_precision, count_instances, f1, panoptic_quality
from handful.prediction.instances import ObjectSettings, find_objects
from handful.prediction.segmenter import Prediction, Segmenter
from handful.training.prepare import object_labels
from handful.verbs.train import train

LEAST = 10  # pixels of an object, for those that have no such setting of their own


def connected(prediction: Prediction) -> NDArray[Any]:
    return without_specks(label(foreground(prediction), connectivity=1))


def textbook(prediction: Prediction) -> NDArray[Any]:
    """As scikit-image's gallery has it: seeds at the peaks of the distance to the background, 3x3 pixels."""
    inside = foreground(prediction)
    distance = ndimage.distance_transform_edt(inside)
    peaks = np.zeros_like(inside)
    peaks[tuple(peak_local_max(distance, footprint=np.ones((3, 3)), labels=label(inside)).T)] = True
    return without_specks(watershed(-distance, ndimage.label(peaks)[0], mask=inside))


def unfitted(prediction: Prediction) -> NDArray[Any]:
    """handful's watershed with smoothing 1 and h .5, no object left out for being unsure."""
    settings = ObjectSettings(min_size=LEAST)
    return find_objects(prediction.mask, prediction.probabilities, prediction.card.background, settings).labels


def fitted(prediction: Prediction) -> NDArray[Any]:
    return prediction.labels


WAYS: dict[str, Callable[[Prediction], NDArray[Any]]] = {
    "connected components": connected,
    "textbook watershed": textbook,
    "default watershed": unfitted,
    "handful": fitted,
}


def foreground(prediction: Prediction) -> NDArray[np.bool_]:
    inside: NDArray[np.bool_] = prediction.mask != prediction.card.background
    return inside


def without_specks(labels: NDArray[Any]) -> NDArray[Any]:
    return np.where((np.bincount(labels.ravel()) < LEAST)[labels], 0, labels)


def measure(model: Segmenter, data: Path) -> dict[str, NDArray[np.float64]]:
    """For each way, matches, true objects, found objects and sum of IoU of every image (images, 4)."""
    audit = check_data(data)
    rows: dict[str, list[list[float]]] = {name: [] for name in WAYS}
    for region in whole_regions(audit).values():
        (sample,) = read_samples(audit, [region], threads=1)
        prediction = model.predict(np.moveaxis(sample.image, 0, -1), name=sample.name)
        true = object_labels(sample, audit.reading)
        for name, way in WAYS.items():
            found = count_instances(true, way(prediction), thresholds=(0.5,), ignore=sample.mask == VOID)
            rows[name].append([found.tp[0], found.true, found.predicted, found.iou[0]])
    return {name: np.array(some, float) for name, some in rows.items()}


def scores(counts: NDArray[np.float64]) -> dict[str, NDArray[np.float64]]:
    hits, true, found, overlap = np.moveaxis(counts, -1, 0)
    return {
        "AP@.5": average_precision(hits, true, found),
        "F1": f1(hits, true, found),
        "PQ": panoptic_quality(hits, overlap, true, found),
    }


def table(rows: dict[str, NDArray[np.float64]]) -> str:
    """Markdown: a line a way; in brackets what handful gains over it on the same images, and the paired interval."""
    own = scores(rows["handful"])
    lines = ["| way | pooled AP@.5 | " + " | ".join(own) + " |", "|" + "---|" * (len(own) + 2)]
    for name, counts in rows.items():
        cells = [f"{scores(counts.sum(axis=0))['AP@.5']:.3f}"]
        for score, values in scores(counts).items():
            text = f"{np.nanmean(values):.3f}"
            if name != "handful":
                gain = paired_interval(own[score], values)
                text += f" ({gain.value:+.3f}, {gain.low:+.3f} to {gain.high:+.3f})"
            cells.append(text)
        lines.append(f"| {name} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=Path, nargs="?")
    parser.add_argument("data", type=Path, nargs="?")
    parser.add_argument("--set", default="nuclei")
    parser.add_argument("--images", default="16", help="a number or all")
    parser.add_argument("--steps", type=int)
    parser.add_argument("--seconds", type=float)
    parser.add_argument("--validate", action="store_true", help="hold images back to fit on, as with --test")
    parser.add_argument("--seeds", default="0")
    parser.add_argument("-o", "--out", type=Path, default=Path("results"))
    given = parser.parse_args()
    if given.model is not None:
        if given.data is None:
            parser.error("a model needs labelled images that it never saw")
        model = Segmenter.load(given.model)
        print(model.card.postprocessing, table(measure(model, given.data)), sep="\n")
        return
    folder = lay_out(given.set, number_of(given.images), given.out / "data")
    every: dict[str, list[NDArray[np.float64]]] = {name: [] for name in WAYS}
    for seed in map(int, given.seeds.split(",")):
        run = given.out / f"{given.set}-{given.images}-{seed}"
        audit = check_data(folder / "train")
        split = make_split(audit, test_fraction=0)
        if given.validate:
            split = replace(make_split(audit, test=check_data(folder / "test")), test=())  # scored here, not there
        model = train(audit, out=run, split=split, seconds=given.seconds, steps=given.steps, seed=seed)
        rows = measure(model, folder / "test")
        print(f"seed {seed}: {model.card.training.get('objects')}\n{model.card.postprocessing}\n{table(rows)}\n")
        for name, some in rows.items():
            every[name].append(some)
    # Over seeds an image counts once, with its mean: the seeds saw the same images.
    if len(every["handful"]) > 1:
        print(table({name: np.mean(some, axis=0) for name, some in every.items()}))


if __name__ == "__main__":
    main()
