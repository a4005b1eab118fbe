"""An image as somebody labelled it: its objects, and the one rule by which they become pixels.

Where objects overlap the higher level wins (CVAT's z-order; all are 0 in other tools), then the smaller object, as it
would vanish otherwise. What bears the name of a background ("background", "_background_") cuts holes; what is to be
left out ("void", "ignore", "__ignore__") and COCO's crowds are void, crowds only where no object is.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from handful.data.classlist import BACKGROUND_NAMES, VOID_NAMES
from handful.data.labelling.shapes import Shape

NOTHING, LEFT_OUT = 0, 255  # numbers beside those of the classes, which begin at 1
MOST_NAMES = LEFT_OUT - 1
OBJECT_SHIFT = 8  # a code is the number of the object above these bits and the number of its class in them


@dataclass(frozen=True)
class DrawnObject:
    """An object with the name of its class. level: which covers which. crowd: many objects that nobody told apart."""

    name: str
    shape: Shape
    level: int = 0
    crowd: bool = False


@dataclass(frozen=True)
class Drawing:
    """The objects of one image in the order of the file. size: (height, width) that the tool says the image has, or
    None; where: file and place, for messages; names: classes 1 to n of the whole data set."""

    objects: tuple[DrawnObject, ...]
    where: str
    size: tuple[int, int] | None = None
    names: tuple[str, ...] = field(default=(), repr=False)

    def codes(self, height: int, width: int) -> NDArray[np.int32]:
        """Class + 256 x object for every pixel, int32 (H, W): objects count from 1, 0 is nothing, 255 is void."""
        numbers = dict(zip(self.names, range(1, len(self.names) + 1), strict=True))
        # Twice filled rather than kept: ten thousand objects as large as the image would not fit into memory.
        areas = [int(np.count_nonzero(one.shape.fill(height, width).inside)) for one in self.objects]
        codes = np.zeros((height, width), np.int32)

        def rank(index: int) -> tuple[bool, int, int, int]:
            one = self.objects[index]
            return not one.crowd, one.level, -areas[index], index

        for index in sorted(range(len(self.objects)), key=rank):
            one = self.objects[index]
            if one.crowd or is_void(one.name):
                code = LEFT_OUT
            elif is_background(one.name):
                code = NOTHING
            else:
                code = (index + 1) << OBJECT_SHIFT | numbers[one.name]
            patch = one.shape.fill(height, width)
            rows, columns = patch.inside.shape
            codes[patch.top : patch.top + rows, patch.left : patch.left + columns][patch.inside] = code
        return codes


def class_names(drawings: Iterable[Drawing], order: Sequence[str]) -> tuple[str, ...]:
    """The names of all classes that are drawn: those of `order` in its order, then the others by the alphabet."""
    used = {one.name for drawing in drawings for one in drawing.objects if not one.crowd}
    used = {name for name in used if not is_background(name) and not is_void(name)}
    known = [name for name in dict.fromkeys(order) if name in used]
    return (*known, *sorted(used.difference(known), key=lambda name: (name.casefold(), name)))


def is_background(name: str) -> bool:
    """Whether a class of this name is what is no object."""
    return _bare(name) in {_bare(known) for known in BACKGROUND_NAMES}


def is_void(name: str) -> bool:
    """Whether what bears this name is to be left out."""
    return _bare(name) in VOID_NAMES


def _bare(name: str) -> str:
    return name.strip("_ ").casefold()
