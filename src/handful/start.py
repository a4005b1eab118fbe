"""What a training starts from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

NO_START, STARTER = "none", "starter"  # what `--init` knows beside model files: fresh weights, those that ship


@dataclass(frozen=True)
class Start:
    """`init` as `--init` has it, why, its net and that net's settings, and the rate at which what is taken over learns,
    as a share of the others'."""

    init: str = NO_START
    reason: str = "fresh weights"
    net: str = ""
    net_settings: Mapping[str, Any] = field(default_factory=dict)
    rate: float = 1.0
