"""What a training of a comparison is worth: every score it asks for, on every set, and its masks to look at."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from math import nan
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from handful.data.audit import Audit
from handful.data.decode import ImageFile
from handful.data.mask import VOID
from handful.data.region import Region, spread_out, whole_regions
from handful.data.sample import Sample
from handful.data.split import Split
from handful.experiments.measures import choose_threshold, grouping_scores, object_scores, trivial_grouping
from handful.experiments.table import mean
from handful.files import whole_file
from handful.measure.scores import HEADLINE, Scores
from handful.prediction.segmenter import Prediction, Segmenter
from handful.verbs.listener import SILENT, Listener
from handful.verbs.runfolder import without_nan, write_json
from handful.verbs.score import score_regions

MOST_TRAINING = 8  # training images that are scored: enough to see whether they are known by heart
FOR_THRESHOLD = 4  # training images on which a threshold is chosen
SHOWN = 3  # pictures of every other test set
SUMMED = ("dice_per_image", "iou_per_image", "accuracy", "ap_per_image", "ap50_per_image", "f1_pooled", "pq_pooled")
IMAGE_SCORES = ("dice", "iou", "precision", "recall", "object_f1")


@dataclass
class Judged:
    """Scores of one training.

    `images`: scores by name of each test image; `summary`: of the whole test; `trivial`: what answers without training
    get, by score of an image; `training`: mean Dice on images that were trained on; `tests`, `summaries` and `rivals`:
    as `images`, `summary` and `trivial` for every other set, the rivals by scores of the whole set.
    """

    images: dict[str, dict[str, float]] = field(default_factory=dict)
    summary: dict[str, float] = field(default_factory=dict)
    trivial: dict[str, dict[str, float]] = field(default_factory=dict)
    training: float = nan
    tests: dict[str, dict[str, dict[str, float]]] = field(default_factory=dict)
    summaries: dict[str, dict[str, float]] = field(default_factory=dict)
    rivals: dict[str, dict[str, dict[str, float]]] = field(default_factory=dict)
    steps: int = 0

    def write(self, path: Path) -> None:
        """As JSON, nan as null; the file is what marks a training as judged."""
        path.parent.mkdir(parents=True, exist_ok=True)
        write_json(path, without_nan(asdict(self)))

    @classmethod
    def read(cls, path: Path) -> Judged:
        """Back from `write`."""

        def filled(value: Any) -> Any:
            if isinstance(value, dict):
                return {key: filled(one) for key, one in value.items()}
            return nan if value is None else value

        return cls(**filled(json.loads(path.read_text(encoding="utf-8"))))


@dataclass(frozen=True)
class Judge:
    """Scores models of one comparison, always by the same rules."""

    measures: Sequence[str]
    audit: Audit
    others: Audit | None  # the test set, where it is one of its own
    tests: Mapping[str, Audit]
    apply: Mapping[str, ImageFile]
    training_scores: bool
    listener: Listener = SILENT
    detectors: tuple[str, ...] = ()  # of edges, beside models of boundaries

    def judge(self, model: Segmenter, split: Split, masks: Path) -> Judged:
        """All scores of a model; masks (and for boundaries their strengths) go to the folder `masks`."""
        judged = Judged(steps=int(model.card.training.get("steps", 0)))
        audit = self.others or self.audit
        threshold = self.threshold(model, split) if "grouping" in self.measures else None
        scores = self.score(model, audit, split.test, judged.images, judged.summary, masks / "test", None, threshold)
        for name, answer in scores.trivial.items():
            judged.trivial[name] = {key: answer.values.get(f"{key}_per_image", nan) for key in ("dice", "iou")}
        if threshold is not None:
            judged.summary["threshold"] = threshold
            self.add_trivial_grouping(judged, audit, split.test, model)
        if self.training_scores:
            chosen = split.train[:MOST_TRAINING]
            judged.training = score_regions(model, self.audit, chosen).scores[HEADLINE].value
        for name, one in self.tests.items():
            judged.tests[name], judged.summaries[name] = {}, {}
            regions = list(whole_regions(one).values())
            where = judged.tests[name], judged.summaries[name], masks / safe(name), SHOWN, threshold
            others = self.score(model, one, regions, *where)
            judged.rivals[name] = {rival: dict(answer.values) for rival, answer in others.trivial.items()}
        for name, image in self.apply.items():
            self.listener.progress("predicting", 0.0, name)
            save_answer(masks / "applied" / f"{name}.png", model.predict(image, name=name))
        return judged

    def score(
        self,
        model: Segmenter,
        audit: Audit,
        regions: Sequence[Region],
        images: dict[str, dict[str, float]],
        summary: dict[str, float],
        masks: Path,
        shown: int | None,
        threshold: float | None,
    ) -> Scores:
        """Score a set; fills `images` and `summary`, keeps the answers for the first `shown` (None: all)."""

        def look(name: str, sample: Sample, truth: NDArray[np.uint8], prediction: Prediction) -> None:
            row = images.setdefault(name, {})
            if "objects" in self.measures and sample.labels is not None:
                row |= object_scores(sample.labels, prediction.labels, truth == VOID)
            if threshold is not None:
                row |= grouping_scores(truth, boundary_of(prediction), threshold, between_of(model))
            if shown is None or len(images) <= shown:
                save_answer(masks / f"{safe(name)}.png", prediction)

        made = score_regions(model, audit, regions, listener=self.listener, look=look, detectors=self.detectors)
        scores = made.scores
        for one in scores.images:
            images[one.name] = {key: getattr(one, key) for key in IMAGE_SCORES} | images.get(one.name, {})
        summary |= {name: scores[name].value for name in scores if name in SUMMED or name not in SCORES_OF_AREAS}
        for key in {key for row in images.values() for key in row} - set(IMAGE_SCORES) - {"ap", "ap50"}:
            summary[key] = mean([row.get(key, nan) for row in images.values()])
        if "f1_pooled" in scores:
            f1 = scores["f1_pooled"].value
            summary["ap50_pooled"] = f1 / (2 - f1)  # tp / (tp + fp + fn) of 2 tp / (2 tp + fp + fn)
        return scores

    def threshold(self, model: Segmenter, split: Split) -> float:
        """The best threshold on training images."""
        found: list[tuple[NDArray[np.uint8], NDArray[Any]]] = []

        def look(_: str, sample: Sample, truth: NDArray[np.uint8], prediction: Prediction) -> None:
            found.append((truth, boundary_of(prediction)))

        score_regions(model, self.audit, spread_out(split.train, FOR_THRESHOLD), look=look)
        return choose_threshold(found, between_of(model))

    def add_trivial_grouping(self, judged: Judged, audit: Audit, regions: Sequence[Region], model: Segmenter) -> None:
        from handful.data.sample import read_samples

        rows: dict[str, list[dict[str, float]]] = {}
        for sample in read_samples(audit, regions):
            for name, row in trivial_grouping(sample.mask, between_of(model)).items():
                rows.setdefault(name, []).append(row)
        for name, found in rows.items():
            judged.trivial[name] = {key: mean([row[key] for row in found]) for key in found[0]}


# What the scores of overlap are called; what else `Scores` holds (objects, boundaries) goes into every summary.
SCORES_OF_AREAS = (
    "dice_per_image", "dice_pooled", "iou_per_image", "iou_pooled", "precision_pooled", "recall_pooled", "accuracy",
    "sq_pooled", "count_error_per_image",
)  # fmt: skip


def between_of(model: Segmenter) -> int:
    """The class between the boundaries: the background of what is found."""
    return model.card.background or 0


def boundary_of(prediction: Prediction) -> NDArray[Any]:
    """The probability of not being between the boundaries, (H, W)."""
    boundary: NDArray[Any] = 1 - prediction.probabilities[prediction.card.background or 0]
    return boundary


def safe(name: str) -> str:
    """An image's name as a file's."""
    return name.replace("/", "_")


def save_answer(path: Path, prediction: Prediction) -> None:
    """The mask as class numbers, or for a boundary model the strengths of its thin boundaries, 0 to 255."""
    path.parent.mkdir(parents=True, exist_ok=True)
    answer = prediction.mask
    if prediction.card.task == "boundaries":
        answer = (prediction.boundaries * 255 + 0.5).astype(np.uint8)
    with whole_file(path) as stream:
        Image.fromarray(answer).save(stream, "PNG")


def read_answer_file(path: Path) -> NDArray[np.uint8] | None:
    """Back from `save_answer`; None where there is none."""
    return np.asarray(Image.open(path), np.uint8) if path.is_file() else None
