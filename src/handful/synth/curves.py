"""Curves that wander: a direction that changes by random differences of a given order, restarted at random.

Differences of order 1 make a direction that trembles at every step, those of order 4 one that swings slowly and far;
a restart takes up a new swing and may turn a corner. A curve runs from border to border or closes.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]


class Curve(NamedTuple):
    """A line (N, 2) and the polygon (M, 2) of the region that it cuts out; row and column in pixels."""

    line: Floats
    region: Floats


@dataclass(frozen=True)
class Wander:
    """How each of K curves bends; every array is (K,).

    order: 1 to 4. bend: how far the direction may change at a step, in radians; 0 keeps it straight between restarts.
    restart: chance of a restart at a step. corner: standard deviation of the turn at a restart, in radians.
    """

    order: NDArray[np.int64]
    bend: Floats
    restart: Floats
    corner: Floats


def turns(rng: np.random.Generator, wander: Wander, steps: int) -> tuple[Floats, NDArray[np.bool_]]:
    """Changes of direction (K, steps) in radians, and where a restart is."""
    count = len(wander.order)
    new = rng.random((count, steps), np.float32) < wander.restart[:, None]
    new[:, 0] = True
    place = np.arange(count * steps).reshape(count, steps)
    since = np.maximum.accumulate(np.where(new, place, 0), axis=1)
    swing = rng.standard_normal((count, steps), np.float32)
    made = swing.copy()
    for order in range(2, int(wander.order.max(initial=1)) + 1):
        # A running sum since the restart: what has one order of difference more.
        swing = np.cumsum(swing, axis=1)
        swing -= swing.take(since)
        swing /= np.maximum(swing.max(axis=1, keepdims=True), -swing.min(axis=1, keepdims=True)) + np.float32(1e-6)
        chosen = wander.order == order
        made[chosen] = 2 * swing[chosen]
    made *= wander.bend[:, None]
    rows, columns = np.nonzero(new)
    made[rows, columns] += rng.standard_normal(len(rows), np.float32) * wander.corner[rows]
    return made, new


def closed_curves(
    rng: np.random.Generator,
    turn: Floats,
    corners: NDArray[np.bool_],
    straight: NDArray[np.bool_],
    *,
    middle: Floats,
    radius: Floats,
    stretch: Floats,
) -> Floats:
    """Closed curves (K, steps, 2), row and column, about `middle` (K, 2), from turns (K, steps).

    corners (K, steps): where those of the curves that are straight (K,) may turn.
    radius (K,): root mean square distance from the middle. stretch (K,): how much longer than wide, in any direction.
    The gap that a wandering direction leaves between end and start is spread over the whole curve.
    """
    # One turn in all: at every step alike, or at the corners.
    steps = turn.shape[1]
    share = np.full(turn.shape, 1 / steps, np.float32)
    weights = corners[straight]
    weights[:, :: -(-steps // 3)] = True  # three at least: less than a triangle has no inside
    weights = weights * rng.uniform(0.3, 1, weights.shape).astype(np.float32)
    share[straight] = weights / weights.sum(axis=1, keepdims=True)
    turn = turn + np.float32(2 * np.pi) * share
    points = _walk(turn, rng.uniform(0, 2 * np.pi, len(turn)))
    points -= np.linspace(0, 1, steps, dtype=np.float32)[:, None] * points[:, -1:]
    points -= points.mean(axis=1, keepdims=True)
    axis = rng.uniform(0, np.pi, len(turn)).astype(np.float32)
    along = np.stack([np.cos(axis), np.sin(axis)], 1)[:, None]
    points += (np.sqrt(stretch) - 1)[:, None, None] * (points * along).sum(-1, keepdims=True) * along
    points *= (radius / np.sqrt((points**2).sum(-1).mean(-1) + 1e-6))[:, None, None]
    closed: Floats = points + middle[:, None]
    return closed


def crossing_curves(rng: np.random.Generator, turn: Floats, size: tuple[int, int]) -> list[Curve]:
    """Curves from border to border of a picture (height, width), with the regions they cut off, from turns (K, steps).

    A curve ends where it first leaves the picture; one that never does goes on straight.
    """
    (count, steps), half = turn.shape, np.array(size, np.float32) / 2
    angle = rng.uniform(0, 2 * np.pi, count)
    out = np.stack([np.sin(angle), np.cos(angle)], 1).astype(np.float32)
    start = out * (half / np.maximum(np.abs(out), 1e-6)).min(axis=1, keepdims=True)
    aim = rng.uniform(-0.6, 0.6, (count, 2)).astype(np.float32) * half - start
    step = 1.3 * np.hypot(*size) / steps
    points = _walk(turn, np.arctan2(aim[:, 0], aim[:, 1])) * np.float32(step) + start[:, None]
    outside = (np.abs(points) > half).any(-1)
    outside[:, : max(2, steps // 32)] = False  # not at the very start, where a tremble would end it
    outside[:, -1] = True
    made: list[Curve] = []
    for curve, last, begin in zip(points, outside.argmax(axis=1), start, strict=True):
        line = curve[: last + 1]
        reach = 2 * np.hypot(*size)
        if last == steps - 1:
            line = np.concatenate([line, line[-1:] + (line[-1] - line[-2]) * np.arange(1, reach / step)[:, None]])
        ends = np.arctan2([line[-1, 0], begin[0]], [line[-1, 1], begin[1]])
        round_it = np.linspace(ends[0], ends[1], 12)
        far = np.stack([np.sin(round_it), np.cos(round_it)], 1) * reach
        polygon = np.concatenate([line, far])
        made.append(Curve((line + half).astype(np.float32), (polygon + half).astype(np.float32)))
    return made


def _walk(turn: Floats, heading: NDArray[np.floating]) -> Floats:
    """Points (K, steps, 2) of steps of length 1 from the origin, the first in the direction `heading`."""
    direction = np.cumsum(turn, axis=1) + heading.astype(np.float32)[:, None]
    walk: Floats = np.cumsum(np.stack([np.sin(direction), np.cos(direction)], -1), axis=1, dtype=np.float32)
    return walk
