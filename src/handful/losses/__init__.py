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

    settings go to every part that has a parameter of that name. Raises SettingsError for an unknown loss or setting.
    """
    parts: list[tuple[float, Loss]] = []
    unused = set(settings)
    for term in name.replace(" ", "").split("+"):
        factor, _, plain = term.rpartition("*")
        if plain not in LOSSES:
            raise SettingsError(f"--loss {name}: no loss is called {plain!r}. Losses: {', '.join(LOSSES)}, and sums "
                                f"such as 0.5*focal+dice.{nearest(plain, LOSSES)}")
        try:
            weight = float(factor) if factor else 1.0
        except ValueError:
            raise SettingsError(f"--loss {name}: {factor!r} before {plain} is no number.") from None
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
