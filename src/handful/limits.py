"""What settings may be: senseless ones are refused before any training, each in one sentence."""

from __future__ import annotations

from math import isfinite
from typing import Any

from handful.errors import SettingsError
from handful.names import nearest
from handful.settings import TrainSettings

OPTIMISERS = ("muon", "adamw")
PRECISIONS = ("float32", "bfloat16")

# Lowest and highest value that makes sense. A learning rate above 10 has never trained anything; a zoom of 16 leaves
# 16 pixels of a patch of 256; the elastic nodes' distance divides, so it cannot be 0.
RANGES: dict[str, tuple[float, float]] = {
    "batch": (1, 4096),
    "learning_rate": (1e-9, 10),
    "weight_decay": (0, 100),
    "warmup": (0, 1),
    "focus": (0, 1),
    "hardness": (0, 4),
    "paste": (0, 1),
    "average_share": (0, 1e6),
    "init_freeze": (0, 1),
    "init_rate": (0, 10),
    "init_encoder_rate": (0, 10),
    "init_known_steps": (0, 1e9),
    "init_feature_steps": (0, 1e9),
    "init_rehearsal": (0, 1),
    "seed": (0, 2**63),
    "geometry.rotation": (0, 360),
    "geometry.zoom": (1, 16),
    "geometry.shift": (0, 1),
    "geometry.shear": (0, 4),
    "geometry.elastic": (0, 256),
    "geometry.elastic_scale": (2, 4096),
    "geometry.chance": (0, 1),
    "colour.brightness": (0, 10),
    "colour.contrast": (0, 10),
    "colour.cast": (0, 10),
    "colour.noise": (0, 10),
    "colour.blur": (0, 1),
}
CHOICES = {"optimiser": OPTIMISERS, "precision": PRECISIONS}


def check_settings(settings: TrainSettings) -> None:
    """Raises SettingsError for the first setting out of its range or of a name that does not exist."""
    for name, (low, high) in RANGES.items():
        value = part_of(settings, name)
        if not (isfinite(value) and low <= value <= high):
            raise SettingsError(f"setting {name} = {value:g}: expected {low:g} to {high:g}.")
    for name, known in CHOICES.items():
        value = part_of(settings, name)
        if value not in known:
            raise SettingsError(f"setting {name} = {value!r}: there are {' and '.join(known)}.{nearest(value, known)}")
    if min(settings.patch) < 1 or max(settings.patch) > 16384:
        raise SettingsError(f"setting patch = {words(settings.patch)}: expected sides of 1 to 16384 pixels.")


def check_patch(patch: tuple[int, int], batch: int, multiple: int) -> None:
    """Raises SettingsError unless both sides are multiples of `multiple`, and normalisation has more than one value.

    A net pads other sizes, which is right for an image and a waste of every step for a patch.
    """
    if any(side % multiple for side in patch):
        rows, columns = (max(multiple * round(side / multiple), multiple) for side in patch)
        raise SettingsError(
            f"setting patch = {words(patch)}: this net needs multiples of {multiple}; "
            f"{words((rows, columns))} would do."
        )
    if batch * (patch[0] // multiple) * (patch[1] // multiple) < 2:
        raise SettingsError(
            f"setting patch = {words(patch)} with batch = {batch}: at its lowest level the net would see one single "
            "value, which cannot be normalised; give a larger patch or batch."
        )


def part_of(record: Any, name: str) -> Any:
    """The value called 'geometry.zoom' or plain 'batch'."""
    for step in name.split("."):
        record = getattr(record, step)
    return record


def words(patch: tuple[int, int]) -> str:
    return f"{patch[0]}x{patch[1]}"
