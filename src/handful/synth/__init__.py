"""Generated pictures with their truth, as many as are wanted: no photograph, no label drawn by hand.

>>> from handful.synth import generate
>>> for image, mask in generate("shapes", 2, seed=7, contrast=0.3):
...     print(image.shape, image.dtype, mask.shape, sorted(set(mask.flat)))
(160, 160, 1) uint8 (160, 160) [np.uint8(0), np.uint8(1)]
(160, 160, 1) uint8 (160, 160) [np.uint8(0), np.uint8(1)]

A generator is a pure function (rng, settings) -> (image, mask): the same seed gives the same bytes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from handful.errors import SettingsError
from handful.names import nearest
from handful.synth.asked import read_asked
from handful.synth.drawings import DrawingSettings, draw_drawing
from handful.synth.shapes import ShapeSettings, draw_shapes

Picture = tuple[NDArray[np.uint8], NDArray[np.uint8]]  # image (H, W, C), mask (H, W) of class numbers


@dataclass(frozen=True)
class Generator:
    """One kind of generated picture.

    draw: (rng, settings) -> image uint8 (H, W, C), mask uint8 (H, W) of class numbers. settings: its dataclass.
    classes: names by class number.
    """

    draw: Callable[[np.random.Generator, Any], Picture]
    settings: type[Any]
    classes: tuple[str, ...]


GENERATORS: dict[str, Generator] = {
    "shapes": Generator(draw_shapes, ShapeSettings, ("background", "shape")),
    "drawings": Generator(draw_drawing, DrawingSettings, ("background", "boundary")),
}


def get_generator(kind: str) -> Generator:
    """The generator of this name; SettingsError with the nearest one where there is none."""
    if kind not in GENERATORS:
        raise SettingsError(f"{kind}: no such kind of picture.{nearest(kind, GENERATORS)} Use {', '.join(GENERATORS)}.")
    return GENERATORS[kind]


def generate(kind: str, count: int, seed: int = 0, **settings: Any) -> Iterator[Picture]:
    """`count` pictures of a kind, one at a time; picture number i of a seed is the same however many are asked for.

    settings: as in the generator's dataclass; a range is (low, high) or one number. Raises SettingsError at once, not
    at the first picture.
    """
    generator = get_generator(kind)
    if count < 0 or seed < 0:
        raise SettingsError(f"count = {count}, seed = {seed}: neither can be negative.")
    asked = read_asked(generator.settings, settings)
    return (generator.draw(np.random.default_rng((seed, number)), asked) for number in range(count))
