"""Blocking-aware quality of luma: PSNR-B, and the PSNR that papers on the artefacts of JPEG have beside it.

    PSNR-B = 10 log10(255² / (MSE + BEF))        BEF = η max(D_B - D_BC, 0)        η = log2(8) / log2(shorter side)

D_B is the mean squared difference of the decoded picture's neighbouring pixels across the borders of 8x8 blocks, D_BC
that of all other neighbours, in both directions. C. Yim, A. C. Bovik: "Quality assessment of deblocked images", IEEE
TIP 20, 2011. The paper prints the number of pairs across vertical borders as H (W / 8) - 1, which is more than there
are; torchmetrics divides by it, and needs more than 8 pixels a side. Here means are over the pairs that there are,
H (W / 8 - 1) where 8 divides W.

Both are of luma as MATLAB's rgb2ycbcr makes it (BT.601, 16 to 235), rounded to 8 bits, as the papers measure it.
"""

import math

import torch
from torch import Tensor

BLOCK = 8
_WEIGHTS = (65.481, 128.553, 24.966)  # of R, G and B in 0 to 1


def matlab_luma(rgb: Tensor) -> Tensor:
    """RGB (B, 3, H, W) in 0 to 1 -> luma (B, H, W), whole numbers from 16 to 235, in float64."""
    weights = torch.tensor(_WEIGHTS, dtype=torch.float64, device=rgb.device)
    return (16 + (rgb.double() * weights[:, None, None]).sum(1)).round()


def psnr_luma(x_hat: Tensor, x: Tensor) -> Tensor:
    """PSNR of luma, dB, peak 255; infinite where it is equal. RGB (1, 3, H, W) in 0 to 1."""
    return 10 * torch.log10(255**2 / (matlab_luma(x_hat) - matlab_luma(x)).square().mean())


def psnr_b(x_hat: Tensor, x: Tensor) -> Tensor:
    """PSNR-B of luma, dB; RGB (1, 3, H, W) in 0 to 1. Blocks begin at the upper left corner."""
    return psnr_b_of_plane(matlab_luma(x_hat)[0], matlab_luma(x)[0])


def psnr_b_of_plane(decoded: Tensor, original: Tensor) -> Tensor:
    """PSNR-B, dB, of planes (H, W) in levels of 255."""
    return 10 * torch.log10(255**2 / ((decoded - original).square().mean() + blocking_effect(decoded)))


def blocking_effect(luma: Tensor) -> Tensor:
    """BEF of a picture (H, W); 0 where no side has more than a block."""
    across, others = [], []
    for differences in (luma.diff(dim=1), luma.diff(dim=0).T):
        at_border = torch.arange(differences.shape[1], device=luma.device) % BLOCK == BLOCK - 1
        across.append(differences[:, at_border].flatten())
        others.append(differences[:, ~at_border].flatten())
    borders, inside = (torch.cat(found).square() for found in (across, others))
    if not borders.numel() or min(luma.shape) == 1:
        return luma.new_zeros(())
    eta = math.log2(BLOCK) / math.log2(min(luma.shape))
    return eta * (borders.mean() - inside.mean()).clamp_min(0)
