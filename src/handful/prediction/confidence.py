"""Probabilities that mean what they say: one temperature for all pixels, and a curve for whole objects.

A net trained for long on few images is too sure of itself. Dividing its logits by a temperature T fitted on images
that it was not trained on mends most of that and changes no answer (Guo et al. 2017, https://arxiv.org/abs/1706.04599).
Here the division is done on probabilities p, as softmax(log p / T), which is the same thing for one pass of the net:

- it comes after tiles, mirror images and resizing are put together, pixel by pixel, so tiled equals whole as before;
- it is monotone: the most probable class stays, and a threshold t turned into softmax(log (t, 1 - t) / T) cuts exactly
  the same pixels.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize

VOID = 255
FIT_PIXELS = 20_000  # of an image, on a regular grid: one number is fitted, and neighbours say nearly the same
LEAST_IMAGES = 2  # to judge a fit by leaving one out
LEAST_OBJECTS = 20  # of which so many at least must be right and so many wrong:
LEAST_OF_EACH = 4
PULL = 4  # images
LOG_TEMPERATURES = np.arange(-11, 19) / 8  # .25 to 9.5, and 0 exactly: no temperature
FLOOR = 1e-30  # of a probability, so that its logarithm is a number

FloatArray = NDArray[np.float64]


def temper(probabilities: NDArray[np.float32], temperature: float | None) -> NDArray[np.float32]:
    """softmax(log p / T) of probabilities (classes, ...), sum 1. T above 1 makes them less sure; None and 1 nothing."""
    if temperature is None or temperature == 1.0:
        return probabilities
    powers = np.maximum(probabilities, np.float32(FLOOR)) ** np.float32(1 / temperature)
    powers /= powers.sum(axis=0)
    return powers


def temper_threshold(threshold: float, temperature: float | None) -> float:
    """The threshold that cuts tempered probabilities of two classes where `threshold` cut the untempered ones."""
    if temperature is None or not 0 < threshold < 1:
        return threshold
    return float(1 / (1 + ((1 - threshold) / threshold) ** (1 / temperature)))


def fit_temperature(cases: Sequence[tuple[NDArray[np.float32], NDArray[np.uint8]]]) -> tuple[float | None, str]:
    """The temperature with the least cross-entropy on images held back, and in words what it rests on.

    cases: probabilities (classes, H, W) and true mask (H, W), 255 void. None where there are fewer than 2 images, or
    where a temperature fitted on the others does not help the image left out, in the mean over all of them. Its
    logarithm is pulled to 0 as if by 4 more images that need none: that of single images differs by some .6 from its
    mean, and over data sets by some .3. Two cats alone said 7.4 where 1.6 was best for 21 others.
    """
    chosen = [one for one in (_pixels_of(*case) for case in cases) if one[1].size]
    # Once an image: fitted on all but each in turn, a minimiser would ask for the same costs again and again.
    costs = [np.array([_cross_entropy(one, np.exp(log)) for log in LOG_TEMPERATURES]) for one in chosen]
    return _kept_if_it_carries_over(
        costs,
        _best_temperature,
        lambda temperature, cost: float(np.interp(np.log(temperature), LOG_TEMPERATURES, cost)),
        1.0,
        "temperature",
    )


def fit_objects(cases: Sequence[tuple[FloatArray, NDArray[np.bool_]]]) -> tuple[dict[str, float] | None, str]:
    """A curve from an object's mean probability to the chance that it is right (IoU of a half with a true object).

    cases: of each image held back, the mean probability of every predicted object, and whether it was right. Logistic
    regression on the log odds, after Platt (1999): {"slope", "offset"}. None with fewer than 20 objects, with fewer
    than 4 right or 4 wrong ones, or where it does not help the image left out.
    """
    chosen = [case for case in cases if case[1].size]
    right = np.concatenate([case[1] for case in chosen]) if chosen else np.zeros(0, np.bool_)
    if right.size < LEAST_OBJECTS or min(int(right.sum()), int((~right).sum())) < LEAST_OF_EACH:
        return None, f"{right.size} objects held back, {int((~right).sum())} of them wrong: too few for a curve"
    found, why = _kept_if_it_carries_over(chosen, _best_curve, _curve_loss, (1.0, 0.0), "curve for objects")
    return (None if found is None else {"slope": found[0], "offset": found[1]}), why


def object_confidence(means: FloatArray, curve: dict[str, Any] | None) -> FloatArray:
    """The chance of each object to be right, from its mean probability; that itself where there is no curve."""
    return means if not curve else _sigmoid(curve["slope"] * _log_odds(means) + curve["offset"])


def mean_probability(confidence: FloatArray, curve: dict[str, Any] | None) -> FloatArray:
    """Back from `object_confidence` to what it was made of."""
    return confidence if not curve else _sigmoid((_log_odds(confidence) - curve["offset"]) / curve["slope"])


def _kept_if_it_carries_over(
    cases: Sequence[Any], fit: Callable[[Sequence[Any]], Any], loss: Callable[[Any, Any], float], none: Any, name: str
) -> tuple[Any, str]:
    """What is fitted on all cases, if fits on all but one gain something on the one left out."""
    if len(cases) < LEAST_IMAGES:
        return None, f"no {name}, which takes {LEAST_IMAGES} images held back from training (there are {len(cases)})"
    gains = [loss(none, one) - loss(fit([*cases[:place], *cases[place + 1 :]]), one) for place, one in enumerate(cases)]
    if not np.mean(gains) > 0:
        return None, f"no {name}: fitted on all but one of {len(cases)} images held back, it does not help the other"
    return fit(cases), f"a {name} fitted on {len(cases)} images held back from training"


def _pixels_of(probabilities: NDArray[np.float32], true: NDArray[np.uint8]) -> tuple[FloatArray, NDArray[np.intp]]:
    """log p (classes, n) and the true class (n,) on a regular grid of known pixels."""
    step = max(1, int(np.ceil(np.sqrt(true.size / FIT_PIXELS))))
    offset = step // 2 if min(true.shape) > step else 0
    known = true[offset::step, offset::step]
    logs = np.log(np.maximum(probabilities[:, offset::step, offset::step], FLOOR)).astype(np.float64)
    return logs[:, known != VOID], known[known != VOID].astype(np.intp)


def _best_temperature(costs: Sequence[FloatArray]) -> float:
    """From the cross-entropy of each image at LOG_TEMPERATURES. Every image counts the same, however large."""
    total = np.sum(costs, axis=0)
    place = int(total.argmin())
    log_t = float(LOG_TEMPERATURES[place])
    if 0 < place < len(total) - 1:  # the lowest point of a parabola through three
        left, low, right = total[place - 1 : place + 2]
        step = float(LOG_TEMPERATURES[1] - LOG_TEMPERATURES[0])
        log_t += 0.5 * step * (left - right) / max(left - 2 * low + right, 1e-12)
    return float(np.exp(log_t * len(costs) / (len(costs) + PULL)))


def _cross_entropy(case: tuple[FloatArray, NDArray[np.intp]], temperature: float) -> float:
    from scipy.special import logsumexp

    logs, true = case[0] / temperature, case[1]
    return float(np.mean(logsumexp(logs, axis=0) - np.take_along_axis(logs, true[None], axis=0)[0]))


def _best_curve(cases: Sequence[tuple[FloatArray, NDArray[np.bool_]]]) -> tuple[float, float]:
    odds = _log_odds(np.concatenate([means for means, _ in cases]))
    right = np.concatenate([right for _, right in cases])

    def cost(curve: FloatArray) -> float:
        # A little pull to "as it is", or objects that are all right would drive the curve to certainty.
        return _log_loss(curve[0] * odds + curve[1], right) * right.size + 0.5 * float(
            (curve[0] - 1) ** 2 + curve[1] ** 2
        )

    # An object that is surer must not come out less sure.
    found = minimize(cost, np.array([1.0, 0.0]), method="L-BFGS-B", bounds=[(0.05, 10.0), (-10.0, 10.0)])
    return float(found.x[0]), float(found.x[1])


def _curve_loss(curve: tuple[float, float], case: tuple[FloatArray, NDArray[np.bool_]]) -> float:
    return _log_loss(curve[0] * _log_odds(case[0]) + curve[1], case[1])


def _log_loss(odds: FloatArray, right: NDArray[np.bool_]) -> float:
    return float(np.mean(np.logaddexp(0, np.where(right, -odds, odds))))


def _log_odds(chances: FloatArray) -> FloatArray:
    inside = np.clip(np.asarray(chances, np.float64), 1e-4, 1 - 1e-4)
    odds: FloatArray = np.log(inside / (1 - inside))
    return odds


def _sigmoid(odds: FloatArray) -> FloatArray:
    from scipy.special import expit

    chances: FloatArray = expit(odds)
    return chances
