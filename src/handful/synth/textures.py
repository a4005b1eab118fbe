"""Noise of many kinds that fills regions: grain, clouds, gratings, spots, creases, cells."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy import fft

Floats = NDArray[np.float32]


@lru_cache(maxsize=4)
def _frequencies(size: tuple[int, int]) -> tuple[Floats, Floats]:
    down = np.fft.fftfreq(size[0]).astype(np.float32)[:, None]
    across = np.fft.fftfreq(size[1]).astype(np.float32)[None]
    return down, across


def coloured_noise(rng: np.random.Generator, size: tuple[int, int], *, oriented: float, band: float) -> Floats:
    """Two independent fields (2, H, W) of mean 0 and standard deviation 1 with one random spectrum.

    The spectrum falls with frequency as that of a photograph does (about 1 / f, Field 1987) or, with the chance `band`,
    lies about one wavelength of 3 to 30 pixels; with the chance `oriented` it keeps to one direction.
    """
    down, across = _frequencies(size)
    angle = rng.uniform(0, np.pi)
    cos, sin = np.float32(np.cos(angle)), np.float32(np.sin(angle))
    along, aside = cos * down + sin * across, cos * across - sin * down
    if rng.random() < oriented:
        aside *= np.float32(np.exp(rng.uniform(0.7, 2.5)))
    along *= along
    aside *= aside
    along += aside  # the frequency squared
    if rng.random() < band:
        centre = 1 / np.exp(rng.uniform(np.log(3), np.log(30)))
        np.sqrt(along, out=along)
        along -= np.float32(centre)
        along *= np.float32(1 / (centre * rng.uniform(0.07, 0.7)))
        along *= along
        spectrum = np.exp(-along)
    else:
        # Logarithm and exponential take half as long as the power.
        spectrum = np.exp(np.float32(-rng.uniform(0.3, 1.6) / 2) * np.log(along + np.float32(1 / max(size) ** 2)))
        spectrum[0, 0] = 0
    # Even noise is quicker than normal noise, and the transform, a sum of thousands, makes it normal.
    white = (rng.random((*size, 2), np.float32) - np.float32(0.5)).view(np.complex64)[..., 0]
    white *= spectrum
    fields = fft.ifft2(white, overwrite_x=True).view(np.float32).reshape(*size, 2).transpose(2, 0, 1)
    fields = np.ascontiguousarray(fields)
    for field in fields:
        field -= field.mean()
        field /= np.sqrt(np.vdot(field, field) / field.size + 1e-20)
    return fields


def shaped(rng: np.random.Generator, field: Floats, bend: Floats) -> Floats:
    """A field bent into another look: as it is, spots with edges, creases, or cells whose outline `bend` moves."""
    look = rng.integers(5)
    if look <= 1:
        return field
    if look == 2:
        spots: Floats = np.tanh(rng.uniform(1.5, 6) * (field + rng.uniform(-1, 1)))
        return spots
    if look == 3:
        creases: Floats = np.abs(field) * rng.choice([-1.5, 1.5]) + 1
        return creases.astype(np.float32)
    height, width = field.shape
    pitch = np.exp(rng.uniform(np.log(3), np.log(16), 2))
    sway = np.float32(rng.uniform(0.2, 0.7)) * bend
    rows = ((np.arange(height, dtype=np.float32) / pitch[0])[:, None] + sway + 4).astype(np.int32) % 64
    columns = ((np.arange(width, dtype=np.float32) / pitch[1])[None] + sway[::-1] + 4).astype(np.int32) % 64
    cells: Floats = rng.standard_normal((64, 64), np.float32)[rows, columns]
    return cells
