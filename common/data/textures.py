"""The noise that scenes are painted with: three periodic tiles, made once per process."""

import functools

import numpy as np
from numpy.typing import NDArray

from common.data.raster import TILE


@functools.cache
def noise_tiles() -> NDArray[np.float32]:
    """Three periodic noise fields, ``(3, 256, 256)`` float32, zero mean, unit variance: 1/f, billows, fine grain.

    Rounded to multiples of 2^-12, so that they are the same numbers on every platform.
    """
    rng = np.random.Generator(np.random.PCG64(20180311))
    fy, fx = np.fft.fftfreq(TILE, 1 / TILE)[:, None], np.fft.rfftfreq(TILE, 1 / TILE)[None, :]
    frequency = np.hypot(fx, fy)

    def field(slope: float, knee: float) -> NDArray[np.float64]:
        white = np.fft.rfft2(rng.standard_normal((TILE, TILE)))
        coloured = np.fft.irfft2(white * (frequency + knee) ** -slope * (frequency > 0), (TILE, TILE))
        return coloured / coloured.std()

    clouds = field(1.0, 2.0)
    billows = np.abs(field(1.25, 3.0))  # creases where the field changes its sign: bark, rock, water
    grain = field(0.35, 10.0)
    tiles = np.stack([clouds, (billows - billows.mean()) / billows.std(), grain])
    return (np.round(np.clip(tiles, -4, 4) * 4096) / 4096).astype(np.float32)


@functools.cache
def sensor_noise() -> NDArray[np.float32]:
    """Unit-variance noise of 2^15 pixels, red, green, blue in turn, two thirds of it shared by the three channels."""
    rng = np.random.Generator(np.random.PCG64(20180312))
    shared, own = rng.standard_normal((1 << 15, 1)), rng.standard_normal((1 << 15, 3))
    return (np.sqrt(2 / 3) * shared + np.sqrt(1 / 3) * own).astype(np.float32).ravel()
