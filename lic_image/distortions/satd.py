"""Sum of absolute transformed differences: near to what a residual costs once it is transformed and coded.

    SATD(x_hat, x) = Σ |H (x_hat - x) Hᵗ| over blocks of 8x8 samples, H the orthonormal Hadamard matrix

With orthonormal H, an error in one coefficient of size e is |e| whatever the coefficient, and an error of one sample is
8 times as much as by the sum of absolute differences. Encoders choose modes by it; Y. Hu et al. (IEEE Trans.
Multimedia 2019) train intra prediction with it.
"""

import torch
from torch import Tensor
from torch.nn import functional as F

BLOCK = 8


def hadamard(size: int) -> Tensor:
    """The orthonormal Hadamard matrix (size, size), `size` a power of two, in Sylvester's order."""
    matrix = torch.ones(1, 1)
    while len(matrix) < size:
        matrix = torch.cat([torch.cat([matrix, matrix], 1), torch.cat([matrix, -matrix], 1)])
    return matrix / len(matrix) ** 0.5


def satd(x_hat: Tensor, x: Tensor) -> Tensor:
    """(B, C, H, W), sides multiples of 8 -> the mean over samples of absolute transformed differences, (B,)."""
    h = hadamard(BLOCK).to(x)
    blocks = F.pixel_unshuffle(x_hat - x, BLOCK).unflatten(1, (-1, BLOCK, BLOCK)).permute(0, 1, 4, 5, 2, 3)
    return (h @ blocks @ h).abs().mean((1, 2, 3, 4, 5))
