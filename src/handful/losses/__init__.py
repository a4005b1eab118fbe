"""The losses, behind one registry and one contract.

logits (B, C, H, W) and target (B, H, W) int64 in, a scalar >= 0 out, 0 for a perfect answer; pixels marked 255 have
exactly zero gradient. A loss is called with `weight` (B, H, W) to make some pixels heavier.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from inspect import signature
from typing import TYPE_CHECKING, Any

from handful.errors import SettingsError
from handful.losses.cross_entropy import cross_entropy_loss, focal_loss
from handful.losses.difference import linex_exponent, linex_loss, mse_loss
from handful.losses.overlap import dice_loss, tversky_loss, weighted_dice_loss
from handful.names import nearest

if TYPE_CHECKING:
    from torch import Tensor

Loss = Callable[..., "Tensor"]

LOSSES: dict[str, Loss] = {
    "cross_entropy": cross_entropy_loss,
    "dice": dice_loss,
    "focal": focal_loss,
    "linex": linex_loss,
    "mse": mse_loss,
    "tversky": tversky_loss,
    "weighted_dice": weighted_dice_loss,
}

# What a setting may be; smooth 0 would divide 0 by 0 where a class is absent.
RANGES: dict[str, tuple[float, float]] = {
    "smooth": (1e-6, 1e6),
    "gamma": (0.0, 20.0),
    "miss": (0.0, 1.0),
    "cost_ratio": (1.001, 1e18),
}

__all__ = [
    "LOSSES",
    "build_loss",
    "cross_entropy_loss",
    "dice_loss",
    "focal_loss",
    "linex_exponent",
    "linex_loss",
    "mse_loss",
    "tversky_loss",
    "weighted_dice_loss",
]


def build_loss(name: str, **settings: Any) -> Loss:
    """One loss, or a sum of several: 'dice', 'cross_entropy+dice', '0.5*focal+dice'.

    settings go to every part that has a parameter of that name. Raises SettingsError for an unknown loss or setting,
    or a value out of its range.
    """
    for key, value in settings.items():
        check_setting(name, key, value)
    parts: list[tuple[float, Loss]] = []
    unused = set(settings)
    for term in name.replace(" ", "").split("+"):
        factor, _, plain = term.rpartition("*")
        if plain not in LOSSES:
            raise SettingsError(
                f"--loss {name}: no loss is called {plain!r}. Losses: {', '.join(LOSSES)}, and sums such as "
                f"0.5*focal+dice.{nearest(plain, LOSSES)}"
            )
        try:
            weight = float(factor) if factor else 1.0
        except ValueError:
            weight = float("nan")
        if not 0 < weight < float("inf"):
            raise SettingsError(f"--loss {name}: {factor!r} before {plain} is no number above 0.")
        own = {key: value for key, value in settings.items() if key in signature(LOSSES[plain]).parameters}
        unused -= own.keys()
        parts.append((weight, partial(LOSSES[plain], **own)))
    if unused:
        raise SettingsError(f"--loss {name} has no setting {', '.join(sorted(unused))}.")
    if parts == [(1.0, parts[0][1])]:
        return parts[0][1]

    def loss_sum(logits: Tensor, target: Tensor, **extra: Any) -> Tensor:
        first, *others = (factor * part(logits, target, **extra) for factor, part in parts)
        return sum(others, first)

    return loss_sum


def check_setting(loss: str, key: str, value: Any) -> None:
    """Raises SettingsError for a setting that no loss has, or a value that makes no sense."""
    if key not in RANGES:
        raise SettingsError(f"--loss {loss} has no setting {key}. Settings: {', '.join(RANGES)}.{nearest(key, RANGES)}")
    low, high = RANGES[key]
    if isinstance(value, bool) or not isinstance(value, int | float) or not low <= value <= high:
        raise SettingsError(f"--loss {loss}, {key} = {value!r}: expected a number from {low:g} to {high:g}.")
