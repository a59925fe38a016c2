"""`hyperprior`: side information z tells the scale of every latent.

    x ─ g_a ─ y ─┬──── round ──── y_hat ─ g_s ─ x_hat      p(y | z_hat): Gaussian, mean 0, scale h_s(z_hat)
                 └ |·| ─ h_a ─ z ─ round ─ z_hat ─ h_s ─ scales

J. Ballé, D. Minnen, S. Singh, S. J. Hwang, N. Johnston: "Variational image compression with a scale hyperprior",
ICLR 2018, figure 4.

The codecs that are built on it differ in h_a, h_s and in the blocks they have: attention (where, is drawn in
`lic_image.layers.blocks`), a mixture in place of the Gaussian, a refinement of the decoded picture.
"""

from collections.abc import Callable

import torch
from compressai.models.utils import conv, deconv
from torch import Tensor, nn

from common.entropy import exact
from common.entropy.codebook import Codebook
from common.entropy.models import EntropyBottleneck, GaussianConditional, GaussianMixtureConditional
from common.entropy.signs import Signs
from common.entropy.walks import Visitor
from common.errors import LicError
from common.layers.classical_start import Start, known, start_as, start_codebook
from common.layers.pyramid_start import optimal_step
from common.layers.strided import analysis, synthesis
from lic_image.codecs.walked import WalkedCodec
from lic_image.layers.blocks import (
    Attention,
    Place,
    Refinement,
    attending_encoder,
    attending_hyper_decoder,
    decoder_with_blocks,
)
from lic_image.layers.gaussian_merge import GaussianMerge


class Hyperprior(WalkedCodec):
    """Weights fit CompressAI's bmshj2018-hyperprior.

    Args:
        N: channels inside the transforms and of z.
        M: channels of y.
        attention: makes an attention block for a number of channels; None for no attention.
        decoder_attention: whether the decoders begin with attention or end with it.
        mixture: Gaussians for each latent; from two on a Gaussian merge block tells their parameters.
        refinement: makes a block that improves the decoded picture (B, 3, H, W).
        start: "random", as published, or a transform that saves short runs their first thousands of steps: see
            `common.layers.classical_start`.
        latent: makes the codebook for y's number of channels, if y is not to be integers.

    Raises:
        LicError: `mixture` is no number of Gaussians, or is above 1 with a codebook.
    """

    downsampling = 64
    parameters_per_latent = 1  # what h_s tells of each: its scale

    def __init__(
        self,
        N: int,
        M: int,
        attention: Attention | None = None,
        decoder_attention: Place = "first",
        mixture: int = 1,
        refinement: Refinement | None = None,
        start: Start = "random",
        latent: Callable[[int], Codebook] | None = None,
    ) -> None:
        super().__init__()
        self.start = known(start)
        if not isinstance(mixture, int) or mixture < 1:
            raise LicError(f"mixture must be a whole number of Gaussians, 1 or more, not {mixture!r}.")
        if mixture > 1 and latent is not None:
            raise LicError(f"a codebook is told one Gaussian of each latent: set mixture=1, not {mixture}.")
        told = self.parameters_per_latent * M
        self.g_a = attending_encoder(analysis(N, M), M, attention)
        self.h_a = attending_encoder(self.hyper_encoder(N, M), N, attention)
        self.h_s = attending_hyper_decoder(self.hyper_decoder(N, M), N, told, attention, decoder_attention)
        self.g_s = decoder_with_blocks(synthesis(N, M), N, M, attention, decoder_attention, refinement)
        self.merge = GaussianMerge(told, M, mixture) if mixture > 1 else None
        self.entropy_bottleneck = EntropyBottleneck(N)
        if latent is not None:
            self.gaussian_conditional = latent(M)
        else:
            self.gaussian_conditional = GaussianMixtureConditional(mixture) if mixture > 1 else GaussianConditional()

    def hyper_encoder(self, N: int, M: int) -> nn.Sequential:
        return nn.Sequential(
            conv(M, N, stride=1, kernel_size=3),
            nn.ReLU(inplace=True),
            conv(N, N),
            nn.ReLU(inplace=True),
            conv(N, N),
        )

    def hyper_decoder(self, N: int, M: int) -> nn.Sequential:
        """Gives `parameters_per_latent` · M channels."""
        return nn.Sequential(
            deconv(N, N),
            nn.ReLU(inplace=True),
            deconv(N, N),
            nn.ReLU(inplace=True),
            conv(N, M, stride=1, kernel_size=3),
            nn.ReLU(inplace=True),
        )

    @torch.no_grad()
    def start_from(self, x: Tensor, lmbda: float) -> None:
        """Set what starts from data: `x` (B, 3, H, W) in [0, 1]; `lmbda` in the units of the squared error."""
        if self.start != "random":
            self._start_as(self.start, x, lmbda)
        if isinstance(self.gaussian_conditional, Codebook):
            start_codebook(self.gaussian_conditional, self.start, self.g_a, self.g_s, x, told=True)
        if self.start != "random" and isinstance(self.gaussian_conditional, Signs):
            self._start_scales(self.gaussian_conditional.magnitude)

    def _start_as(self, start: Start, x: Tensor, lmbda: float) -> None:
        self._start_scales(start_as(start, self.g_a, self.g_s, x, optimal_step(lmbda * 255**2)))

    def _start_scales(self, deviations: Tensor) -> None:
        """What h_s tells of y's channels before it has learned."""
        if self.merge is not None:
            scales, layers = deviations.repeat(self.merge.G), self.merge.layers
        else:
            scales, layers = deviations, self.h_s
        last = [layer for layer in layers if isinstance(layer, nn.Conv2d)][-1]
        last.bias[: len(scales)] = scales  # type: ignore[index]

    def hyper_analysis(self, y: Tensor) -> Tensor:
        return self.h_a(torch.abs(y))

    def walk(self, z_hat: Tensor, visit: Visitor) -> Tensor:
        told = dict(zip(("scales", "means", "weights"), self.hyper_synthesis(z_hat)))
        return visit(**told)  # type: ignore[arg-type]

    @exact.parameters
    def hyper_synthesis(self, z_hat: Tensor) -> tuple[Tensor, ...]:
        """z_hat (B, N, h/4, w/4) -> what the entropy model of y needs: scales, means, weights, as many as it has."""
        told = self.h_s(z_hat)
        return self.merge(told) if self.merge is not None else told.chunk(self.parameters_per_latent, 1)
