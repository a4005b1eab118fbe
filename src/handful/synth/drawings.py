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
from scipy import ndimage

from handful.synth.asked import Size, Span, Within
from handful.synth.curves import Curve, Floats, Wander, closed_curves, crossing_curves, turns
from handful.synth.textures import coloured_noise, shaped


@dataclass(frozen=True)
class DrawingSettings:
    """What drawings are made of. Brightness and colours count from 0 to 1."""

    size: Size = (128, 128)
    layers: Annotated[tuple[int, int], Within(1, 200, "how many, log-uniformly; each hides what is beneath")] = (2, 14)
    order: Annotated[tuple[int, int], Within(1, 4, "order of the differences by which a direction changes")] = (1, 4)
    bend: Annotated[Span, Within(0, 1, "how far a curve bends at a step, in radians, log-uniformly")] = (0.005, 0.12)
    restart: Annotated[Span, Within(0, 1, "chance at a step that the direction starts anew, log-uniformly")] = (
        0.004,
        0.06,
    )
    straight: Annotated[float, Within(0, 1, "chance of a curve that is straight between its corners")] = 0.2
    closed: Annotated[float, Within(0, 1, "chance of a curve that closes; the others run from border to border")] = 0.7
    radius: Annotated[Span, Within(0.01, 2, "of closed curves, as a share of the shorter side, log-uniformly")] = (
        0.06,
        0.5,
    )
    same: Annotated[float, Within(0, 1, "chance of a layer that looks as another one and has a line")] = 0.08
    lines: Annotated[float, Within(0, 1, "chance of a picture whose layers are outlined")] = 0.3
    line_width: Annotated[Span, Within(1, 64, "width of outlines in pixels")] = (1, 3)
    dots: Annotated[Span, Within(0, 1, "share of a line that is left out")] = (0, 0.6)
    widen: Annotated[int, Within(0, 16, "pixels more either side than the two between which a boundary runs")] = 0
    visible: Annotated[float, Within(1 / 255, 1, "by how much layers must differ for a boundary between them")] = 0.04
    contrast: Annotated[Span, Within(0.01, 1, "spread of brightness between layers, log-uniformly")] = (0.25, 1)
    colour: Annotated[Span, Within(0, 1, "spread of colour, log-uniformly; 0 is grey")] = (0.02, 0.35)
    textures: Annotated[Span, Within(0, 1, "strength of a layer's texture, log-uniformly; 0: none")] = (0.01, 0.22)
    fade: Annotated[Span, Within(0, 1, "by how much a layer's colour fades across the picture")] = (0, 0.3)
    light: Annotated[float, Within(0, 1, "chance of light that falls unevenly on everything")] = 0.5
    soft: Annotated[float, Within(0, 1, "chance of some layers being out of focus")] = 0.3
    blur: Annotated[Span, Within(0, 10, "standard deviation in pixels")] = (0.3, 1.2)
    noise: Annotated[Span, Within(0, 1, "standard deviation; at even odds there is none")] = (0, 0.05)
    grey: Annotated[float, Within(0, 1, "chance of a picture without colour")] = 0.1


def draw_drawing(rng: np.random.Generator, settings: DrawingSettings) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """A drawing uint8 (H, W, 3) and its mask uint8 (H, W): 1 on boundaries, 0 elsewhere."""
    count = round(_log_uniform(rng, settings.layers))
    curves = _draw_curves(rng, settings, count)
    parts = _stack(curves, settings.size)
    looks = _choose_looks(rng, settings, count + 1)
    picture = _fill(rng, settings, parts, looks)
    boundary = _edges(parts, looks.differ(settings.visible))
    outlined = looks.same[1:] | (rng.random(count) < 0.8 * (rng.random() < settings.lines))
    if outlined.any():
        layers = np.flatnonzero(outlined)
        _outline(rng, settings, picture, parts, boundary, [curves[layer].line for layer in layers], layers + 1)
    if settings.widen:
        grown = Image.fromarray(boundary).filter(ImageFilter.MaxFilter(2 * settings.widen + 1))
        boundary = np.asarray(grown)
    return _photograph(rng, settings, picture, parts), boundary


def _log_uniform(rng: np.random.Generator, bounds: tuple[float, float]) -> float:
    low, high = max(bounds[0], 1e-4), max(bounds[1], 1e-4)
    return float(np.exp(rng.uniform(np.log(low), np.log(high))))


def _draw_curves(rng: np.random.Generator, settings: DrawingSettings, count: int) -> list[Curve]:
    """Curves from the lowest layer to the topmost: what crosses the picture lies beneath, larger beneath smaller."""

    def log_uniform(bounds: Span, number: int) -> Floats:
        low, high = np.log(np.maximum(bounds, 1e-4))
        return np.exp(rng.uniform(low, high, number)).astype(np.float32)

    straight = rng.random(count) < settings.straight
    wander = Wander(
        order=rng.integers(settings.order[0], settings.order[1] + 1, count),
        bend=np.where(straight, 0, log_uniform(settings.bend, count)).astype(np.float32),
        restart=log_uniform(settings.restart, count),
        corner=(rng.uniform(0, 1.2, count) * (rng.random(count) < 0.5)).astype(np.float32),
    )
    turn, new = turns(rng, wander, max(settings.size) * 5 // 4)
    crossing = count - int(rng.binomial(count, settings.closed))
    curves = crossing_curves(rng, turn[:crossing], settings.size) if crossing else []
    if crossing == count:
        return curves
    radius = np.sort(log_uniform(settings.radius, count - crossing))[::-1] * min(settings.size)
    loops = closed_curves(
        rng,
        turn[crossing:],
        new[crossing:],
        straight[crossing:],
        middle=rng.uniform(0, 1, (len(radius), 2)).astype(np.float32) * np.array(settings.size, np.float32),
        radius=radius * rng.uniform(0.7, 1.4, len(radius)).astype(np.float32),  # a large one may hide a small one
        stretch=np.exp(rng.uniform(0, 1.5, len(radius))).astype(np.float32),
    )
    return curves + [Curve(loop, loop) for loop in loops]


def _stack(curves: list[Curve], size: tuple[int, int]) -> NDArray[np.uint8]:
    """The number of the topmost layer at every pixel (H, W), 0 = the ground."""
    canvas = Image.new("L", (size[1], size[0]))
    pen = ImageDraw.Draw(canvas)
    for number, curve in enumerate(curves, 1):
        pen.polygon(curve.region[:, ::-1].ravel().tolist(), fill=number)
    return np.asarray(canvas)


@dataclass(frozen=True)
class Looks:
    """How K layers look: base (K, 3) colours; tint (K, 3), the direction in which texture and fading change them;
    mix (K, T), how much of each of T fields; same (K,): a layer that copies another."""

    base: Floats
    tint: Floats
    mix: Floats
    same: NDArray[np.bool_]

    def differ(self, least: float) -> NDArray[np.bool_]:
        """(K, K): whether two layers differ by at least this much in colour or texture."""
        colour = np.abs(self.base[:, None] - self.base[None]).max(-1)
        texture = np.abs(self.mix[:, None, :-2] - self.mix[None, :, :-2]).max(-1)
        differ: NDArray[np.bool_] = np.maximum(colour, texture) >= least
        return differ


LUMINANCE = np.array([0.299, 0.587, 0.114], np.float32)  # of red, green, blue: ITU-R BT.601
FIELDS = 3  # textures in a picture; the two ramps across it come behind them


def _choose_looks(rng: np.random.Generator, settings: DrawingSettings, count: int) -> Looks:
    contrast, chroma = _log_uniform(rng, settings.contrast), _log_uniform(rng, settings.colour)
    chroma *= settings.colour[1] > 0
    middle = rng.uniform(0.25, 0.75)
    bright = middle + contrast * rng.uniform(-0.6, 0.6, count)
    # Photographs spread most in brightness, then from blue to yellow, least from green to red (Ruderman et al. 1998).
    opponent = np.array([[0.5, 0.2, -0.9], [0.5, -0.45, 0.1]])
    hue = rng.normal(0, 0.5, 2) + rng.normal(0, 1, (count, 2))
    base = 1 - np.abs(1 - np.abs(bright[:, None] + chroma * hue @ opponent) % 2)  # folded: clipped ones would be alike
    tint = 1 + rng.normal(0, 1, (count, 3)) * min(1.0, 2 * chroma)
    strength = np.zeros(count)
    if settings.textures[1] > 0:
        low, high = np.log(np.maximum(settings.textures, 1e-3))
        strength = np.exp(rng.uniform(low, high, count))
    mix = rng.dirichlet(np.full(FIELDS, 0.3), count) * strength[:, None]
    ramps = rng.normal(0, 0.5, (count, 2)) * rng.uniform(settings.fade[0], settings.fade[1], (count, 1))
    same = rng.random(count) < settings.same
    same[0] = False
    model = np.where(same, rng.choice(np.flatnonzero(~same), count), np.arange(count))
    mix = np.concatenate([mix, ramps], 1)[model]
    return Looks(base[model].astype(np.float32), tint[model].astype(np.float32), mix.astype(np.float32), same)


def _fill(rng: np.random.Generator, settings: DrawingSettings, parts: NDArray[np.uint8], looks: Looks) -> Floats:
    """Every layer with its colour, texture and fading, float32 (H, W, 3)."""
    height, width = settings.size
    fields = np.zeros((FIELDS + 2, height, width), np.float32)
    if settings.textures[1] > 0:
        # A second spectrum, which takes as long as all the curves, is for every other picture.
        spectra = int(rng.integers(1, 3))
        noise = np.concatenate([coloured_noise(rng, settings.size, oriented=0.4, band=0.35) for _ in range(spectra)])
        for number in range(FIELDS):
            fields[number] = shaped(rng, noise[number % len(noise)], noise[-1])
    fields[-2] = np.linspace(-1, 1, height, dtype=np.float32)[:, None]
    fields[-1] = np.linspace(-1, 1, width, dtype=np.float32)[None]
    change = np.zeros((height, width), np.float32)
    for share, field in zip(np.ascontiguousarray(looks.mix.T), fields, strict=True):
        if share.any():
            share = share.take(parts)
            share *= field
            change += share
    picture = looks.tint.take(parts, axis=0)
    picture *= change[..., None]
    picture += looks.base.take(parts, axis=0)
    return picture


def _edges(parts: NDArray[np.uint8], differ: NDArray[np.bool_]) -> NDArray[np.uint8]:
    """1 on the pixels either side of a visible step from one layer to another, uint8 (H, W)."""
    boundary = np.zeros(parts.shape, np.uint8)
    for axis in (0, 1):
        layer, marked = parts.swapaxes(0, axis), boundary.swapaxes(0, axis)
        rows, columns = np.nonzero(layer[1:] != layer[:-1])
        seen = differ[layer[rows + 1, columns], layer[rows, columns]]
        rows, columns = rows[seen], columns[seen]
        marked[rows, columns] = marked[rows + 1, columns] = 1
    return boundary


def _outline(
    rng: np.random.Generator,
    settings: DrawingSettings,
    picture: Floats,
    parts: NDArray[np.uint8],
    boundary: NDArray[np.uint8],
    lines: list[Floats],
    layers: NDArray[np.int64],
) -> None:
    """Draw the lines of some layers into the picture where nothing hides them, dotted at random rates, and the mask."""
    # Points halfway too: no gaps where steps are long.
    dense = [np.stack([line[:-1], (line[1:] + line[:-1]) / 2], 1).reshape(-1, 2) for line in lines]
    points, owner = np.concatenate(dense), np.repeat(np.arange(len(dense)), [len(line) for line in dense])
    count = len(lines)
    colours = np.where(rng.random((count, 1)) < 0.7, rng.uniform(0, 0.25, (count, 1)), rng.uniform(0, 1, (count, 3)))
    wide = rng.uniform(*settings.line_width, count)
    left_out = rng.uniform(*settings.dots, count) * (rng.random(count) < 0.5)
    run = int(rng.integers(4, 24))  # points, about half a pixel each
    drawn = rng.random(len(points) // run + 1).repeat(run)[: len(points)] >= left_out[owner]

    def stamp(chosen: NDArray[np.bool_], radius: NDArray[np.floating]) -> tuple[NDArray[np.int64], ...]:
        """Rows and columns within the radius (count,) of the chosen points, and the line that each belongs to."""
        reach = np.arange(-int(radius.max() + 0.5), int(radius.max() + 0.5) + 1)
        down, across = np.repeat(reach, len(reach)), np.tile(reach, len(reach))
        rows = np.rint(points[chosen, :1]).astype(np.int64) + down
        columns = np.rint(points[chosen, 1:]).astype(np.int64) + across
        line = np.broadcast_to(owner[chosen, None], rows.shape)
        wanted = down**2 + across**2 <= radius[line] ** 2
        wanted &= (rows >= 0) & (rows < parts.shape[0]) & (columns >= 0) & (columns < parts.shape[1])
        rows, columns, line = rows[wanted], columns[wanted], line[wanted]
        bare = parts[rows, columns] <= layers[line]
        return rows[bare], columns[bare], line[bare]

    rows, columns, line = stamp(drawn, wide / 2)
    picture[rows, columns] = colours[line]
    rows, columns, _ = stamp(np.ones(len(points), bool), np.full(count, 0.6))
    boundary[rows, columns] = 1


def _photograph(
    rng: np.random.Generator, settings: DrawingSettings, picture: Floats, parts: NDArray[np.uint8]
) -> NDArray[np.uint8]:
    """Light, focus, blur and noise over the finished drawing, uint8 (H, W, 3)."""
    if rng.random() < settings.light:
        picture *= _light(rng, settings.size)[..., None]
    if rng.random() < settings.soft:
        picture = _defocus(rng, picture, parts)
    picture = _blur(picture, rng.uniform(*settings.blur))
    noise = rng.uniform(*settings.noise) * (rng.random() < 0.5)
    if noise > 0:
        grain = rng.standard_normal(parts.size, np.float32) * np.float32(noise)
        for channel in range(3):  # the same grains elsewhere: drawing others would take longer than all the rest
            picture[..., channel] += np.roll(grain, rng.integers(parts.size)).reshape(parts.shape)
    if rng.random() < settings.grey:
        picture[...] = (picture @ LUMINANCE)[..., None]
    picture *= 255
    picture += 0.5
    pixels: NDArray[np.uint8] = picture.clip(0, 255, out=picture).astype(np.uint8)
    return pixels


def _blur(picture: Floats, deviation: float) -> Floats:
    """Gaussian blur of (H, W, C), in place; edges are repeated."""
    if deviation > 2:
        blurred: Floats = ndimage.gaussian_filter(picture, (deviation, deviation, 0), mode="nearest")
        return blurred
    # Passes with weights (a, 1 - 2a, a), whose variance is 2a: a Gaussian for the eye, in a fifth of the time.
    passes = int(np.ceil(2 * deviation**2))
    for _ in range(passes):
        share = np.float32(deviation**2 / 2 / passes)
        for axis in (0, 1):
            lines = picture.swapaxes(0, axis)
            step = lines[1:] - lines[:-1]
            step *= share
            lines[:-1] += step
            lines[1:] -= step
    return picture


def _defocus(rng: np.random.Generator, picture: Floats, parts: NDArray[np.uint8]) -> Floats:
    """Some layers seen through a wide lens: a box blur, which also carries their edges over the sharp ones."""
    width = int(rng.integers(2, 6))
    chosen = (rng.random(256) < 0.4).astype(np.float32)[parts]
    vague: Floats = ndimage.uniform_filter(picture, (width, width, 0), mode="nearest")
    where = ndimage.uniform_filter(chosen, width, mode="nearest")
    vague -= picture
    vague *= where[..., None]
    vague += picture
    return vague


def _light(rng: np.random.Generator, size: tuple[int, int]) -> Floats:
    """A factor (H, W) that changes slowly: a few bright and dark places, interpolated."""
    knots = rng.normal(0, rng.uniform(0.05, 0.35), (4, 4)).astype(np.float32)
    smooth = Image.fromarray(knots).resize((size[1], size[0]), Image.Resampling.BICUBIC)
    light: Floats = np.exp(np.asarray(smooth, np.float32))
    return light
