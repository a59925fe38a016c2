"""`factorized`: every latent channel has one learned density, the same everywhere in the image.

    x ─ g_a ─ y ─ round ─ y_hat ─ g_s ─ x_hat        p(y): entropy bottleneck

J. Ballé, D. Minnen, S. Singh, S. J. Hwang, N. Johnston, ICLR 2018, section 3 (the model without hyperprior).
"""

from collections.abc import Callable
from typing import Any

import torch
from compressai.models import CompressionModel
from torch import Tensor

from common.entropy import exact
from common.entropy.codebook import Codebook
from common.entropy.models import EntropyBottleneck
from common.layers.classical_start import Start, known, start_as, start_codebook
from common.layers.pyramid_start import optimal_step
from common.layers.strided import analysis, synthesis
from lic_image.layers.blocks import Attention, Place, Refinement, attending_encoder, decoder_with_blocks


class Factorized(CompressionModel):
    """Args: N channels inside the transforms, M channels of y; blocks as in `Hyperprior`.

    Weights fit CompressAI's bmshj2018-factorized.
    """

    downsampling = 16
    parameter_networks = ()  # a density or a histogram for each channel, the same everywhere

    def __init__(
        self,
        N: int,
        M: int,
        attention: Attention | None = None,
        decoder_attention: Place = "first",
        refinement: Refinement | None = None,
        start: Start = "random",
        latent: Callable[[int], Codebook] | None = None,
    ) -> None:
        super().__init__()
        self.start = known(start)
        self.g_a = attending_encoder(analysis(N, M), M, attention)
        self.g_s = decoder_with_blocks(synthesis(N, M), N, M, attention, decoder_attention, refinement)
        self.entropy_bottleneck = EntropyBottleneck(M) if latent is None else latent(M)

    @torch.no_grad()
    def start_from(self, x: Tensor, lmbda: float) -> None:
        """Set what starts from data: `x` (B, 3, H, W) in [0, 1]; `lmbda` in the units of the squared error."""
        if self.start != "random":
            start_as(self.start, self.g_a, self.g_s, x, optimal_step(lmbda * 255**2))
        if isinstance(self.entropy_bottleneck, Codebook):
            start_codebook(self.entropy_bottleneck, self.start, self.g_a, self.g_s, x)

    def forward(self, x: Tensor) -> dict[str, Any]:
        y_hat, likelihoods = self.entropy_bottleneck(self.g_a(x))
        return {"x_hat": self.g_s(y_hat), "likelihoods": {"y": likelihoods}}

    def compress(self, x: Tensor) -> dict[str, Any]:
        y = self.g_a(x)
        return {"strings": [self.entropy_bottleneck.compress(y)], "shape": y.shape[-2:]}

    def decompress(self, strings: list[list[bytes]], shape: tuple[int, int]) -> dict[str, Tensor]:
        y_hat = self.entropy_bottleneck.decompress(strings[0], shape)
        return {"x_hat": exact.synthesis(self.g_s, y_hat).clamp(0, 1)}
