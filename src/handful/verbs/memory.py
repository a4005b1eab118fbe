"""How much main memory a training will have taken at its worst moment, told before it begins."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from handful.data.audit import Audit
from handful.data.sample import Sample, SamplesOnDemand
from handful.data.split import Split
from handful.plan import Line, Plan
from handful.prediction.appetite import MARGIN, bytes_a_pixel, bytes_a_step
from handful.prediction.ceiling import peak_memory, resident
from handful.scale import working_size
from handful.verbs.score import MOST_PICTURES, PICTURE_SIDE

# What is loaded after the plan (optimiser, skimage, the page) and small tensors; measured with nets of no width.
LATER = 10_000_000
# Peak of the process over the count of a step: scratch and reordered weights of oneDNN, and what malloc keeps.
STEP_MARGIN = 1.15
# Net, gradient, momentum, average and the best so far.
COPIES = 5
PICTURE_BYTES = 8  # a pixel of a picture for the report: view, truth, answer, and its files


def memory_line(samples: Sequence[Sample], audit: Audit, split: Split, plan: Plan, device: str) -> Line:
    """The line of the plan: the peak of the whole process in GB, and what it is made of.

    samples: decoded already, or on demand. Within 20 % on a CPU (tests/promises/test_memory.py).
    """
    import torch

    from handful.models import build_net
    from handful.training.prepare import count_outputs
    from handful.training.store import DECODED

    settings = plan.training
    classes = count_outputs(plan, audit.reading)
    if settings.net == "forest":  # trees take next to nothing beside the images
        settings = replace(settings, net="fcn", net_settings={})
    with torch.random.fork_rng(devices=[]):
        net = build_net(settings.net, in_channels=audit.channels, classes=classes, **settings.net_settings)
    pixels = [height * width for height, width in (working_size(one.shape, plan.scale) for one in split.train)]
    each = 4 * audit.channels + 4 + (4 if "weighted" in settings.loss else 0)
    on_demand = isinstance(samples, SamplesOnDemand)
    images = DECODED if on_demand else sum(pixels) * each
    weights = COPIES * sum(4 * one.numel() for one in net.parameters())
    step = answer = 0.0
    if device == "cpu":
        step = STEP_MARGIN * bytes_a_step(net, audit.channels, classes, settings.batch, settings.patch)
        largest = max(max(fact.height, 1) * max(fact.width, 1) for fact in audit.facts.values())
        answer = MARGIN * bytes_a_pixel(net, audit.channels) * min(largest, 1024**2)
    pictures = min(len(split.test), MOST_PICTURES) * min(PICTURE_SIDE**2, max(pixels)) * PICTURE_BYTES
    here = resident()
    peak = max(peak_memory(), here + images + weights + max(step, answer) + pictures + LATER)
    kept = f"{len(samples)} images {'decoded when they are drawn' if on_demand else 'kept decoded'}"
    reason = (
        f"at the worst moment: {gigabytes(here + LATER)} the program and what it has read, {gigabytes(images)} for "
        f"{kept}, {gigabytes(max(step, answer))} for {'a step' if step >= answer else 'predicting an image'}"
    )
    return Line("memory", gigabytes(peak), reason)


def gigabytes(size: Any) -> str:
    """1.23 GB."""
    return f"{size / 1e9:.2f} GB"
