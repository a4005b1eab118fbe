"""A trained model to start from (`--init`): its net, what is taken over, and what it has seen."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from handful.modelfile import load_model, read_card

if TYPE_CHECKING:
    from torch import nn

    from handful.training.transfer import Transfer

SEEN = ("images", "validated", "start_images")  # in `ModelCard.training`: names and hashes of images


def start_net(init: str | Path) -> tuple[str, dict[str, Any]]:
    """Name and settings of the net in a model file."""
    card = read_card(init)
    return card.net, card.net_settings


def start_from(net: nn.Module, init: str | Path, *, answers: Sequence[str], channels: int) -> Transfer:
    """Copy into `net`, for these answers and channels, what fits of a trained model; says what was taken over.

    answers: names of the net's outputs, as `ModelCard.answers` has them.

    Raises ModelFileError and, where nothing fits, SettingsError.
    """
    from handful.training.transfer import plan_transfer

    source, card = load_model(init)
    transfer = plan_transfer(
        net, source, where=str(init), classes=(card.answers, answers), channels=(card.channels, channels)
    )
    transfer.copy_to(net)
    return transfer


def record_start(init: str | Path, transfer: Transfer) -> dict[str, Any]:
    """For `ModelCard.training`: what was taken over, and the images that the start model has seen."""
    training = read_card(init).training
    images = {f"{key}/{name}": content for key in SEEN for name, content in training.get(key, {}).items()}
    return {"start": transfer.record(), "start_images": images}
