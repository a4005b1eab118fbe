"""Scoring a model on labelled images, with the pictures for the report."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from handful.data.channels import TURNED_GREY, may_lose_colour
from handful.data.check import Audit
from handful.data.mask import VOID, read_annotators
from handful.data.sample import Sample, read_samples
from handful.data.split import Region
from handful.measure.boundary_scores import BoundaryScorer
from handful.measure.scorer import Scorer
from handful.measure.scores import FOREST, Scores
from handful.outputs.view import to_view
from handful.prediction.segmenter import Prediction, Segmenter
from handful.report.content import Picture
from handful.scale import working_size
from handful.verbs.listener import SILENT, Listener

MOST_PICTURES = 100  # a page with more is too heavy to open
PICTURE_SIDE = 640  # pixels; twice what the page shows


@dataclass
class Scored:
    """Scores, the pictures of some of the images, and how many images there was no time for."""

    scores: Scores
    pictures: list[Picture] = field(default_factory=list)
    left_out: int = 0


@dataclass(frozen=True)
class Beside:
    """A pixel forest that answers the same images as the model, for comparison; pace: seconds that a pixel takes it."""

    model: Segmenter
    pace: float

    how = "decision trees on smoothed copies and derivatives of the images, grown from the same labels in some seconds"


def score_regions(
    model: Segmenter,
    audit: Audit,
    regions: Iterable[Region],
    *,
    objects_bright: bool | None = None,
    until: float | None = None,
    listener: Listener = SILENT,
    look: Callable[[str, Sample, NDArray[np.uint8], Prediction], None] | None = None,
    detectors: tuple[str, ...] = ("sobel",),
    with_outlines: bool = False,
    scorer: Scorer | None = None,
    boundaries: BoundaryScorer | None = None,
    beside: Beside | None = None,
    flips: bool | None = None,
) -> Scored:
    """Predict and score regions of an audited set, one at a time; stops early at `until` (time.monotonic).

    With at least one image scored, what is left when the time is up is left out and counted. `look` is shown the name,
    the sample, its truth and the prediction of each, for other scores than these. `detectors` of edges are run beside a
    model of boundaries; Canny takes as long as all the rest. `with_outlines` as in `Scorer`. A `scorer` (and, for
    boundaries, theirs) goes on counting: the scores are then of all images that it has seen. `beside` answers the same
    images once all are scored, if that is done by `until`. `flips` as in `Segmenter.predict`.
    """
    from handful.training.prepare import make_target

    wanted = list(regions)
    card = model.card
    if may_lose_colour(audit.channels, card.channels):
        listener.say(f"note     some images of {audit.root} are {TURNED_GREY}")
    if scorer is None:
        scorer = Scorer(
            card.classes, background=card.background, objects_bright=objects_bright, with_outlines=with_outlines
        )
    if boundaries is None and card.task == "boundaries":
        boundaries = BoundaryScorer(detectors)
    scored = Scored(scorer.finish())
    with_labels = audit.reading.instances and card.task == "instances"
    for number, region in enumerate(wanted):
        if until is not None and number and time.monotonic() > until:
            scored.left_out = len(wanted) - number
            break
        (sample,) = read_samples(audit, [region], threads=1)
        truth = make_target(sample, card.task, audit.reading)
        image = np.moveaxis(sample.image, 0, -1)
        prediction = model.predict(image, name=sample.name, flips=flips)
        labels: dict[str, Any] = {}
        if with_labels:
            labels = {"true_labels": sample.labels, "predicted_labels": prediction.labels}
        dice = scorer.add(region_name(region, sample), truth, prediction.mask, image=image, **labels)
        if boundaries is not None:
            drawn = drawn_boundaries(audit, region, truth)
            boundaries.add(region_name(region, sample), drawn, prediction.boundaries * (truth != VOID), image)
        if look is not None:
            look(region_name(region, sample), sample, truth, prediction)
        if len(scored.pictures) < MOST_PICTURES:
            scored.pictures.append(small_picture(region_name(region, sample), image, truth, prediction.mask, dice))
        listener.progress("scoring", (number + 1) / len(wanted), sample.name)
    if beside is not None and not scored.left_out:
        answer_beside(beside, scorer, audit, wanted, until)
    scored.scores = scorer.finish() if boundaries is None else boundaries.add_to(scorer.finish())
    return scored


def answer_beside(beside: Beside, scorer: Scorer, audit: Audit, regions: Sequence[Region], until: float | None) -> None:
    """Count another model's answers on the regions that were scored, all of them or, where time is short, none."""
    from handful.training.prepare import make_target

    sizes = [working_size(region.shape, beside.model.card.scale) for region in regions]
    left = beside.pace * sum(map(prod, sizes))
    counted = []
    for region, size in zip(regions, sizes, strict=True):
        if until is not None and time.monotonic() + left > until:
            return
        (sample,) = read_samples(audit, [region], threads=1)
        truth = make_target(sample, beside.model.card.task, audit.reading)
        counted.append((truth, beside.model.predict(np.moveaxis(sample.image, 0, -1)).mask))
        left -= beside.pace * prod(size)
    for truth, mask in counted:
        scorer.add_answer(FOREST, beside.how, truth, mask)


def drawn_boundaries(audit: Audit, region: Region, truth: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """True boundaries one pixel wide, (people, H, W): of everyone who drew them (BSDS500), or the lines of a mask."""
    pair = next(pair for pair in audit.pairs if pair.name == region.name)
    if audit.reading.kind == "boundaries":
        people = read_annotators(pair.masks[0].path)
        return people[:, slice(*region.rows), slice(*region.columns)] > 0
    from skimage.morphology import skeletonize

    lines: NDArray[np.bool_] = skeletonize((truth != 0) & (truth != VOID))
    return lines[None]


def region_name(region: Region, sample: Sample) -> str:
    """The image's name, with rows and columns where the region is a part of it."""
    if region.rows[0] == 0 and region.columns[0] == 0 and sample.mask.shape == (region.rows[1], region.columns[1]):
        return region.name
    return f"{region.name} rows {region.rows[0]}-{region.rows[1]}, columns {region.columns[0]}-{region.columns[1]}"


def small_picture(
    name: str, image: NDArray[Any], true: NDArray[np.uint8], predicted: NDArray[np.uint8], dice: float
) -> Picture:
    """A picture for the report, thinned by whole steps to about PICTURE_SIDE."""
    step = max(1, max(image.shape[:2]) // PICTURE_SIDE)
    thin = (slice(None, None, step), slice(None, None, step))
    return Picture(name, to_view(image[thin]), true[thin].copy(), predicted[thin].copy(), dice)
