"""Discs and rectangles on noise, the smallest data set a net can learn to segment.

The defaults are the picture of the experiment that handful grew out of: 160x160 pixels of noise with one disc of radius
15 to 40 somewhere in it, which is brighter noise or a constant.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import numpy as np
from numpy.typing import NDArray

from handful.errors import SettingsError
from handful.synth.asked import Among, Size, Span, Within

SHAPES = ("disc", "rectangle")
FILLS = ("noise", "constant")


@dataclass(frozen=True)
class ShapeSettings:
    """What may stand in a picture of shapes. Brightness counts from 0 to 1, lengths in pixels."""

    size: Size = (160, 160)
    shapes: Annotated[tuple[str, ...], Among(SHAPES, "what is drawn, at even odds")] = ("disc",)
    fill: Annotated[
        tuple[str, ...], Among(FILLS, "the noise of the ground, brighter, or one even tone, at even odds")
    ] = FILLS
    objects: Annotated[tuple[int, int], Within(1, 1000, "how many; they may overlap")] = (1, 1)
    radius: Annotated[Span, Within(1, 8192, "pixels; of a disc, half of each side of a rectangle")] = (15, 40)
    contrast: Annotated[Span, Within(-1, 1, "how much brighter than the ground; negative is darker")] = (0.25, 0.25)
    ground: Annotated[Span, Within(0, 1, "mean brightness of the ground")] = (0.4, 0.4)
    noise: Annotated[Span, Within(0, 1, "standard deviation of the noise")] = (0.15, 0.15)
    turn: Annotated[float, Within(0, 180, "degrees either way by which rectangles are turned")] = 0.0

    def __post_init__(self) -> None:
        if 2 * self.radius[0] >= min(self.size):
            raise SettingsError(
                f"radius = {self.radius[0]:g}: a shape of that radius fills a picture of {self.size[1]}x{self.size[0]}."
                " Ask for a smaller radius or a larger size."
            )


def draw_shapes(rng: np.random.Generator, settings: ShapeSettings) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """An image uint8 (H, W, 1) and its mask uint8 (H, W): 1 inside a shape, 0 outside.

    Shapes that fit lie wholly in the picture; they may overlap. At least one pixel stays ground and one becomes shape.
    """
    height, width = settings.size
    noise = rng.uniform(*settings.noise)
    ground = rng.uniform(*settings.ground)
    bright = ground + noise * rng.standard_normal((height, width), np.float32)
    grain = noise * rng.standard_normal((height, width), np.float32)
    mask = np.zeros((height, width), np.uint8)
    largest = min(settings.radius[1], (min(height, width) - 1) / 2)  # a shape must leave ground to be seen
    for _ in range(rng.integers(settings.objects[0], settings.objects[1] + 1)):
        inside = _draw_one(rng, settings, (settings.radius[0], max(largest, settings.radius[0])))
        tone = ground + rng.uniform(*settings.contrast)
        bright = np.where(inside, tone + grain * (rng.choice(settings.fill) == "noise"), bright)
        mask |= inside
    return (bright.clip(0, 1) * 255 + 0.5).astype(np.uint8)[:, :, None], mask


def _draw_one(rng: np.random.Generator, settings: ShapeSettings, radius: Span) -> NDArray[np.bool_]:
    kind = rng.choice(settings.shapes)
    half = np.array([rng.uniform(*radius), rng.uniform(*radius)])
    turn = np.deg2rad(rng.uniform(-1, 1) * settings.turn)
    if kind == "disc":
        half[1] = half[0]
        reach = half
    else:
        cos, sin = abs(np.cos(turn)), abs(np.sin(turn))
        reach = np.array([half[0] * cos + half[1] * sin, half[0] * sin + half[1] * cos])
    far = np.array(settings.size) - 1.0
    inner = rng.uniform(np.minimum(reach, far / 2), np.maximum(far - reach, far / 2))
    middle = np.where(2 * reach < far, inner, far / 2)
    rows, columns = np.ogrid[: settings.size[0], : settings.size[1]]
    down, across = rows - middle[0], columns - middle[1]
    if kind == "disc":
        disc: NDArray[np.bool_] = down**2 + across**2 <= half[0] ** 2
        return disc
    along = np.cos(turn) * down - np.sin(turn) * across
    aside = np.sin(turn) * down + np.cos(turn) * across
    rectangle: NDArray[np.bool_] = (abs(along) <= half[0]) & (abs(aside) <= half[1])
    return rectangle
