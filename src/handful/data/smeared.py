"""Masks smeared by JPEG or by smoothing: two heaps of grey, or a few colours with many others between them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from handful.data.mask import MaskReading, show_value
from handful.data.maskfile import COLOUR, GREY
from handful.data.readings import Decision, at_threshold, brightness, two_values
from handful.data.values import Values, ambiguous
from handful.errors import DataError

EXTREMES = 32  # a JPEG smears 0 and 255 by this much
NEAR = 64.0  # distance of a smeared colour from its own, in RGB
CRUMB = 6  # pixels; soft rims fall into pieces of one or two
MOST_SMEARED = 24  # colours that can still be told apart when smeared


def many_between(found: Values) -> bool:
    """Soft edges: most pixels near the two ends and many different values between, each of them rare."""
    low, high = found.values[0], found.values[-1]
    if high - low < 100 or high > 255:
        return False
    between = [value for value in found.values if low < value < high]
    if len(between) < 8 or max(found.share(value) for value in between) >= 0.05:
        return False
    pieces = sum(max(1, tally.pieces) for tally in found.tallies)
    if sum(found.pixels[value] for value in between) > CRUMB * pieces:
        return False  # a rim of soft pixels falls into crumbs, classes do not
    return found.share(*(v for v in found.values if v <= low + EXTREMES or v >= high - EXTREMES)) >= 0.85


def smeared(found: Values) -> Decision:
    """Cut grey masks at the middle where two heaps of values have little between them; refuse others."""
    if found.form != GREY or max(found.values) > 255 or min(found.values) < 0:
        raise ambiguous(found)
    top = max(found.values)
    if top <= 1:
        return two_values(found, 0, 1)
    near = found.share(*(v for v in found.values if v <= EXTREMES or v >= top - EXTREMES))
    between = [v for v in found.values if EXTREMES < v < top - EXTREMES]
    peak = max((found.share(*range(v - 3, v + 4)) for v in between), default=0.0)
    if near < 0.85 or peak > 0.04 or top < 100:
        value = max(between, key=lambda v: found.pixels[v], default=top)
        raise DataError(
            f"{found.where(value)}: masks saved as JPEG, or with soft edges, must have two heaps of values, "
            "near 0 and near "
            f"255, but {100 * (1 - near):.0f} % of the pixels lie between. If they are to be cut at the middle use "
            "--mask-kind threshold; if they number classes save them as PNG without smoothing."
        )
    lossy = any(tally.lossy for tally in found.tallies)
    return at_threshold(found, "JPEG masks" if lossy else "masks with soft edges")


def rgb(codes: Sequence[int]) -> NDArray[np.float64]:
    """Packed colours as rows of red, green, blue."""
    packed = np.asarray(codes, np.int64)
    return np.stack([packed >> 16 & 255, packed >> 8 & 255, packed & 255], axis=1).astype(np.float64)


def share_near(found: Values, colours: Sequence[int]) -> float:
    """Share of the pixels whose colour is at most NEAR from one of these."""
    distances = np.linalg.norm(rgb(found.values)[:, None] - rgb(colours)[None], axis=2).min(axis=1)
    counts = np.array([found.pixels[value] for value in found.values], np.float64)
    return float(counts[distances <= NEAR].sum() / counts.sum())


def smeared_colours(found: Values) -> Decision | None:
    """Colours that stand out, every other pixel read as the nearest of them; None where none stand out."""
    order = sorted(found.values, key=lambda value: -found.pixels[value])[:4096]
    points = rgb(order)
    centres: list[int] = []
    for index, value in enumerate(order):
        if not centres or np.linalg.norm(rgb(centres) - points[index], axis=1).min() > 1.5 * NEAR:
            around = [order[i] for i in np.flatnonzero(np.linalg.norm(points - points[index], axis=1) <= NEAR / 2)]
            if found.share(*around) >= 0.005:
                centres.append(value)
    if not 2 <= len(centres) <= MOST_SMEARED or share_near(found, centres) < 0.95:
        return None
    centres = sorted(centres, key=brightness) if len(centres) == 2 else sorted(centres)
    names = ("background", "foreground") if len(centres) == 2 else tuple(show_value(c, COLOUR) for c in centres)
    shown = ", ".join(show_value(centre, COLOUR) for centre in centres)
    table = tuple(sorted((centre, number) for number, centre in enumerate(centres)))
    text = f"smeared colours: every pixel is read as the nearest of {shown}."
    background = 0 if len(centres) > 2 and centres[0] == 0 else None
    return Decision(MaskReading("colours", names, background, COLOUR, table, nearest=True, description=text))
