"""Latents with side information: what motion and residual codecs share, without the transforms.

    y ─┬──── round ──── y_hat          p(y | z_hat): Gaussian of scale h_s(z_hat), of mean too if `means`
       └ h_a ─ z ─ round ─ z_hat ─ h_s ─ scales, means

J. Ballé, D. Minnen, S. Singh, S. J. Hwang, N. Johnston: "Variational image compression with a scale hyperprior", ICLR
2018; with `means`, Minnen, Ballé, Toderici, NeurIPS 2018. z is as large as y's quarter, rounded up, so that y may have
any size: what h_s gives beyond it is cut off.
"""

import torch
from compressai.models.utils import conv, deconv
from torch import Tensor, nn

from common.entropy import exact
from common.entropy.models import EntropyBottleneck, GaussianConditional
from common.entropy.walks import Visitor, WalkedLatents


class HyperpriorLatents(WalkedLatents, nn.Module):
    """Args: M channels of y, N of z and of the layers around it; `means`: whether z also tells the means."""

    def __init__(self, M: int, N: int, means: bool = False) -> None:
        super().__init__()
        self.means = means
        self.h_a = nn.Sequential(
            conv(M, N, stride=1, kernel_size=3), nn.ReLU(inplace=True), conv(N, N), nn.ReLU(inplace=True), conv(N, N)
        )
        self.h_s = nn.Sequential(
            deconv(N, N),
            nn.ReLU(inplace=True),
            deconv(N, N),
            nn.ReLU(inplace=True),
            conv(N, 2 * M if means else M, stride=1, kernel_size=3),
        )
        self.entropy_bottleneck = EntropyBottleneck(N)
        self.gaussian_conditional = GaussianConditional()

    def forward(self, y: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
        """y (B, M, h, w) -> noisy or rounded y, and the likelihoods of y and z."""
        return self.measured(y)

    def hyper_analysis(self, y: Tensor) -> Tensor:
        return self.h_a(y if self.means else y.abs())

    def walk(self, z_hat: Tensor, visit: Visitor) -> Tensor:
        h, w = visit.size
        told = self.hyper_synthesis(z_hat)[..., :h, :w]
        return visit(*(told.chunk(2, 1) if self.means else [told]))

    @exact.parameters
    def hyper_synthesis(self, z_hat: Tensor) -> Tensor:
        """Scales of y, and means if there are any, one after the other in channels."""
        return self.h_s(z_hat)

    @torch.no_grad()
    def start_from(self, deviations: Tensor) -> None:
        """Let the scales start at what y (B, M, h, w) has been found to deviate by, (M,)."""
        self.h_s[-1].bias[: len(deviations)] = deviations  # type: ignore[operator]
