"""`hyperprior`: side information z tells the scale of every latent.

    x ─ g_a ─ y ─┬──── round ──── y_hat ─ g_s ─ x_hat      p(y | z_hat): Gaussian, mean 0, scale h_s(z_hat)
                 └ |·| ─ h_a ─ z ─ round ─ z_hat ─ h_s ─ scales

J. Ballé, D. Minnen, S. Singh, S. J. Hwang, N. Johnston: "Variational image compression with a scale hyperprior",
ICLR 2018, figure 4.
"""

from typing import Any

import torch
from compressai.models import CompressionModel
from compressai.models.utils import conv, deconv
from torch import Tensor, nn

from common.entropy.models import EntropyBottleneck, GaussianConditional
from common.layers.strided import analysis, synthesis


class Hyperprior(CompressionModel):
    """Args: N channels inside the transforms and of z, M channels of y.

    Weights fit CompressAI's bmshj2018-hyperprior.
    """

    downsampling = 64

    def __init__(self, N: int, M: int) -> None:
        super().__init__()
        self.g_a = analysis(N, M)
        self.g_s = synthesis(N, M)
        self.h_a = nn.Sequential(
            conv(M, N, stride=1, kernel_size=3),
            nn.ReLU(inplace=True),
            conv(N, N),
            nn.ReLU(inplace=True),
            conv(N, N),
        )
        self.h_s = nn.Sequential(
            deconv(N, N),
            nn.ReLU(inplace=True),
            deconv(N, N),
            nn.ReLU(inplace=True),
            conv(N, M, stride=1, kernel_size=3),
            nn.ReLU(inplace=True),
        )
        self.entropy_bottleneck = EntropyBottleneck(N)
        self.gaussian_conditional = GaussianConditional(None)

    def hyper_analysis(self, y: Tensor) -> Tensor:
        return self.h_a(torch.abs(y))

    def hyper_synthesis(self, z_hat: Tensor) -> tuple[Tensor, Tensor | None]:
        """z_hat (B, N, h/4, w/4) -> scales (B, M, h, w), and means where the system has them."""
        return self.h_s(z_hat), None

    def forward(self, x: Tensor) -> dict[str, Any]:
        y = self.g_a(x)
        z_hat, z_likelihoods = self.entropy_bottleneck(self.hyper_analysis(y))
        scales, means = self.hyper_synthesis(z_hat)
        y_hat, y_likelihoods = self.gaussian_conditional(y, scales, means=means)
        return {"x_hat": self.g_s(y_hat), "likelihoods": {"y": y_likelihoods, "z": z_likelihoods}}

    def compress(self, x: Tensor) -> dict[str, Any]:
        y = self.g_a(x)
        z = self.hyper_analysis(y)
        z_strings = self.entropy_bottleneck.compress(z)
        z_hat = self.entropy_bottleneck.decompress(z_strings, z.shape[-2:])
        scales, means = self.hyper_synthesis(z_hat)
        indexes = self.gaussian_conditional.build_indexes(scales)
        y_strings = self.gaussian_conditional.compress(y, indexes, means=means)
        return {"strings": [y_strings, z_strings], "shape": z.shape[-2:]}

    def decompress(self, strings: list[list[bytes]], shape: tuple[int, int]) -> dict[str, Tensor]:
        z_hat = self.entropy_bottleneck.decompress(strings[1], shape)
        scales, means = self.hyper_synthesis(z_hat)
        indexes = self.gaussian_conditional.build_indexes(scales)
        y_hat = self.gaussian_conditional.decompress(strings[0], indexes, means=means)
        return {"x_hat": self.g_s(y_hat).clamp(0, 1)}
