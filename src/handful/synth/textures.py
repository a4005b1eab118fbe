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
    return np.broadcast_to(down, size), np.broadcast_to(across, size)


def coloured_noise(rng: np.random.Generator, size: tuple[int, int], *, oriented: float, band: float) -> Floats:
    """Two independent fields (2, H, W) of mean 0 and standard deviation 1 with one random spectrum.

    The spectrum falls with frequency as that of a photograph does (about 1 / f, Field 1987) or, with the chance `band`,
    lies about one wavelength of 3 to 30 pixels; with the chance `oriented` it keeps to one direction.
    """
    down, across = _frequencies(size)
    angle = rng.uniform(0, np.pi)
    along = np.float32(np.cos(angle)) * down + np.float32(np.sin(angle)) * across
    aside = np.float32(np.cos(angle)) * across - np.float32(np.sin(angle)) * down
    if rng.random() < oriented:
        aside = aside * np.float32(np.exp(rng.uniform(0.7, 2.5)))
    square = along**2 + aside**2
    if rng.random() < band:
        centre = 1 / np.exp(rng.uniform(np.log(3), np.log(30)))
        wide = centre * rng.uniform(0.05, 0.5)
        spectrum = np.exp(-((np.sqrt(square) - np.float32(centre)) ** 2) / np.float32(2 * wide**2))
    else:
        spectrum = (square + np.float32(1 / max(size) ** 2)) ** np.float32(-rng.uniform(0.3, 1.6) / 2)
        spectrum[0, 0] = 0
    white = rng.standard_normal((*size, 2), np.float32).view(np.complex64)[..., 0]
    field = fft.ifft2(white * spectrum, overwrite_x=True)
    fields = np.stack([field.real, field.imag])
    fields -= fields.mean(axis=(1, 2), keepdims=True)
    fields /= np.sqrt(np.einsum("kij,kij->k", fields, fields) / field.size + 1e-12, dtype=np.float32)[:, None, None]
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
