"""Colours for classes: one fixed list, told apart with any kind of colour vision as far as so many can be."""

from __future__ import annotations

import colorsys

Colour = tuple[int, int, int]

# Okabe and Ito 2008, "Color Universal Design", without black, the strongest first.
OKABE_ITO: tuple[Colour, ...] = (
    (230, 159, 0),
    (86, 180, 233),
    (0, 158, 115),
    (240, 228, 66),
    (0, 114, 178),
    (213, 94, 0),
    (204, 121, 167),
)
BACKGROUND: Colour = (0, 0, 0)


def class_colours(classes: int, background: int | None = 0) -> tuple[Colour, ...]:
    """A colour for each class, black for the background. Beyond seven: hues a golden angle apart, dark and light."""
    colours: list[Colour] = []
    for number in range(classes):
        if number == background:
            colours.append(BACKGROUND)
            continue
        rank = len(colours) - (background is not None and background < number)
        colours.append(OKABE_ITO[rank] if rank < len(OKABE_ITO) else _further(rank - len(OKABE_ITO)))
    return tuple(colours)


def _further(rank: int) -> Colour:
    red, green, blue = colorsys.hls_to_rgb(rank * 0.381966 % 1, 0.35 if rank % 2 else 0.65, 0.7)
    return round(255 * red), round(255 * green), round(255 * blue)
