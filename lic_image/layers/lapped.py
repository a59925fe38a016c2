"""An orthonormal filter across block edges that turns a block DCT into a lapped transform: no blocking, fewer bits.

The last four samples a of a block and the first four b of the next one are mixed,

    P = 1/2 [I J; J -I] diag(I, V) [I J; J -I],     V = J C2ᵗ C4 J

with J the reversal, C2 and C4 the orthonormal DCT-II and DCT-IV of size 4. P before an 8x8 DCT is the lapped
orthogonal transform of H. S. Malvar (IEEE Trans. ASSP 1989) in the form of T. D. Tran, J. Liang, C. Tu (IEEE Trans.
Signal Processing 2003); the decoder undoes it with Pᵗ after the inverse DCT. At the picture's border the samples are
continued by reflection, for which P is the identity, so that nothing is lost there.
"""

import math

import torch
from torch import Tensor

from lic_image.layers.block_dct import BLOCK, dct_matrix

HALF = BLOCK // 2


def edge_filter() -> Tensor:
    """P, (8, 8) orthonormal and symmetric about the edge between samples 3 and 4."""
    unit = torch.eye(HALF, dtype=torch.float64)
    reverse = unit.flip(0)
    k = torch.arange(HALF, dtype=torch.float64)
    dct4 = math.sqrt(2 / HALF) * torch.cos(math.pi * (2 * k[:, None] + 1) * (2 * k + 1) / (4 * HALF))
    butterfly = torch.cat([torch.cat([unit, reverse], 1), torch.cat([reverse, -unit], 1)]) / math.sqrt(2)
    middle = torch.block_diag(unit, reverse @ dct_matrix(HALF).T @ dct4 @ reverse)
    return (butterfly @ middle @ butterfly).float()


def across_edges(x: Tensor, matrix: Tensor) -> Tensor:
    """Apply `matrix` (8, 8) to the four samples on either side of every block edge, along rows and columns.

    (B, C, H, W), H and W multiples of 8, to the same shape; the outermost four samples of each side are left alone.
    """
    return _along_rows(_along_rows(x, matrix).transpose(2, 3), matrix).transpose(2, 3)


def _along_rows(x: Tensor, matrix: Tensor) -> Tensor:
    if x.shape[3] == BLOCK:
        return x
    middle = x[..., HALF:-HALF]
    filtered = (middle.reshape(*x.shape[:3], -1, BLOCK) @ matrix.T).reshape(middle.shape)
    return torch.cat([x[..., :HALF], filtered, x[..., -HALF:]], 3)
