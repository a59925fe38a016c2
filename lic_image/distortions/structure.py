"""Distortions of local structure: SSIM, MS-SSIM, edges."""

from collections.abc import Mapping
from typing import Any

import pytorch_msssim
from kornia.filters import spatial_gradient
from torch import Tensor

from common.checks import check_number
from common.metrics.image import MS_SSIM_MIN_SIDE, MS_SSIM_PER_MSE, ms_ssim
from lic_image.distortions.contract import Distortion, per_picture


class MSSSIM(Distortion):
    """1 - MS-SSIM (Wang et al., 2003), 5 scales."""

    unit = "(1 - MS-SSIM)"
    in_mse = MS_SSIM_PER_MSE
    least_side = MS_SSIM_MIN_SIDE

    def forward(self, x_hat: Tensor, x: Tensor, context: Mapping[str, Any]) -> Tensor:
        return 1 - ms_ssim(x, x_hat)


class SSIM(Distortion):
    """1 - SSIM (Wang et al., 2004), one scale, Gaussian window of 11."""

    unit = "(1 - SSIM)"
    in_mse = MS_SSIM_PER_MSE / 5  # 1 - SSIM is about five times 1 - MS-SSIM at usual rates
    least_side = 11

    def forward(self, x_hat: Tensor, x: Tensor, context: Mapping[str, Any]) -> Tensor:
        return 1 - pytorch_msssim.ssim(x_hat, x, data_range=1.0, size_average=False)


class Edge(Distortion):
    """The squared error, and that of the gradients: 255² (MSE + w·MSE of Sobel's horizontal and vertical gradients).

    Gradients are normalised to a sum of 1 of each kernel's absolute values (kornia), so that a ramp of one level a
    pixel has a gradient of one level.

    Args:
        weight: w.
    """

    unit = "255²·(MSE + MSE of gradients)"

    def __init__(self, weight: float = 1.0) -> None:
        super().__init__()
        check_number("loss.weight", weight)
        self.weight = weight

    def forward(self, x_hat: Tensor, x: Tensor, context: Mapping[str, Any]) -> Tensor:
        error = x_hat - x
        gradients = spatial_gradient(error, mode="sobel", normalized=True)  # of the difference: it is linear
        return 255**2 * (per_picture(error.square()) + self.weight * per_picture(gradients.square()))
