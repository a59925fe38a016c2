"""Noise of a truncated Laplacian distribution on decoded values, the same wherever a file is decoded.

    p(n) ~ exp(-|n| / scale),  |n| <= bound

"Interleaved block-based learned image compression with feature enhancement and quantization error compensation",
equations (14) and (15): quantisation errors are such, and training has seen noise in decoded values. What is decoded
after noisy values depends on them, so the decoder must draw the encoder's: a value is that of its place, drawn by
PCG64, whose integers are fixed, and made by exact arithmetic. Mean 0; the bound of 1/2 is our reading.
"""

from functools import lru_cache

import numpy as np
import torch
from torch import Tensor

from common.entropy.exact import functions
from common.errors import LicError

SEED = 2024


class TruncatedLaplacian:
    """Args: scale, above 0; bound."""

    def __init__(self, scale: float, bound: float = 0.5) -> None:
        if not scale > 0:
            raise LicError(f"the scale of the noise on decoded values is above 0, or 0 for none, not {scale}.")
        self.scale, self.bound = scale, bound

    def added_to(self, values: Tensor) -> Tensor:
        """values (B, …) with the same noise for each of B."""
        return values + drawn(tuple(values.shape[1:]), self.scale, self.bound).to(values)


@lru_cache(maxsize=4)
def drawn(shape: tuple[int, ...], scale: float, bound: float) -> Tensor:
    """float32 numbers of `shape`: by the inverse of the distribution function."""
    integers = torch.from_numpy(
        (np.random.PCG64(SEED).random_raw(int(np.prod(shape))) >> np.uint64(12)).astype(np.int64)
    )
    uniform = (integers.double() + 0.5) * 2.0**-51 - 1  # in -1 to 1
    inside = 1 - functions.exp(torch.tensor([-bound / scale], dtype=torch.float64))
    size = -scale * functions.log(1 - uniform.abs() * inside)
    return (size * uniform.sign()).clamp(-bound, bound).float().reshape(shape)
