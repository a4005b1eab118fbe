"""Boundary drawings: layers cut out by wandering curves, coloured, textured, outlined, and where their edges lie.

The defaults are a universe meant for photographs: few or many regions, low or high contrast, colours as photographs
have them or as clip-art has, textures whose own edges are no boundaries, light that fades, soft focus, blur and noise.
With textures, fade, light, soft, blur and noise at 0 what stays is the plain drawing of curves in even colours.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFilter

from handful.synth.asked import Chance, Size, Span, Within
from handful.synth.curves import Floats, Wander, closed_curves, crossing_curves
from handful.synth.textures import coloured_noise, shaped


@dataclass(frozen=True)
class DrawingSettings:
    """What drawings are made of. Lengths are shares of the shorter side unless said; colours count from 0 to 1."""

    size: Size = (128, 128)
    layers: Annotated[tuple[int, int], Within(1, 200)] = (2, 14)  # drawn log-uniformly; each hides what is beneath
    order: Annotated[tuple[int, int], Within(1, 4)] = (1, 4)  # of the differences by which a direction changes
    bend: Annotated[Span, Within(0, 1)] = (0.005, 0.12)  # radians a step at most, log-uniformly
    restart: Annotated[Span, Within(0, 1)] = (0.004, 0.06)  # chance at a step, log-uniformly
    straight: Chance = 0.2  # of a curve that is straight between its corners
    closed: Chance = 0.7  # of a curve that closes; the others run from border to border
    radius: Annotated[Span, Within(0.01, 2)] = (0.06, 0.5)  # of closed curves, log-uniformly
    same: Chance = 0.08  # of a layer with the colours of another, told apart by its line alone
    lines: Chance = 0.3  # of a picture whose layers are outlined
    line_width: Annotated[Span, Within(1, 64)] = (1, 3)  # pixels
    dots: Annotated[Span, Within(0, 1)] = (0, 0.6)  # share of a line that is left out
    thickness: Annotated[int, Within(1, 9)] = 2  # of the boundary in the mask; 2: the pixels either side of it
    contrast: Annotated[Span, Within(0.01, 1)] = (0.25, 1)  # spread of brightness between layers, log-uniformly
    colour: Annotated[Span, Within(0, 1)] = (0.02, 0.35)  # spread of colour, log-uniformly; 0 is grey
    textures: Annotated[Span, Within(0, 1)] = (0.01, 0.22)  # strength of a layer's texture, log-uniformly; 0: none
    fade: Annotated[Span, Within(0, 1)] = (0, 0.3)  # by how much a layer's colour fades across the picture
    light: Chance = 0.5  # of light that falls unevenly on everything, or of a soft shadow
    soft: Chance = 0.3  # of some layers being out of focus
    blur: Annotated[Span, Within(0, 10)] = (0.3, 1.2)  # pixels, standard deviation
    noise: Annotated[Span, Within(0, 1)] = (0, 0.05)  # standard deviation; half of all pictures have none
    grey: Chance = 0.1  # of a picture without colour


def draw_drawing(rng: np.random.Generator, settings: DrawingSettings) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """A drawing uint8 (H, W, 3) and its mask uint8 (H, W): 1 on boundaries, 0 elsewhere."""
    count = round(_log_uniform(rng, settings.layers))
    curves = _draw_curves(rng, settings, count)
    parts = _stack(curves, settings.size)
    looks = _choose_looks(rng, settings, count + 1)
    picture = _fill(rng, settings, parts, looks)
    boundary = _edges(parts, looks.differ())
    same = looks.same[1:]
    outlined = same | (rng.random(count) < 0.8 if rng.random() < settings.lines else np.zeros(count, bool))
    for number in np.flatnonzero(outlined):
        line = curves[number][0]
        _outline(rng, settings, picture, parts, boundary, line, int(number) + 1)
    if settings.thickness > 2:
        grown = Image.fromarray(boundary).filter(ImageFilter.MaxFilter(2 * (settings.thickness // 2) - 1))
        boundary = np.asarray(grown)
    return _photograph(rng, settings, picture, parts), boundary


Curve = tuple[Floats, Floats]  # its line (N, 2) and the polygon (M, 2) of the region that it cuts out; row and column


def _log_uniform(rng: np.random.Generator, bounds: tuple[float, float]) -> float:
    low, high = max(bounds[0], 1e-4), max(bounds[1], 1e-4)
    return float(np.exp(rng.uniform(np.log(low), np.log(high))))


def _draw_curves(rng: np.random.Generator, settings: DrawingSettings, count: int) -> list[Curve]:
    """Curves from the lowest layer to the topmost: what crosses the picture lies beneath, larger beneath smaller."""

    def log_uniform(bounds: Span, number: int) -> Floats:
        low, high = np.log(np.maximum(bounds, 1e-4))
        return np.exp(rng.uniform(low, high, number)).astype(np.float32)

    def wander(number: int) -> Wander:
        straight = rng.random(number) < settings.straight
        return Wander(
            order=rng.integers(settings.order[0], settings.order[1] + 1, number),
            bend=np.where(straight, 0, log_uniform(settings.bend, number)).astype(np.float32),
            restart=log_uniform(settings.restart, number),
            corner=(rng.uniform(0, 1.2, number) * (rng.random(number) < 0.5)).astype(np.float32),
        )

    closed = int(rng.binomial(count, settings.closed))
    steps = 2 * max(settings.size)
    curves = crossing_curves(rng, wander(count - closed), steps, settings.size) if closed < count else []
    if closed:
        radius = np.sort(log_uniform(settings.radius, closed))[::-1] * min(settings.size)
        radius = radius * rng.uniform(0.7, 1.4, closed).astype(np.float32)  # sometimes a large one hides a small one
        middle = rng.uniform(0, 1, (closed, 2)).astype(np.float32) * np.array(settings.size, np.float32)
        stretch = np.exp(rng.uniform(0, 1.5, closed)).astype(np.float32)
        loops = closed_curves(rng, wander(closed), steps, middle, radius, stretch)
        curves += [(loop, loop) for loop in loops]
    return curves


def _stack(curves: list[Curve], size: tuple[int, int]) -> NDArray[np.uint8]:
    """The number of the topmost layer at every pixel (H, W), 0 = the ground."""
    canvas = Image.new("L", (size[1], size[0]))
    pen = ImageDraw.Draw(canvas)
    for number, (_, polygon) in enumerate(curves, 1):
        pen.polygon(polygon[:, ::-1].ravel().tolist(), fill=number)
    return np.asarray(canvas)


@dataclass(frozen=True)
class Looks:
    """How K layers look: base (K, 3) colours; tint (K, 3), the direction in which texture and fading change them;
    mix (K, T), how much of each of T fields; same (K,): a layer that copies another."""

    base: Floats
    tint: Floats
    mix: Floats
    same: NDArray[np.bool_]

    def differ(self) -> NDArray[np.bool_]:
        """(K, K): whether two layers look different enough to be told apart."""
        colour = np.abs(self.base[:, None] - self.base[None]).max(-1)
        texture = np.abs(self.mix[:, None, :-2] - self.mix[None, :, :-2]).max(-1)
        return np.maximum(colour, texture) > VISIBLE


VISIBLE = 0.03  # of the range, about 8 grey levels
FIELDS = 4  # textures in a picture; the two ramps across it come behind them


def _choose_looks(rng: np.random.Generator, settings: DrawingSettings, count: int) -> Looks:
    contrast, chroma = _log_uniform(rng, settings.contrast), _log_uniform(rng, settings.colour)
    if settings.colour[1] == 0 or rng.random() < settings.grey:
        chroma = 0.0
    middle = rng.uniform(0.25, 0.75)
    bright = middle + contrast * rng.uniform(-0.6, 0.6, count)
    # Photographs spread most in brightness, then from blue to yellow, least from green to red (Ruderman et al. 1998).
    opponent = np.array([[0.5, 0.2, -0.9], [0.5, -0.45, 0.1]])
    hue = rng.normal(0, 0.5, 2) + rng.normal(0, 1, (count, 2))
    base = (bright[:, None] + chroma * hue @ opponent).clip(0.02, 0.98)
    tint = 1 + rng.normal(0, 1, (count, 3)) * min(1.0, 2 * chroma)
    strength = np.zeros(count)
    if settings.textures[1] > 0:
        strength = np.exp(rng.uniform(*np.log(np.maximum(settings.textures, 1e-3)), count))
    mix = rng.dirichlet(np.full(FIELDS, 0.3), count) * strength[:, None]
    ramps = rng.normal(0, 0.5, (count, 2)) * rng.uniform(*settings.fade, (count, 1))
    same = rng.random(count) < settings.same
    same[0] = False
    model = np.where(same, rng.integers(0, count, count), np.arange(count))
    looks = (base, tint, np.concatenate([mix, ramps], 1))
    return Looks(*(part[model].astype(np.float32) for part in looks), same)


def _fill(rng: np.random.Generator, settings: DrawingSettings, parts: NDArray[np.uint8], looks: Looks) -> Floats:
    """Every layer with its colour, texture and fading, float32 (H, W, 3)."""
    height, width = settings.size
    fields = np.zeros((FIELDS + 2, height, width), np.float32)
    if settings.textures[1] > 0:
        pairs = [coloured_noise(rng, settings.size, oriented=0.4, band=0.35) for _ in range(FIELDS // 2)]
        for number in range(FIELDS):
            fields[number] = shaped(rng, pairs[number // 2][number % 2], pairs[-1][0])
    fields[-2] = np.linspace(-1, 1, height, dtype=np.float32)[:, None]
    fields[-1] = np.linspace(-1, 1, width, dtype=np.float32)[None]
    change = np.zeros((height, width), np.float32)
    for number, field in enumerate(fields):
        change += looks.mix[:, number][parts] * field
    return looks.base[parts] + change[..., None] * looks.tint[parts]


def _edges(parts: NDArray[np.uint8], differ: NDArray[np.bool_]) -> NDArray[np.uint8]:
    """1 on the pixels either side of a visible step from one layer to another, uint8 (H, W)."""
    boundary = np.zeros(parts.shape, np.uint8)
    across = differ[parts[:, 1:], parts[:, :-1]]
    down = differ[parts[1:], parts[:-1]]
    boundary[:, 1:] |= across
    boundary[:, :-1] |= across
    boundary[1:] |= down
    boundary[:-1] |= down
    return boundary


def _outline(
    rng: np.random.Generator,
    settings: DrawingSettings,
    picture: Floats,
    parts: NDArray[np.uint8],
    boundary: NDArray[np.uint8],
    line: Floats,
    number: int,
) -> None:
    """Draw the line of a layer into the picture where nothing hides it, dotted at a random rate, and into the mask."""
    height, width = parts.shape
    wide = rng.uniform(*settings.line_width)
    colour = rng.uniform(0, 0.25) if rng.random() < 0.7 else rng.uniform(0, 1, 3)
    run = rng.integers(2, 12)
    rate = rng.uniform(*settings.dots) * (rng.random() < 0.5)
    drawn = (rng.random(len(line) // run + 1) >= rate).repeat(run)[: len(line)]

    def stamp(points: Floats, radius: float) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        reach = np.arange(-int(radius + 0.5), int(radius + 0.5) + 1)
        down, across = np.meshgrid(reach, reach, indexing="ij")
        near = down**2 + across**2 <= radius**2
        rows = np.rint(points[:, :1]).astype(np.int64) + down[near]
        columns = np.rint(points[:, 1:]).astype(np.int64) + across[near]
        inside = (rows >= 0) & (rows < height) & (columns >= 0) & (columns < width)
        rows, columns = rows[inside], columns[inside]
        bare = parts[rows, columns] <= number
        return rows[bare], columns[bare]

    picture[stamp(line[drawn], wide / 2)] = colour
    if drawn.any():
        boundary[stamp(line, 0.6)] = 1


def _photograph(
    rng: np.random.Generator, settings: DrawingSettings, picture: Floats, parts: NDArray[np.uint8]
) -> NDArray[np.uint8]:
    """Light, focus, blur and noise over the finished drawing, uint8 (H, W, 3)."""
    if rng.random() < settings.light:
        picture *= _light(rng, settings.size)[..., None]
    image = Image.fromarray((picture.clip(0, 1) * 255 + 0.5).astype(np.uint8))
    if rng.random() < settings.soft:
        softness = rng.uniform(1, 3)
        chosen = np.where(rng.random(256) < 0.4, np.uint8(255), np.uint8(0))[parts]
        where = Image.fromarray(chosen).filter(ImageFilter.GaussianBlur(softness))
        image = Image.composite(image.filter(ImageFilter.GaussianBlur(softness)), image, where)
    blur = rng.uniform(*settings.blur)
    if blur > 0:
        image = image.filter(ImageFilter.GaussianBlur(blur))
    pixels = np.asarray(image)
    noise = rng.uniform(*settings.noise) * (rng.random() < 0.5)
    if noise > 0:
        grain = rng.standard_normal(pixels.shape, np.float32) * np.float32(255 * noise)
        pixels = (pixels + grain).clip(0, 255).astype(np.uint8)
    return pixels


def _light(rng: np.random.Generator, size: tuple[int, int]) -> Floats:
    """A factor (H, W) that changes slowly: a few bright and dark places, interpolated."""
    knots = rng.normal(0, rng.uniform(0.05, 0.35), (4, 4)).astype(np.float32)
    smooth = Image.fromarray(knots).resize((size[1], size[0]), Image.Resampling.BICUBIC)
    return np.exp(np.asarray(smooth))
