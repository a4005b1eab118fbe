"""What a training starts from (`--init`): fresh weights, those that ship, or a model; what is taken over, and what it
has seen."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from handful.modelfile import load_model, read_card
from handful.start import NO_START, STARTER, Start

if TYPE_CHECKING:
    from torch import nn

    from handful.data.mask import MaskReading
    from handful.data.sample import Sample
    from handful.training.transfer import Transfer

SEEN = ("images", "validated", "start_images")  # in `ModelCard.training`: names and hashes of images
SHIPPED = Path(__file__).parent / "starter.safetensors"  # docs/why/start-weights.md says what it has learnt from
LINES = "lines are learnt better from fresh weights"


def start_file(init: str | Path) -> Path:
    """The model file, or run folder, that an `--init` other than none means."""
    return SHIPPED if str(init) == STARTER else Path(init)


def choose_start(
    overrides: Mapping[str, Any], samples: Sequence[Sample], reading: MaskReading, contents: Sequence[str] = ()
) -> Start:
    """What is told, or else the weights that ship unless they do not fit the net or would not help on these samples.

    overrides: lines of the plan that are given, None where not. contents: hashes of all training images.
    """
    told = overrides.get("init")
    if told == NO_START:
        return Start()
    if told is not None and told != STARTER:
        card = read_card(told)
        old = set(card.training.get("images", {}).values())
        further = bool(old) and 2 * len(old & set(contents)) >= len(old)
        return Start(told, "as told", card.net, card.net_settings, 0 if further else len(contents))
    if told is None and (reason := why_fresh(overrides, samples, reading)):
        return Start(reason=reason)
    card = read_card(SHIPPED)
    why = "learnt from generated pictures, so that few labels are enough" if told is None else "as told"
    return Start(STARTER, why, card.net, card.net_settings)


def why_fresh(overrides: Mapping[str, Any], samples: Sequence[Sample], reading: MaskReading) -> str:
    """Why the weights that ship are not taken; "" where they are."""
    from handful.plan import choose_task, wants_lines

    if overrides.get("net") not in (None, "quick") or are_given(overrides, ("net_settings",)):
        return "those that ship are of another net"
    task = overrides.get("task") or choose_task(reading)[0]
    return LINES if wants_lines(str(task), samples, reading) else ""


def are_given(overrides: Mapping[str, Any], names: Collection[str]) -> bool:
    """Whether one of these settings is given, or a part of one, as `net_settings.width` is."""
    return any(value and name.partition(".")[0] in names for name, value in overrides.items())


def start_from(net: nn.Module, init: str | Path, *, answers: Sequence[str], channels: int) -> Transfer:
    """Copy into `net`, for these answers and channels, what fits of a trained model; says what was taken over.

    answers: names of the net's outputs, as `ModelCard.answers` has them.

    Raises ModelFileError and, where nothing fits, SettingsError.
    """
    from handful.training.transfer import plan_transfer

    source, card = load_model(start_file(init))
    transfer = plan_transfer(
        net, source, where=str(init), classes=(card.answers, answers), channels=(card.channels, channels)
    )
    transfer.copy_to(net)
    return transfer


def record_start(init: str | Path, transfer: Transfer) -> dict[str, Any]:
    """For `ModelCard.training`: what was taken over, and the images that the start model has seen."""
    training = read_card(start_file(init)).training
    images = {f"{key}/{name}": content for key in SEEN for name, content in training.get(key, {}).items()}
    return {"start": transfer.record(), "start_images": images}
