"""What a trained model learns about itself before it is scored: how sure it may be, and what its images look like.

Both come from predictions as a user gets them: of the images held back for validation, and of images trained on.
"""

from __future__ import annotations

import time
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from handful.data.check import Audit
from handful.data.mask import VOID, MaskReading
from handful.data.sample import Sample, read_samples
from handful.data.split import Split
from handful.measure.matches import ObjectMatches, match_objects
from handful.prediction.confidence import fit_objects, fit_temperature, temper, temper_threshold
from handful.prediction.likeness import MOST_KEPT, alone, learn_likeness
from handful.training.prepare import make_target, object_labels

if TYPE_CHECKING:
    from handful.modelfile import ModelCard
    from handful.prediction.segmenter import Prediction, Segmenter


def settle(
    model: Segmenter, audit: Audit, split: Split, *, until: float | None = None
) -> tuple[ModelCard, str, list[str]]:
    """The card with temperature, curve for objects and likeness; in words how the confidence was settled; odd images.

    Looks at the validation images, then at training images, until `until` (time.monotonic) or 32 are seen. The answer
    of no pixel changes: a threshold is turned along with the temperature. Without images held back the probabilities
    stay as they are: training images, copied with other colours and places or not, are ones the net knows by heart, and
    a temperature from them says that it may be sure (docs/why/confidence.md has the measurement).
    """
    card = replace(model.card, temperature=None, object_confidence={}, likeness={})
    model.card = card
    held_back: list[tuple[Prediction, Sample]] = []
    descriptions: dict[str, NDArray[np.float32]] = {}
    for number, region in enumerate([*split.validation, *split.train][:MOST_KEPT]):
        if until is not None and number and time.monotonic() > until:
            break
        (sample,) = read_samples(audit, [region], threads=1)
        prediction = model.predict(np.moveaxis(sample.image, 0, -1), name=sample.name)
        if prediction.description is not None:
            descriptions[region.name] = prediction.description
        if number < len(split.validation):
            held_back.append((prediction, sample))
    temperature, words = fit_temperature(
        [(prediction.probabilities, make_target(sample, card.task, audit.reading)) for prediction, sample in held_back]
    )
    threshold = None if card.threshold is None else temper_threshold(card.threshold, temperature)
    card = replace(
        card, temperature=temperature, threshold=threshold, likeness=learn_likeness(list(descriptions.values()))
    )
    if has_objects(card):
        tempered = [
            (replace(one, probabilities=temper(one.probabilities, temperature), card=card), sample)
            for one, sample in held_back
        ]
        curve, _ = fit_objects([judge_objects(*one, audit.reading)[:2] for one in tempered])
        card = replace(card, object_confidence=curve or {})
    return card, words, odd_ones(descriptions, card.likeness)


def odd_ones(descriptions: dict[str, NDArray[np.float32]], likeness: dict[str, Any]) -> list[str]:
    """Names of training images that have not their like among the others, the oddest first."""
    names = list(descriptions)
    far = alone(list(descriptions.values()), likeness)
    return [names[place] for place in np.argsort(-far) if far[place] > 1]


def has_objects(card: ModelCard) -> bool:
    """Whether single objects can be right or wrong: one class of them, or a model that parts them."""
    return card.background is not None and (
        card.task == "instances" or (card.task, len(card.classes)) == ("semantic", 2)
    )


def judge_objects(
    prediction: Prediction, sample: Sample, reading: MaskReading
) -> tuple[NDArray[np.float64], NDArray[np.bool_], ObjectMatches]:
    """Confidence of every predicted object, whether a true one overlaps it by half (IoU .5), and how all overlap."""
    true = object_labels(sample, reading)
    matches = match_objects(true, prediction.labels, ignore=sample.mask == VOID)
    return prediction.objects.confidence, matches.predicted_iou >= 0.5, matches
