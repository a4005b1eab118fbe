"""Losses on the difference x = target - probability: mean squared error and LINEX."""

from __future__ import annotations

from functools import lru_cache
from math import exp, expm1

from torch import Tensor

from handful.errors import SettingsError
from handful.losses.parts import IGNORE, counted_pixels, mean_over, one_hot, probabilities


def difference(logits: Tensor, target: Tensor, counted: Tensor) -> Tensor:
    """(B, C, H, W): 1 - p at the true class, -p at the others, 0 where a pixel does not count."""
    return one_hot(target, logits.shape[1], counted) - probabilities(logits, counted)


def mse_loss(logits: Tensor, target: Tensor, *, weight: Tensor | None = None, ignore_index: int = IGNORE) -> Tensor:
    """Mean squared error of the probabilities, sum over classes of (t - p)^2 / 2, averaged over pixels (Brier 1950).

    logits (B, C, H, W); target (B, H, W) int64; weight (B, H, W) or None. Scalar in [0, 1]; 0 is perfect. A class
    absent from the target costs the square of the probability given to it.
    """
    counted = counted_pixels(target, ignore_index)
    return mean_over(difference(logits, target, counted).square().sum(1) / 2, counted, weight)


@lru_cache
def linex_exponent(cost_ratio: float) -> float:
    """The n > 0 for which f(x) = exp(n x) - n x - 1 has f(1) / f(-1) = cost_ratio. 10 gives 3.33.

    Raises SettingsError for a ratio that no n up to 50 reaches, or of 1 or less, which is the squared error's.
    """
    from scipy.optimize import brentq

    def too_much(n: float) -> float:
        return (expm1(n) - n) - cost_ratio * (exp(-n) + n - 1)

    if not 1.001 <= cost_ratio <= 1e18:
        raise SettingsError(f"cost_ratio {cost_ratio:g}: a missed pixel must cost 1.001 to 1e18 times a false one.")
    return float(brentq(too_much, 1e-4, 50.0))


def linex_loss(
    logits: Tensor,
    target: Tensor,
    *,
    cost_ratio: float = 100.0,
    weight: Tensor | None = None,
    ignore_index: int = IGNORE,
) -> Tensor:
    """LINEX loss (Varian 1975), f(x) = exp(n x) - n x - 1 of x = t - p, divided by f(-1), averaged over pixels.

    logits (B, C, H, W); target (B, H, W) int64; weight (B, H, W) or None. x is taken over the classes above 0, so that
    a missed object pixel costs `cost_ratio` times a false one; n follows from it. Scalar >= 0; 0 is perfect. A class
    absent from the target costs up to 1 a pixel where it is predicted.
    """
    n = linex_exponent(cost_ratio)
    counted = counted_pixels(target, ignore_index)
    x = difference(logits, target, counted)[:, 1:]
    values = ((n * x).expm1() - n * x).sum(1) / (exp(-n) + n - 1)
    return mean_over(values, counted, weight)
