"""What stands for a classical codec in training: its gradients. Its pixels and bits are always those of the real file.

Pixels. "identity": the gradient of the decoded picture is handed on to the picture that was coded (straight through).
"dct": it goes through a differentiable JPEG with the tables of the quality (kornia's; C. Reich et al., "Differentiable
JPEG: the devil is in the details", WACV 2024), which knows that a small coefficient is lost and a large one is not.

Bits. A codec of blocks spends on a coefficient c of an orthonormal 8x8 DCT about log2(1 + (c / Δ)²) / 2 bits, where Δ
is its step. Δ is that of JPEG's luma at the quality, about (`step`), for every codec. The sum is scaled to the bits of
the real file, for each picture: the value is the file's, and only the gradient is an estimate. (That the sum grows as
the files of rougher pictures do is tested.) No coefficient takes more than `_MOST` of them by its size: where few are
not 0, most of the file is its header. What is left is spread evenly over all.
"""

from typing import Literal

import torch
from torch import Tensor
from torch.nn import functional as F

from lic_image.layers.block_dct import BLOCK, block_dct

Gradient = Literal["identity", "dct"]
_STEP = 10 / 255  # at quality 50
_LEAST = 1e-6  # bits of a coefficient that is 0: those of a picture of one colour must not be divided by nothing
_MOST = 64.0  # bits of a coefficient before the rest is spread: 2 to the power of -149 is 0 in float32


def pixels(x: Tensor, decoded: Tensor, qualities: Tensor, gradient: Gradient) -> Tensor:
    """The values of `decoded`, with a gradient for `x`; both (B, 3, H, W) in [0, 1], qualities (B,) from 1 to 100."""
    if not x.requires_grad:
        return decoded
    known = x.clamp(0, 1)
    if gradient == "dct":
        from kornia.enhance import jpeg_codec_differentiable  # takes seconds to import, and files do without

        known = jpeg_codec_differentiable(known, qualities)
    return known + (decoded - known).detach()


def coefficient_bits(x: Tensor, qualities: Tensor, file_bits: Tensor) -> Tensor:
    """How the bits of a file are spread over the coefficients of its picture.

    Args:
        x: what was coded, (B, 3, H, W) in [0, 1], sides multiples of 8.
        qualities: (B,) from 1 to 100.
        file_bits: (B,).

    Returns:
        (B, 192, H/8, W/8), float64: bits of each coefficient, which sum to `file_bits` over each picture.
    """
    transform = block_dct(3 * BLOCK**2).to(x)[:, :, None, None]
    found = F.conv2d(F.pixel_unshuffle(x, BLOCK), transform) / step(qualities)[:, None, None, None]
    bits = torch.log2(1 + found.square()).double() / 2 + _LEAST
    told = bits.detach()
    scale = torch.minimum(file_bits.double() / told.sum((1, 2, 3)), _MOST / told.amax((1, 2, 3)))[:, None, None, None]
    rest = file_bits.double()[:, None, None, None] - (told * scale).sum((1, 2, 3), keepdim=True)
    return bits * scale + rest / told[0].numel()


def step(qualities: Tensor) -> Tensor:
    """The step of an orthonormal coefficient of x in [0, 1], by libjpeg's law of qualities (jcparam.c)."""
    scale = torch.where(qualities < 50, 50 / qualities, 2 - qualities / 50)
    return _STEP * scale.clamp_min(0.02)
