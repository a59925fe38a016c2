"""CompressAI's own architectures, with our entropy coder and one definition of what is decoded.

The networks, their parameters and their names are CompressAI's, so that its checkpoints load. The networks that tell
the coder's parameters compute exactly in evaluation (`common.entropy.exact`). The autoregressive ones are coded
differently: CompressAI's forward pass reconstructs from round(y), its compress from round(y - mean) + mean, so that its
decoded images are not the ones that its forward pass measures. Here round(y) is what is written, under a Gaussian of
any mean, and what is decoded equals the forward pass.
"""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from compressai import models
from torch import Tensor, nn
from torch.nn import functional as F

from common.entropy import exact
from common.entropy.exact.mode import wanted
from common.entropy.exact.positions import AtPositions
from common.entropy.exact.sums import same
from common.entropy.models import adopt
from common.entropy.raster import Told, Window, gathered, raster, taps
from common.entropy.raster_latents import RasterLatents
from common.entropy.rules import rules
from common.entropy.walks import Visitor
from common.errors import LicError
from lic_image.codecs.raster_in_floats import read_position_by_position, write_position_by_position


class RasterCoder(RasterLatents, models.JointAutoregressiveHierarchicalPriors):
    """Codes y in raster order, each position given the 5x5 neighbourhood decoded before it.

    D. Minnen, J. Ballé, G. Toderici, NeurIPS 2018.
    """

    parameter_networks = ("h_s", "context_prediction", "entropy_parameters")

    def hyper_analysis(self, y: Tensor) -> Tensor:
        return self.h_a(y)

    _context: tuple[nn.Parameter] | None = None

    def walk(self, z_hat: Tensor, visit: Visitor) -> Tensor:
        predictor = self._compiled if wanted(self) else gathered(self._predict)
        return raster(visit, self.h_s(z_hat), predictor)

    def context_weight(self) -> nn.Parameter:
        """The context layer's, of the neighbours that come before, (O, taps M): the same one while it is unchanged."""
        seen = self.context_prediction.weight.detach().flatten(2)[:, :, taps()].transpose(1, 2).flatten(1)
        if self._context is None or not same(self._context[0], seen):
            self._context = (nn.Parameter(seen, requires_grad=False),)  # in a tuple it is no parameter of the codec
        return self._context[0]

    @exact.parameters
    def _predict(self, side: Tensor, neighbours: Tensor) -> Told:
        """Scales and means (B, n, M) from side information (B, n, 2 M) and neighbours (B, n, taps M)."""
        context = F.linear(neighbours, self.context_weight(), self.context_prediction.bias)
        both = torch.cat([side, context], 2).transpose(1, 2).unsqueeze(2)
        scales, means = self.entropy_parameters(both).squeeze(2).transpose(1, 2).chunk(2, 2)
        return scales, means

    def _compiled(self, side: Tensor, window: Window) -> Sequence[Callable[[np.ndarray], Told]]:
        """`_predict`, to the bit, where there are kernels for it: on a processor, for layers that they know."""
        layers = list(self.entropy_parameters)
        if not AtPositions.fits(layers, side, window.values.shape[2]):
            return gathered(self._predict)(side, window)
        context = (self.context_weight(), self.context_prediction.bias)
        network = AtPositions(context, layers, side, window.values, window.reach)

        def told(positions: np.ndarray) -> Told:
            scales, means = network(positions, window.places(positions)).chunk(2, 2)
            return scales, means

        return [told]

    def forward(self, x: Tensor) -> dict[str, Any]:
        if self.training:
            return super().forward(x)
        y_hat, likelihoods = self.measured(self.g_a(x))
        return {"x_hat": self.g_s(y_hat), "likelihoods": likelihoods}

    def compress(self, x: Tensor) -> dict[str, Any]:
        y = self.g_a(x)
        return self.compress_latents(y) if rules().exact else write_position_by_position(self, y)

    def decompress(self, strings: list[list[bytes]], shape: tuple[int, int]) -> dict[str, Tensor]:
        if rules().exact and rules().wavefronts:
            y_hat = self.decompress_latents(strings, shape)
        else:
            y_hat = read_position_by_position(self, strings, shape)
        return {"x_hat": exact.synthesis(self.g_s, y_hat).clamp(0, 1)}


def adopted(model: models.CompressionModel) -> models.CompressionModel:
    """`model`, CompressAI's or a subclass, as codecs here are, in place.

    It has our entropy models, exact parameters and the attribute `downsampling`; an autoregressive one that codes as
    CompressAI's does codes what its forward pass measures.
    """
    adopt(model)
    exact.adopt_networks(model)
    autoregressive = models.JointAutoregressiveHierarchicalPriors
    if isinstance(model, autoregressive) and type(model).compress is autoregressive.compress:
        own = type(model)
        model.__class__ = type(own.__name__, (RasterCoder, own), {"__module__": own.__module__, "__doc__": own.__doc__})
    if not hasattr(model, "downsampling"):
        if not isinstance(factor := getattr(model, "downsampling_factor", None), int):
            raise LicError(
                f"{type(model).__name__} lacks the attribute `downsampling`: by how much the smallest latent is "
                "narrower than the picture, 64 for CompressAI's hyperpriors."
            )
        model.downsampling = factor
    return model


class RasterCoding(RasterCoder):
    """A codec of CompressAI's with `RasterCoder`'s way of coding."""

    downsampling = 64

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        adopt(self)
        exact.adopt_networks(self)


class JointAutoregressive(RasterCoding):
    """CompressAI's mbt2018. Args: N, M."""


class Cheng2020Anchor(RasterCoding, models.Cheng2020Anchor):
    """CompressAI's cheng2020-anchor. Args: N."""


class Cheng2020Attention(RasterCoding, models.Cheng2020Attention):
    """CompressAI's cheng2020-attn. Args: N."""
