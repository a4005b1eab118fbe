"""Colours that people with any colour vision tell apart, fixed so that one colour means one thing on the whole page."""

from __future__ import annotations

RGB = tuple[int, int, int]

# Okabe and Ito (2008), https://jfly.uni-koeln.de/color/: blue and orange stay apart for every kind of colour vision.
TRUTH: RGB = (86, 180, 233)
PREDICTION: RGB = (230, 159, 0)
WRONG: RGB = (255, 255, 255)  # among many classes no hue is left that is not one of them
VOID_GREY: RGB = (128, 128, 128)

# Okabe and Ito first, then Paul Tol's "muted" (https://personal.sron.nl/~pault/) for more classes than they have.
CLASS_COLOURS: tuple[RGB, ...] = (
    (0, 114, 178),
    (230, 159, 0),
    (0, 158, 115),
    (204, 121, 167),
    (86, 180, 233),
    (213, 94, 0),
    (240, 228, 66),
    (136, 34, 85),
    (153, 153, 51),
    (51, 34, 136),
    (68, 170, 153),
    (170, 68, 153),
    (221, 204, 119),
    (17, 119, 51),
    (136, 204, 238),
    (102, 17, 0),
)


def class_colour(number: int) -> RGB:
    """The colour of class `number`; they repeat after the sixteenth."""
    return CLASS_COLOURS[number % len(CLASS_COLOURS)]


def css(colour: RGB) -> str:
    """`#rrggbb`."""
    return "#{:02x}{:02x}{:02x}".format(*colour)
