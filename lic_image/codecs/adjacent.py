"""`adjacent`: adjacent attention in all four transforms, a mixture of Gaussians, a refined decoded picture.

    x ─ g_a ─ AAB ─ y ─┬──── round ──── y_hat ─ AAB ─ g_s ─ DIRB ─ x_hat       p(y | z_hat): 3 Gaussians
                       └ h_a ─ AAB ─ z ─ round ─ z_hat ─ AAB ─ h_s ─ GMB ─ (scales, means, weights)

A. A. Jeny, M. B. Islam, M. S. Junayed, D. Das: "Improving Image Compression with Adjacent Attention and Refinement
Block", IEEE Access 2022, figure 1 (AAB, GMB, DIRB are files of `lic_image.layers`). No spatial autoregression:
everything decodes in one pass. The paper is silent about the hyper transforms' activations: LeakyReLU, as in
`mean_hyperprior`.
"""

from collections.abc import Callable

from compressai.models.utils import conv, deconv
from torch import nn

from common.entropy.codebook import Codebook
from common.layers.classical_start import Start
from lic_image.codecs.mean_hyperprior import MeanHyperprior
from lic_image.layers.adjacent_attention import AdjacentAttention
from lic_image.layers.blocks import Attention, Place, Refinement
from lic_image.layers.decoded_refinement import DecodedRefinement


class Adjacent(MeanHyperprior):
    """The paper's codec; each block may be another or None. Args: as `Hyperprior`'s."""

    def __init__(
        self,
        N: int = 192,
        M: int = 320,
        attention: Attention | None = AdjacentAttention,
        decoder_attention: Place = "first",
        mixture: int = 3,
        refinement: Refinement | None = DecodedRefinement,
        start: Start = "random",
        latent: Callable[[int], Codebook] | None = None,
    ) -> None:
        super().__init__(N, M, attention, decoder_attention, mixture, refinement, start, latent)

    def hyper_decoder(self, N: int, M: int) -> nn.Sequential:
        return nn.Sequential(
            deconv(N, N),
            nn.LeakyReLU(inplace=True),
            deconv(N, N * 3 // 2),
            nn.LeakyReLU(inplace=True),
            conv(N * 3 // 2, M * 2, stride=1, kernel_size=3),
        )
