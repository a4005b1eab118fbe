"""What a training starts from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from handful.errors import SettingsError

NO_START, STARTER = "none", "starter"  # what `--init` knows beside model files: fresh weights, those that ship
# They say nothing where there is no start; every settings.toml has them.
OF_A_START = {"init_freeze": 0, "init_rate": 1, "init_encoder_rate": 1}


@dataclass(frozen=True)
class Start:
    """`init` as `--init` has it, why, its net and that net's settings, and the rate at which what is taken over learns,
    as a share of the others'; `encoder_rate` as TrainSettings.init_encoder_rate."""

    init: str = NO_START
    reason: str = "fresh weights"
    net: str = ""
    net_settings: Mapping[str, Any] = field(default_factory=dict)
    rate: float = 1.0
    encoder_rate: float = 1.0


def refuse_of_a_start(given: Mapping[str, Any], why: str) -> None:
    """Raises SettingsError for a setting of what is started from, where that is nothing."""
    for name, nothing in OF_A_START.items():
        if given.get(name, nothing) != nothing:
            raise SettingsError(f"setting {name}: nothing is started from ({why}). Give --init starter, or a model.")
