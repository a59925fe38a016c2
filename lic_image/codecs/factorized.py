"""`factorized`: every latent channel has one learned density, the same everywhere in the image.

    x ─ g_a ─ y ─ round ─ y_hat ─ g_s ─ x_hat        p(y): entropy bottleneck

J. Ballé, D. Minnen, S. Singh, S. J. Hwang, N. Johnston, ICLR 2018, section 3 (the model without hyperprior).
"""

from typing import Any

from compressai.models import CompressionModel
from torch import Tensor

from common.entropy.models import EntropyBottleneck
from common.layers.strided import analysis, synthesis


class Factorized(CompressionModel):
    """Args: N channels inside the transforms, M channels of y. Weights fit CompressAI's bmshj2018-factorized."""

    downsampling = 16

    def __init__(self, N: int, M: int) -> None:
        super().__init__()
        self.g_a = analysis(N, M)
        self.g_s = synthesis(N, M)
        self.entropy_bottleneck = EntropyBottleneck(M)

    def forward(self, x: Tensor) -> dict[str, Any]:
        y_hat, likelihoods = self.entropy_bottleneck(self.g_a(x))
        return {"x_hat": self.g_s(y_hat), "likelihoods": {"y": likelihoods}}

    def compress(self, x: Tensor) -> dict[str, Any]:
        y = self.g_a(x)
        return {"strings": [self.entropy_bottleneck.compress(y)], "shape": y.shape[-2:]}

    def decompress(self, strings: list[list[bytes]], shape: tuple[int, int]) -> dict[str, Tensor]:
        y_hat = self.entropy_bottleneck.decompress(strings[0], shape)
        return {"x_hat": self.g_s(y_hat).clamp(0, 1)}
