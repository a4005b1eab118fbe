"""What scenes are made of, a batch at once: smooth noise, cells round scattered points, bodies, strips.

Lengths are in pixels; planes are (B, H, W), rows down and columns across.
"""

from __future__ import annotations

from math import pi

import torch
from torch import Tensor

from handful.synth.universe.draws import Draws

TABLE = 64  # points on a side of the table of scattered points; beyond it they repeat


def column(values: Tensor) -> Tensor:
    """(B, ...) as (B, ..., 1, 1), to go with planes."""
    return values[..., None, None]


def places(draws: Draws) -> tuple[Tensor, Tensor]:
    """Row (H, 1) and column (1, W) of every pixel."""
    height, width = draws.size
    rows = torch.arange(height, device=draws.device, dtype=torch.float32)[:, None]
    return rows, torch.arange(width, device=draws.device, dtype=torch.float32)[None]


def noise(
    draws: Draws,
    wavelength: Tensor,
    *,
    band: Tensor | None = None,
    stretch: Tensor | None = None,
    coarse: int = 1,
) -> Tensor:
    """Noise (B, H, W) of mean 0 and standard deviation 1 with nothing finer than `wavelength` (B,).

    band (B,), boolean: only about that wavelength, as labyrinths and gratings are; else all longer ones too, with the
    1 / f of photographs. stretch (B,): how much longer it is in one direction than across it. coarse: drawn on every
    so many pixels and interpolated, many times quicker where the wavelength is several times that.
    """
    height, width = (max(2, -(-side // coarse)) for side in draws.size)
    down = torch.fft.fftfreq(height, device=draws.device)[:, None] / coarse
    across = torch.fft.rfftfreq(width, device=draws.device)[None] / coarse
    if stretch is None:
        square = (down**2 + across**2)[None]
    else:
        angle = column(draws.task(0, pi))
        along, aside = angle.cos() * down + angle.sin() * across, angle.cos() * across - angle.sin() * down
        square = along**2 + (aside * column(stretch)) ** 2
    relative = square * column(wavelength) ** 2  # 1 at the wavelength
    spectrum = torch.exp(-relative) / (relative + 0.05).sqrt()
    if band is not None:
        spectrum = torch.where(column(band), torch.exp(-8 * (relative.sqrt() - 1) ** 2), spectrum)
    spectrum[:, 0, 0] = 0
    white = torch.view_as_complex(draws.normal(draws.batch, height, width // 2 + 1, 2))
    field = torch.fft.irfft2(white * spectrum, s=(height, width))
    even: Tensor = field / (field.std(dim=(1, 2), keepdim=True) + 1e-6)
    if coarse == 1:
        return even
    return torch.nn.functional.interpolate(even[:, None], draws.size, mode="bicubic", align_corners=True)[:, 0]


def warped(draws: Draws, wavelength: Tensor, bend: Tensor) -> tuple[Tensor, Tensor]:
    """Row and column (B, H, W) of every pixel, moved by noise of this wavelength (B,) in pixels.

    bend (B,): the standard deviation of the movement in wavelengths; above 0.15 outlines fray, at 0.3 they fall apart.
    """
    rows, columns = places(draws)
    far = bend * wavelength
    moved = (column(far) * noise(draws, wavelength, coarse=2) for _ in range(2))
    return rows + next(moved), columns + next(moved)


def scattered(draws: Draws, rows: Tensor, columns: Tensor, pitch: Tensor, jitter: Tensor) -> tuple[Tensor, ...]:
    """The nearest of scattered points (Worley 1996): distance to it and to the second nearest, and its number.

    One point lies in every square of a grid of `pitch` (B,), `jitter` (B,) of it off the middle. Distances in pitches.
    """
    batch = draws.batch
    row, col = rows / column(pitch) + 1, columns / column(pitch) + 1
    home_row, home_col = row.floor(), col.floor()
    points = column(jitter)[..., None] * draws.each(-0.5, 0.5, TABLE, TABLE, 2) + 0.5
    flat = points.view(batch, TABLE * TABLE, 2)
    nearest = torch.full(row.shape, 9.0, device=draws.device)
    second, number = nearest.clone(), torch.zeros(row.shape, dtype=torch.int64, device=draws.device)
    for down in (-1, 0, 1):
        for across in (-1, 0, 1):
            square_row, square_col = home_row + down, home_col + across
            index = (square_row.long() % TABLE) * TABLE + square_col.long() % TABLE
            point = flat.gather(1, index.view(batch, -1, 1).expand(-1, -1, 2)).view(*row.shape, 2)
            away = torch.hypot(square_row + point[..., 0] - row, square_col + point[..., 1] - col)
            closer = away < nearest
            second = torch.where(closer, nearest, torch.minimum(second, away))
            nearest = torch.where(closer, away, nearest)
            number = torch.where(closer, index, number)
    return nearest, second, number


def turned(
    rows: Tensor, columns: Tensor, middle: tuple[Tensor, Tensor], cos: Tensor, sin: Tensor
) -> tuple[Tensor, Tensor]:
    """How far every pixel lies from each of N middles along its direction and to the side of it, both (B, N, H, W).

    middle: row and column (B, N). cos, sin (B, N): of the angle from down towards right.
    """
    down, across = (place[:, None] - column(at) for place, at in zip((rows, columns), middle, strict=True))
    cos, sin = column(cos), column(sin)
    return cos * down + sin * across, cos * across - sin * down


def bodies(draws: Draws, rows: Tensor, columns: Tensor, radius: Tensor, *, boxy: Tensor, stretch: Tensor) -> Tensor:
    """How far every pixel is from the middle of each of N bodies, (B, N, H, W): below 1 inside, 1 on its outline.

    radius (B, N). boxy (B,): -1 diamonds, 0 ellipses, 1 boxes, between them what lies between. stretch (B,): the
    largest ratio of their axes.
    """
    count = radius.shape[1]
    height, width = draws.size
    middle = draws.each(0, 1, 2, count)
    angle = draws.each(0, pi, count)
    ratio = stretch[:, None] ** (draws.each(0, 1, count) / 2)
    along, aside = turned(rows, columns, (middle[:, 0] * height, middle[:, 1] * width), angle.cos(), angle.sin())
    u, v = along.abs_().div_(column(radius * ratio)), aside.abs_().div_(column(radius / ratio))
    other = torch.where(boxy.view(-1, 1, 1, 1) > 0, torch.maximum(u, v), u + v)
    return torch.lerp(torch.hypot(u, v), other, boxy.abs().view(-1, 1, 1, 1))


def strips(draws: Draws, rows: Tensor, columns: Tensor, width: Tensor, length: Tensor) -> Tensor:
    """How far every pixel is from the middle line of each of N strips, (B, N, H, W): below 1 inside.

    width, length (B, N): half of each; a strip grows thinner towards its ends. Bent places bend the strips.
    """
    count = width.shape[1]
    middle, angle = draws.each(0, 1, 2, count), draws.each(0, pi, count)
    middles = middle[:, 0] * draws.size[0], middle[:, 1] * draws.size[1]
    along, aside = turned(rows, columns, middles, angle.cos(), angle.sin())
    along, aside = along.abs() / column(length), aside.abs() / column(width)
    taper = (1 - along**2).clamp_min(0.0).sqrt()
    return torch.where(along < 1, aside / taper.clamp_min(1e-3), torch.full_like(aside, 9.0))
