"""Distortions of single pixels, in 8-bit levels."""

import math
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from common.checks import check_number
from common.errors import LicError
from lic_image.distortions.contract import Distortion, per_picture


class MSE(Distortion):
    """255² (x_hat - x)², the mean over pixels and channels."""

    unit = "255²·MSE"

    def forward(self, x_hat: Tensor, x: Tensor, context: Mapping[str, Any]) -> Tensor:
        return 255**2 * per_picture((x_hat - x).square())


class L1(Distortion):
    """255 |x_hat - x|, the mean over pixels and channels."""

    unit = "255·mean absolute error"
    in_mse = 16.0  # 4b of Laplacian errors of mean b, at the usual λ of 0.013 for the squared error

    def forward(self, x_hat: Tensor, x: Tensor, context: Mapping[str, Any]) -> Tensor:
        return 255 * per_picture((x_hat - x).abs())


class Charbonnier(Distortion):
    """sqrt((255 (x_hat - x))² + ε²) - ε: |…| for errors above ε levels, squares for those below.

    P. Charbonnier, L. Blanc-Féraud, G. Aubert, M. Barlaud, ICIP 1994; in W.-S. Lai et al., CVPR 2017, as a loss.

    Args:
        epsilon: ε, in 8-bit levels; 0.255 is the 1e-3 of the papers, whose pixels are in [0, 1].
    """

    unit = "255·Charbonnier"
    in_mse = 16.0

    def __init__(self, epsilon: float = 0.255) -> None:
        super().__init__()
        check_number("loss.epsilon", epsilon, above=True)  # at 0 equal pixels have no gradient
        self.epsilon = epsilon

    def forward(self, x_hat: Tensor, x: Tensor, context: Mapping[str, Any]) -> Tensor:
        error = 255 * (x_hat - x)
        return per_picture(torch.sqrt(error.square() + self.epsilon**2) - self.epsilon)


class ChannelWeighted(Distortion):
    """The squared error of luma and chroma, each with a weight: 255² Σ w_c MSE_c / Σ w_c.

    Channels are those of Y'CbCr by BT.709 in full range, as in `common.metrics.yuv`.

    Args:
        weights: of Y, Cb and Cr; 6:1:1 is that of PSNR-YUV.
    """

    unit = "255²·weighted MSE of Y'CbCr"

    def __init__(self, weights: tuple[float, float, float] = (6.0, 1.0, 1.0)) -> None:
        super().__init__()
        if len(weights) != 3 or min(weights) < 0 or not 0 < sum(weights) < math.inf:
            raise LicError(f"loss.weights are those of Y, Cb and Cr, 0 or above and not all 0, not {list(weights)}.")
        self.weights = tuple(weights)

    def forward(self, x_hat: Tensor, x: Tensor, context: Mapping[str, Any]) -> Tensor:
        from common.metrics.yuv import PLANES, plane_of

        error = x_hat - x
        planes = zip(self.weights, PLANES)
        found = [weight * per_picture(plane_of(error, plane).square()) for weight, plane in planes]
        return 255**2 * torch.stack(found).sum(0) / sum(self.weights)
