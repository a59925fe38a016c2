"""A linear block transform that starts as JPEG's: decorrelated colour, orthonormal 8x8 DCT, low frequencies first.

    x (B, 3, H, W) ── PixelUnshuffle(8) ── 1x1 convolution ── (B, M, H/8, W/8)

Row m of the 1x1 convolution's matrix T (M, 192) is colour vector c times basis image (u, v):

    T[m, (colour, i, j)] = c[colour] · d_u[i] · d_v[j],    d_u[i] = sqrt(2/8) · cos(pi (2i + 1) u / 16), d_0 = sqrt(1/8)

so that T Tᵗ = 1 and the transposed matrix reconstructs. N. Ahmed, T. Natarajan, K. R. Rao, IEEE Trans. Computers
1974. The colours are an orthonormal luma, blue-red and green-magenta.
"""

import math

import torch
from torch import Tensor

BLOCK = 8
# A chroma basis image stands in line where a luma one of this much higher frequency does.
CHROMA_LATER = 2.0
CHROMA_SLOPE = 1.4


def dct_matrix(size: int) -> Tensor:
    """(size, size): row u is the orthonormal DCT-II basis vector of frequency u."""
    u, i = torch.arange(size, dtype=torch.float64)[:, None], torch.arange(size, dtype=torch.float64)
    matrix = torch.cos(math.pi * (2 * i + 1) * u / (2 * size)) * math.sqrt(2 / size)
    matrix[0] /= math.sqrt(2)
    return matrix


def colour_matrix() -> Tensor:
    """(3, 3) orthonormal: rows luma, blue-red difference, green-magenta difference."""
    rows = torch.tensor([[1, 1, 1], [1, 0, -1], [1, -2, 1]], dtype=torch.float64)
    return rows / rows.norm(dim=1, keepdim=True)


def basis_order(M: int) -> list[tuple[int, int, int]]:
    """The first `M` of the 192 (colour, u, v), from low to high frequency, chroma later than luma."""

    def cost(item: tuple[int, int, int]) -> float:
        colour, u, v = item
        frequency = math.hypot(u, v)
        return frequency if colour == 0 else CHROMA_LATER + CHROMA_SLOPE * frequency

    every = [(colour, u, v) for colour in range(3) for u in range(BLOCK) for v in range(BLOCK)]
    return sorted(every, key=lambda item: (cost(item), item))[:M]


def block_dct(M: int, colours: Tensor | None = None) -> Tensor:
    """(M, 192) float32: the transform as a matrix over the channels of PixelUnshuffle(8).

    `colours`: rows of the colour transform, `colour_matrix` by default.
    """
    d, colours = dct_matrix(BLOCK), colour_matrix() if colours is None else colours
    rows = [torch.einsum("c,i,j->cij", colours[c], d[u], d[v]).flatten() for c, u, v in basis_order(M)]
    return torch.stack(rows).float()
