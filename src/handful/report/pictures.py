"""Image, truth, prediction and difference of one image as data URIs, small enough for a hundred on a page.

The photograph is embedded once; what is drawn over it are palette PNGs of a few kilobytes that the page lays on top.
"""

from __future__ import annotations

from base64 import b64encode
from dataclasses import dataclass
from io import BytesIO
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from handful.measure.overlap import VOID
from handful.report.content import Picture
from handful.report.palette import PREDICTION, RGB, TRUTH, VOID_GREY, WRONG, class_colour

LEVELS = 8  # of opacity along a contour: enough for smooth lines, few enough for a small file
MAX_ENLARGEMENT = 6.0
LINE = 1 / 170  # width of a contour as a share of the long side: 1.5 pixels where a panel is 250 wide

Bytes = NDArray[np.uint8]
RGBA = tuple[int, int, int, int]


@dataclass(frozen=True)
class Panel:
    """One view: `overlay` is the data URI drawn over the photograph ("" for none), `alt` says what is to be seen."""

    title: str
    alt: str
    overlay: str
    dimmed: bool = False


@dataclass(frozen=True)
class Panels:
    """All views of one image, `width` x `height` in the page's units over the photograph `photo` (data URI)."""

    name: str
    dice: float
    photo: str
    width: int
    height: int
    panels: tuple[Panel, ...]
    void: bool = False  # whether some of the truth is left out

    @property
    def bytes(self) -> int:
        """What the pictures add to the page."""
        return len(self.photo) + sum(len(panel.overlay) for panel in self.panels)


def draw_panels(picture: Picture, *, classes: int, background: int | None, side: int) -> Panels:
    """Views of one picture, `side` pixels on the long side."""
    height, width = picture.predicted.shape
    scale = min(side / max(height, width), MAX_ENLARGEMENT)
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    photo = Image.fromarray(np.squeeze(picture.image, axis=2) if _is_grey(picture.image) else picture.image)
    if scale < 1:
        photo = photo.resize(size, Image.Resampling.BOX)
    overlays = _two_class_overlays if classes == 2 and background is not None else _class_overlays
    panels = (Panel("Image", f"{picture.name}: the image", ""), *overlays(picture, background, size))
    void = picture.true is not None and bool((picture.true == VOID).any())
    return Panels(picture.name, picture.dice, _uri(photo, "JPEG"), *size, panels, void)


def _is_grey(image: Bytes) -> bool:
    return image.ndim == 3 and image.shape[2] == 1


def _two_class_overlays(picture: Picture, background: int | None, size: tuple[int, int]) -> list[Panel]:
    foreground = 1 - int(background or 0)
    predicted = picture.predicted == foreground
    drawn = _contour(predicted, PREDICTION, size)
    if picture.true is None:
        return [Panel("Prediction", f"{picture.name}: outline of the predicted objects", drawn)]
    true, void = picture.true == foreground, picture.true == VOID
    kinds = np.zeros(true.shape, np.uint8)
    kinds[true & ~predicted] = 1
    kinds[predicted & ~true] = 2
    kinds[void] = 3
    missed, extra = int(np.sum(kinds == 1)), int(np.sum(kinds == 2))
    colours = [(0, 0, 0, 0), (*TRUTH, 235), (*PREDICTION, 235), (*VOID_GREY, 150)]
    return [
        Panel("Truth", f"{picture.name}: outline of the true objects", _contour(true, TRUTH, size)),
        Panel("Prediction", f"{picture.name}: outline of the predicted objects", drawn),
        Panel(
            "Difference",
            f"{picture.name}: {missed} pixels missed, {extra} pixels too many",
            _fill(kinds, colours, size),
            dimmed=True,
        ),
    ]


def _class_overlays(picture: Picture, background: int | None, size: tuple[int, int]) -> list[Panel]:
    colours: list[RGBA] = [(*class_colour(number), 0 if number == background else 165) for number in range(VOID)]
    colours.append((*VOID_GREY, 150))
    predicted = Panel("Prediction", f"{picture.name}: predicted classes", _fill(picture.predicted, colours, size))
    if picture.true is None:
        return [predicted]
    void = picture.true == VOID
    wrong = (picture.true != picture.predicted) & ~void
    kinds = wrong.astype(np.uint8) + 2 * void.astype(np.uint8)
    scored = max(1, int(np.sum(~void)))
    return [
        Panel("Truth", f"{picture.name}: true classes", _fill(picture.true, colours, size)),
        predicted,
        Panel(
            "Difference",
            f"{picture.name}: {100 * np.sum(wrong) / scored:.1f} % of the pixels have the wrong class",
            _fill(kinds, [(0, 0, 0, 0), (*WRONG, 235), (*VOID_GREY, 150)], size),
            dimmed=True,
        ),
    ]


def _fill(kinds: Bytes, colours: list[RGBA], size: tuple[int, int]) -> str:
    """A palette PNG with colour `colours[k]` wherever `kinds` is k."""
    return _palette_uri(Image.fromarray(kinds).resize(size, Image.Resampling.NEAREST), colours)


def _contour(mask: NDArray[np.bool_], colour: RGB, size: tuple[int, int]) -> str:
    """The outline of a mask as a smooth line with a thin dark rim, so that it shows on bright images too.

    The mask is resized with grey edges; how far a pixel is from the line where that is one half is the difference
    from one half over the gradient there.
    """
    soft = Image.fromarray(mask.astype(np.uint8) * 255).resize(size, Image.Resampling.BILINEAR)
    height = np.asarray(soft, np.float32) / 255 - 0.5
    slope = np.zeros_like(height)
    if min(height.shape) > 1:
        down, across = np.gradient(height)
        slope = np.hypot(down, across)
    distance = np.abs(height) / np.maximum(slope, 1e-3)
    half = max(0.75, max(size) * LINE / 2)
    line = np.clip(half + 0.5 - distance, 0, 1)
    rim = np.clip(half + 1.5 - distance, 0, 1)
    top = LEVELS - 1
    index = np.round(line * top).astype(np.uint8) * LEVELS + np.round(rim * top).astype(np.uint8)
    steps = [(line / top, 0.55 * rim / top) for line in range(LEVELS) for rim in range(LEVELS)]
    return _palette_uri(Image.fromarray(index), [_line_over_rim(colour, *step) for step in steps])


def _line_over_rim(colour: RGB, line: float, rim: float) -> RGBA:
    alpha = line + rim * (1 - line)
    red, green, blue = (round(part * line / alpha) if alpha else 0 for part in colour)
    return red, green, blue, round(255 * alpha)


def _palette_uri(image: Image.Image, colours: list[RGBA]) -> str:
    image.putpalette([part for colour in colours for part in colour[:3]])
    return _uri(image, "PNG", transparency=bytes(colour[3] for colour in colours), compress_level=7)


def _uri(image: Image.Image, kind: str, **options: Any) -> str:
    file = BytesIO()
    if kind == "JPEG":
        options = {"quality": 78, **options}
    image.save(file, kind, **options)
    return f"data:image/{kind.lower()};base64,{b64encode(file.getvalue()).decode('ascii')}"


def picture_uri(pixels: Bytes, size: tuple[int, int], kind: str = "PNG") -> str:
    """Any picture uint8 (H, W), (H, W, 1) or (H, W, 3) at `size` (width, height) as a data URI."""
    image = Image.fromarray(np.squeeze(pixels, axis=2) if _is_grey(pixels) else pixels)
    return _uri(image.resize(size, Image.Resampling.BOX if image.width > size[0] else Image.Resampling.BICUBIC), kind)
