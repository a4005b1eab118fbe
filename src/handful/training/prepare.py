"""From samples to what the loop trains on: standardised images at working size, and targets for the task."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from handful.data.mask import VOID, MaskReading
from handful.data.sample import Sample
from handful.interior import NUMBER, draw_interior
from handful.losses.border_weight import border_weight
from handful.machine import count_cores
from handful.plan import Plan
from handful.scale import net_planes, resize_mask, resize_planes


@dataclass(frozen=True)
class Prepared:
    """images: float32 (C, H, W); targets: uint8 (H, W), 255 = leave out; weights: float32 (H, W) or None."""

    images: list[NDArray[np.float32]]
    targets: list[NDArray[np.uint8]]
    weights: list[NDArray[np.float32]] | None


def target_classes(plan: Plan, reading: MaskReading) -> tuple[tuple[str, ...], int | None]:
    """Names of the classes that are answered, and which of them is no object."""
    if plan.task == "boundaries" and not reading.draws_boundaries:
        return ("background", "boundary"), 0
    return reading.classes, reading.background


def make_target(sample: Sample, task: str, reading: MaskReading) -> NDArray[np.uint8]:
    """The true answer, uint8 (H, W): the mask, or for boundaries of other masks the lines between classes."""
    return boundary_target(sample) if task == "boundaries" and not reading.draws_boundaries else sample.mask


def interior_class(plan: Plan, reading: MaskReading) -> int | None:
    """The class of which the net learns the interior too; None where that is not asked for."""
    return reading.objects[0] if plan.training.interior else None


def count_outputs(plan: Plan, reading: MaskReading) -> int:
    """How many numbers the net answers for a pixel."""
    return len(target_classes(plan, reading)[0]) + plan.training.interior


def pasted_kinds(plan: Plan, reading: MaskReading) -> list[tuple[int, ...]]:
    """The classes of objects that may be pasted into other samples, each as the net's answers for it."""
    classes, background = target_classes(plan, reading)
    interior_of = interior_class(plan, reading)
    kinds = [number for number in range(len(classes)) if number != background]
    return [(number, NUMBER) if number == interior_of else (number,) for number in kinds]


def training_target(sample: Sample, plan: Plan, reading: MaskReading) -> NDArray[np.uint8]:
    """What the net is to learn, uint8 (H, W): the true answer, with the interior of objects where that is asked for."""
    target, interior_of = make_target(sample, plan.task, reading), interior_class(plan, reading)
    return target if interior_of is None else draw_interior(target, object_labels(sample, reading), interior_of)


def boundary_target(sample: Sample) -> NDArray[np.uint8]:
    """1 on the two pixels either side of a line between classes or objects, 0 elsewhere, void kept. uint8 (H, W)."""
    from skimage.segmentation import find_boundaries

    parts = sample.mask if sample.labels is None else sample.labels
    target: NDArray[np.uint8] = find_boundaries(parts, mode="thick").astype(np.uint8)
    target[sample.mask == VOID] = VOID
    return target


def at_size(sample: Sample, size: tuple[int, int]) -> Sample:
    """The sample with mask and labels at another size (h, w): lines drawn before that would be lost by shrinking."""
    if sample.mask.shape == size:
        return sample
    labels = sample.labels
    if labels is not None:
        rows, columns = (
            ((np.arange(new) + 0.5) * old / new).astype(int) for new, old in zip(size, labels.shape, strict=True)
        )
        labels = labels[rows[:, None], columns]
    return replace(sample, mask=resize_mask(sample.mask, size), labels=labels)


def prepare(samples: Sequence[Sample], plan: Plan, reading: MaskReading) -> Prepared:
    """Standardise, bring to working size, make targets, in threads. A loss named weighted brings border weights."""
    with ThreadPoolExecutor(count_cores()) as pool:
        made = list(pool.map(lambda sample: prepare_one(sample, plan, reading), samples))
    weights = [weight for _, _, weight in made if weight is not None]
    return Prepared([image for image, _, _ in made], [target for _, target, _ in made], weights or None)


def prepare_one(
    sample: Sample, plan: Plan, reading: MaskReading
) -> tuple[NDArray[np.float32], NDArray[np.uint8], NDArray[np.float32] | None]:
    """Image, target and, where the loss asks for it, border weight of one sample."""
    planes = np.ascontiguousarray(net_planes(np.moveaxis(sample.image, 0, -1), plan.normalisation, plan.scale))
    size = planes.shape[1], planes.shape[2]
    target = training_target(at_size(sample, size), plan, reading)
    if "weighted" not in plan.training.loss:
        return planes, target, None
    return planes, target, resize_planes(border_weight(object_labels(sample, reading))[None], size)[0]


def object_labels(sample: Sample, reading: MaskReading) -> NDArray[np.int32]:
    """Labels of the objects, int32 (H, W): as given, or the connected pieces of the object classes."""
    if sample.labels is not None:
        return sample.labels
    from skimage.measure import label

    labels: NDArray[np.int32] = label(np.isin(sample.mask, reading.objects)).astype(np.int32)
    return labels
