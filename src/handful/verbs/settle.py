"""What a trained model learns about itself before it is scored: how sure it may be, how its objects are parted or the
gaps in its lines bridged, and what its images look like.

All come from predictions as a user gets them: of the images held back for validation, and of images trained on.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from dataclasses import asdict, replace
from math import prod
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from handful.data.check import Audit
from handful.data.mask import VOID, MaskReading
from handful.data.region import spread_out
from handful.data.sample import Sample, read_samples
from handful.data.split import Split
from handful.interior import merge_planes
from handful.measure.lines import LOOKED_AT, are_lines
from handful.measure.matches import ObjectMatches, match_objects
from handful.measure.overlap import count_overlap, dice
from handful.prediction.bridge import fit_bridge
from handful.prediction.confidence import fit_objects, fit_temperature, temper, temper_threshold
from handful.prediction.likeness import MOST_KEPT, alone, describe_image, learn_likeness, middle, middle_of
from handful.prediction.parting import Case, fit_parting, general_settings
from handful.prediction.tiles import predict_tiles
from handful.prediction.views import LINE_SIZES, choose_mirrors, predict_views
from handful.scale import net_planes, resize_planes
from handful.training.prepare import make_target, object_labels
from handful.verbs.listener import SILENT, Listener

SIZES_SHARE = 0.4  # of the time goes to finding out whether lines are better answered at several sizes at most
VALIDATION_SHARE = 0.6  # with validation images
DESCRIBED_SHARE = 0.8  # with those trained on; the rest to the objects
MEASURED_SHARE = 0.9  # of the time, by which true objects are measured
TRIED_ON = 3  # images, on which answers at several sizes are held against answers at one
LEAST_CHANGE = -0.003  # of their Dice: membranes -.002 to +.006, walls drawn to the pixel -.005 to .000
MOST_MEASURED = 100  # images whose true objects are measured: enough for the size of the smallest

if TYPE_CHECKING:
    from handful.modelfile import ModelCard
    from handful.prediction.segmenter import Prediction, Segmenter


def settle(
    model: Segmenter,
    audit: Audit,
    split: Split,
    samples: Sequence[Sample],
    *,
    until: float | None = None,
    pace: float = 0.0,
    flips: bool | None = None,
    listener: Listener = SILENT,
) -> tuple[ModelCard, str, list[str]]:
    """The card with sizes for lines, temperature, settings and curve for objects, and likeness; in words how the
    confidence was settled; odd images. How objects are parted or gaps in lines bridged goes into the card in words too
    (`training["objects"]`, `training["gaps"]`), and to the listener.

    Looks at the validation images, if at `pace` seconds a pixel the two that anything can be learnt from are looked at
    by `until` (time.monotonic), then at training `samples`, 32 in all; past `until` at what costs next to nothing. But
    for lines (several sizes, bridged gaps) the answer of no pixel changes: a threshold is turned along with the
    temperature. Without images held back the probabilities stay as they are. Training images, copied with other colours
    and places or not, are no replacement: the net knows them by heart, and a temperature from them says that it may be
    sure (docs/why/confidence.md has the measurement).
    """
    began = time.monotonic()
    card = replace(model.card, bridge=None, sizes=(), temperature=None, object_confidence={}, likeness={})
    model.card = card
    lines = has_lines(card, samples)
    if lines and card.net != "forest":
        sizes_by = None if until is None else began + SIZES_SHARE * (until - began)
        model.card = card = replace(card, sizes=try_sizes(model, samples, until=sizes_by))
    looked_by = None if until is None else began + VALIDATION_SHARE * (until - began)
    described_by = None if until is None else began + DESCRIBED_SHARE * (until - began)
    held_back: list[tuple[Prediction, Sample]] = []
    descriptions: dict[str, NDArray[np.float32]] = {}
    least = pace * sum(prod(region.shape) for region in split.validation[:2])
    late = until is not None and until < began + least
    for region in () if late else split.validation:
        if held_back and looked_by is not None and time.monotonic() > looked_by:
            break
        (sample,) = read_samples(audit, [region], threads=1)
        prediction = model.predict(np.moveaxis(sample.image, 0, -1), name=sample.name, flips=flips)
        if prediction.description is not None:
            descriptions[region.name] = prediction.description
        held_back.append((prediction, sample))
    for sample in samples[: MOST_KEPT - len(descriptions)]:
        in_time = described_by is None or time.monotonic() < described_by
        descriptions[sample.name] = describe(model, np.moveaxis(sample.image, 0, -1), with_answer=in_time)
    temperature, words = fit_temperature(
        [(prediction.probabilities, make_target(sample, card.task, audit.reading)) for prediction, sample in held_back]
    )
    threshold = None if card.threshold is None else temper_threshold(card.threshold, temperature)
    card = replace(
        card, temperature=temperature, threshold=threshold, likeness=learn_likeness(list(descriptions.values()))
    )
    tempered = (
        (replace(one, probabilities=temper(one.probabilities, temperature)), sample) for one, sample in held_back
    )
    if card.background is not None and has_objects(card):
        measured_by = None if until is None else began + MEASURED_SHARE * (until - began)
        card, parting = part_objects(card, list(tempered), samples, audit.reading, measured_by=measured_by, until=until)
        listener.say(f"parting  {parting}")
    elif lines:
        card, gaps = bridge_lines(card, tempered, until=until)
        listener.say(f"gaps     {gaps}")
    return card, words, odd_ones(descriptions, card.likeness)


def try_sizes(model: Segmenter, samples: Sequence[Sample], *, until: float | None) -> tuple[float, ...]:
    """The sizes at which lines are answered too: none where that makes the answers to training images clearly worse.

    The net knows those by heart at their own size, so that a little is lost there where others gain.
    """
    card, kind = model.card, model.card.object_classes[0]
    changes: list[float] = []
    for sample in spread_out(samples, TRIED_ON):
        if until is not None and time.monotonic() > until:
            break
        planes = net_planes(np.moveaxis(sample.image, 0, -1), card.normalisation, card.scale)
        piece = middle(planes, planes.shape[1:])
        mirrors = choose_mirrors(card, (piece.shape[1], piece.shape[2]))
        rows, columns = middle_of(sample.mask.shape, planes.shape[1:])
        truth = sample.mask[slice(*rows), slice(*columns)]
        found = []
        for sizes in ((), LINE_SIZES):
            answer = resize_planes(predict_views(model.running, piece, model.tiling, mirrors, sizes), truth.shape)
            tp, fp, fn, _ = count_overlap(truth, answer.argmax(0), len(card.classes))
            found.append(float(np.nan_to_num(dice(tp, fp, fn)[kind])))
        changes.append(found[1] - found[0])
    return LINE_SIZES if changes and np.mean(changes) > LEAST_CHANGE else ()


def part_objects(
    card: ModelCard,
    held_back: Sequence[tuple[Prediction, Sample]],
    samples: Sequence[Sample],
    reading: MaskReading,
    *,
    measured_by: float | None,
    until: float | None,
) -> tuple[ModelCard, str]:
    """The card with settings for objects and the curve of their confidence; in words what the settings rest on."""
    background = card.background or 0
    cases = (
        Case(one.mask, one.probabilities, object_labels(sample, reading), sample.mask == VOID, one.interior)
        for one, sample in held_back
    )
    true: list[NDArray[np.int32]] = []
    for sample in spread_out(samples, MOST_MEASURED):
        if true and measured_by is not None and time.monotonic() > measured_by:
            break
        true.append(object_labels(sample, reading))
    general = general_settings(true, card.threshold, interior=card.interior_of is not None)
    settings, words = fit_parting(cases, background, general, until=until)
    card = replace(card, postprocessing=asdict(settings), training={**card.training, "objects": words})
    curve, _ = fit_objects([judge_objects(replace(one, card=card), sample, reading)[:2] for one, sample in held_back])
    return replace(card, object_confidence=curve or {}), words


def bridge_lines(
    card: ModelCard, held_back: Iterable[tuple[Prediction, Sample]], *, until: float | None
) -> tuple[ModelCard, str]:
    """The card with the threshold down to which gaps in lines are bridged, and in words what it rests on."""
    kind = card.object_classes[0]
    upper = 0.5 if card.threshold is None else card.threshold
    cases = ((one.probabilities[kind], sample.mask) for one, sample in held_back)
    bridge, words = fit_bridge(cases, kind, upper if kind == 1 else 1 - upper, until=until)
    return replace(card, bridge=bridge, training={**card.training, "gaps": words}), words


def describe(model: Segmenter, image: NDArray[Any], *, with_answer: bool) -> NDArray[np.float32]:
    """The numbers that `handful.prediction.likeness` keeps of one image (H, W, C); of the net's answer the middle."""
    card = model.card
    planes = net_planes(image, card.normalisation, card.scale)
    if not with_answer:
        return describe_image(image, planes, None)
    answer = predict_tiles(model.running, middle(planes, planes.shape[1:]), model.tiling)
    return describe_image(image, planes, merge_planes(answer, card.interior_of)[0])


def odd_ones(descriptions: dict[str, NDArray[np.float32]], likeness: dict[str, Any]) -> list[str]:
    """Names of training images that have not their like among the others, the oddest first."""
    names = list(descriptions)
    far = alone(list(descriptions.values()), likeness)
    return [names[place] for place in np.argsort(-far) if far[place] > 1]


def has_objects(card: ModelCard) -> bool:
    """Whether single objects can be right or wrong: pieces of a membrane or of the sky are none."""
    return card.background is not None and card.task == "instances"


def has_lines(card: ModelCard, samples: Sequence[Sample]) -> bool:
    """Whether the objects' class parts the image into regions, as membranes and roads do."""
    if card.task != "semantic" or card.background is None or len(card.classes) != 2:
        return False
    # Only those that are looked at are decoded.
    return are_lines([sample.mask for sample in spread_out(samples, LOOKED_AT)], card.object_classes[0])


def judge_objects(
    prediction: Prediction, sample: Sample, reading: MaskReading
) -> tuple[NDArray[np.float64], NDArray[np.bool_], ObjectMatches]:
    """Confidence of every predicted object, whether a true one overlaps it by half (IoU .5), and how all overlap."""
    true = object_labels(sample, reading)
    matches = match_objects(true, prediction.labels, ignore=sample.mask == VOID)
    return prediction.objects.confidence, matches.predicted_iou >= 0.5, matches
