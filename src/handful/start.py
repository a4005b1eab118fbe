"""What a training starts from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from math import sqrt
from typing import Any

from handful.errors import SettingsError

NO_START, STARTER = "none", "starter"  # what `--init` knows beside model files: fresh weights, those that ship
# They say nothing where there is no start; every settings.toml has them.
OF_A_START = {
    "init_freeze": 0,
    "init_rate": 1,
    "init_encoder_rate": 1,
    "init_known_steps": 0,
    "init_feature_steps": 0,
    "init_rehearsal": 0,
}
# How fast what was learnt learns on: faster, it is forgotten; slower, what is new is not learnt in the time
# (docs/why/start-weights.md).
RATE = 0.3  # as a share of a new last layer's
ENCODER_RATE = 0.3  # the encoder, as a share of that, where the features tell the classes
# Where its own last layer tells the classes: steps for each image, over the root of its patches, as a few images teach
# less than is forgotten.
KNOWN_STEPS = 0.4
# Where a new one on its features does: steps for each image, and at least. Further, a few are learnt by heart.
FEATURE_STEPS, LEAST_FEATURE_STEPS = 4.0, 25.0
REHEARSAL = 0.5  # of the training, at most, in which it is found out whether that holds for these images


@dataclass(frozen=True)
class Start:
    """`init` as `--init` has it, why, its net and that net's settings. `images`: the number of training images, where
    less than half of those that the model has learnt from are among them and the others might be forgotten; else 0."""

    init: str = NO_START
    reason: str = "fresh weights"
    net: str = ""
    net_settings: Mapping[str, Any] = field(default_factory=dict)
    images: int = 0


def known_steps(images: int, sizes: Sequence[tuple[int, int]], patch: tuple[int, int]) -> float:
    """TrainSettings.init_known_steps for so many images; sizes: (rows, columns) of some of them."""
    patches = [sqrt(max(rows * columns / (patch[0] * patch[1]), 1.0)) for rows, columns in sizes]
    return round(KNOWN_STEPS * images * sum(patches) / len(patches), 1)


def feature_steps(images: int) -> float:
    """TrainSettings.init_feature_steps for so many images."""
    return max(FEATURE_STEPS * images, LEAST_FEATURE_STEPS)


def refuse_of_a_start(given: Mapping[str, Any], why: str) -> None:
    """Raises SettingsError for a setting of what is started from, where that is nothing."""
    for name, nothing in OF_A_START.items():
        if given.get(name, nothing) != nothing:
            raise SettingsError(f"setting {name}: nothing is started from ({why}). Give --init starter, or a model.")
