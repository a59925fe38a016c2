"""PSNR-HVS-M: errors of 8x8 DCT coefficients, weighted by contrast sensitivity, less what their block masks.

N. Ponomarenko, F. Silvestri, K. Egiazarian, M. Carli, J. Astola, V. Lukin: "On between-coefficient contrast masking of
DCT basis functions", VPQM 2007. Weights and masking follow from the luminance table of JPEG, as in the authors' code.
"""

import math

import torch
from torch import Tensor
from torch.nn.functional import pixel_unshuffle

from common.metrics.yuv import plane_of

BLOCK = 8
# JPEG's example table for luminance (ITU-T T.81, table K.1).
LUMINANCE = (
    (16, 11, 10, 16, 24, 40, 51, 61), (12, 12, 14, 19, 26, 58, 60, 55), (14, 13, 16, 24, 40, 57, 69, 56),
    (14, 17, 22, 29, 51, 87, 80, 62), (18, 22, 37, 56, 68, 109, 103, 77), (24, 35, 55, 64, 81, 104, 113, 92),
    (49, 64, 78, 87, 103, 121, 120, 101), (72, 92, 95, 98, 112, 100, 103, 99),
)  # fmt: skip
SENSITIVITY = 25.735088  # of the authors' weights, which are this over the table


def psnr_hvs_m(x_hat: Tensor, x: Tensor) -> Tensor:
    """PSNR-HVS-M of luma (BT.709, full range), dB; infinite where no error is visible.

    Args:
        x_hat, x: RGB (1, 3, H, W) in 0 to 1. Rows and columns beyond a multiple of 8 are left out.
    """
    height, width = (side - side % BLOCK for side in x.shape[-2:])
    if not height or not width:
        return torch.tensor(math.nan)
    a, b = (_blocks(255 * plane_of(p, "y")[..., :height, :width].double()) for p in (x, x_hat))
    table = torch.tensor(LUMINANCE, dtype=torch.float64)
    mask = torch.maximum(_masking(a, table), _masking(b, table))[:, None, None]
    threshold = mask * (table / 10) ** 2
    threshold[:, 0, 0] = 0  # the mean of a block is never masked
    u = ((_dct(a) - _dct(b)).abs() - threshold).clamp_min(0)
    return 10 * torch.log10(255**2 / (u * SENSITIVITY / table).square().mean())


def _blocks(plane: Tensor) -> Tensor:
    """(1, H, W) -> (n, 8, 8)."""
    return pixel_unshuffle(plane[None], BLOCK)[0].reshape(BLOCK, BLOCK, -1).permute(2, 0, 1)


def _dct(blocks: Tensor) -> Tensor:
    """The orthonormal DCT of blocks (n, 8, 8)."""
    place = torch.arange(BLOCK, dtype=torch.float64)
    basis = torch.cos(math.pi * place[:, None] * (2 * place + 1) / (2 * BLOCK)) * math.sqrt(2 / BLOCK)
    basis[0] /= math.sqrt(2)
    return basis @ blocks @ basis.T


def _masking(blocks: Tensor, table: Tensor) -> Tensor:
    """How much a block hides, (n,): its weighted energy, less where it has a single edge, as its quarters are flat."""
    weights = (10 / table) ** 2
    weights[0, 0] = 0
    energy = (_dct(blocks).square() * weights).sum((1, 2))
    whole = _scatter(blocks)
    half = BLOCK // 2
    quarters = sum(_scatter(blocks[:, i : i + half, j : j + half]) for i in (0, half) for j in (0, half))
    share = torch.where(whole > 0, quarters / whole.clamp_min(1e-300), 0.0)
    return (energy * share).sqrt() / 32


def _scatter(parts: Tensor) -> Tensor:
    """Sample variance times the number of pixels."""
    pixels = parts.flatten(1)
    return pixels.var(1) * pixels.shape[1]
