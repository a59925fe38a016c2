"""CompressAI's own architectures, with our entropy coder and one definition of what is decoded.

The networks, their parameters, their names and their forward pass are CompressAI's, so that its checkpoints load.
The autoregressive ones are coded differently: CompressAI's forward pass reconstructs from round(y), its compress
from round(y - mean) + mean, so that its decoded images are not the ones that its forward pass measures. Here
round(y) is what is written, under a Gaussian of any mean, and what is decoded equals the forward pass.
"""

from typing import Any

import torch
from compressai import models
from torch import Tensor
from torch.nn import functional as F

from common.entropy import mixture
from common.entropy.models import adopt
from common.entropy.tables import to_int32
from common.errors import LicError


class RasterCoder(models.JointAutoregressiveHierarchicalPriors):
    """Codes y position by position in raster order, each given the 5x5 neighbourhood decoded before it.

    D. Minnen, J. Ballé, G. Toderici, NeurIPS 2018. One position at a time: seconds per photograph.
    """

    def compress(self, x: Tensor) -> dict[str, Any]:
        y = self.g_a(x)
        z = self.h_a(y)
        z_strings = self.entropy_bottleneck.compress(z)
        side = self.h_s(self.entropy_bottleneck.decompress(z_strings, z.shape[-2:]))
        symbols = y.round()
        y_strings = []
        for i in range(len(y)):
            encoder = mixture.SequentialEncoder()
            integers = to_int32(symbols[i])
            # The mask hides what the decoder does not know yet, so that the whole of y can stand here already.
            padded = F.pad(symbols[i : i + 1], (2, 2, 2, 2))
            for h, w, scales, means in self._positions(padded, side[i : i + 1]):
                encoder.encode(integers[:, h, w], scales, means)
            y_strings.append(encoder.finish())
        return {"strings": [y_strings, z_strings], "shape": z.shape[-2:]}

    def decompress(self, strings: list[list[bytes]], shape: tuple[int, int]) -> dict[str, Tensor]:
        z_hat = self.entropy_bottleneck.decompress(strings[1], shape)
        side = self.h_s(z_hat)
        decoded = []
        for i, string in enumerate(strings[0]):
            decoder = mixture.SequentialDecoder(string)
            padded = F.pad(torch.zeros_like(side[i : i + 1, : self.M]), (2, 2, 2, 2))
            for h, w, scales, means in self._positions(padded, side[i : i + 1]):
                padded[0, :, h + 2, w + 2] = torch.from_numpy(decoder.decode(scales, means)).to(padded)
            decoder.finish()
            decoded.append(padded[:, :, 2:-2, 2:-2])
        return {"x_hat": self.g_s(torch.cat(decoded)).clamp(0, 1)}

    def _positions(self, padded: Tensor, side: Tensor) -> Any:
        """Yields (row, column, scales (1, M), means (1, M)) in raster order, read from `padded` as it then is."""
        context = self.context_prediction
        weight = context.weight * context.mask
        for h in range(side.shape[2]):
            for w in range(side.shape[3]):
                seen = F.conv2d(padded[:, :, h : h + 5, w : w + 5], weight, context.bias)
                both = torch.cat([side[:, :, h : h + 1, w : w + 1], seen], 1)
                scales, means = self.entropy_parameters(both)[0, :, 0, 0].chunk(2)
                yield h, w, scales[None].cpu().numpy(), means[None].cpu().numpy()


def adopted(model: models.CompressionModel) -> models.CompressionModel:
    """`model`, CompressAI's or a subclass, as codecs here are, in place.

    It has our entropy models and the attribute `downsampling`; an autoregressive one that codes as CompressAI's does
    codes what its forward pass measures.
    """
    adopt(model)
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


class JointAutoregressive(RasterCoding):
    """CompressAI's mbt2018. Args: N, M."""


class Cheng2020Anchor(RasterCoding, models.Cheng2020Anchor):
    """CompressAI's cheng2020-anchor. Args: N."""


class Cheng2020Attention(RasterCoding, models.Cheng2020Attention):
    """CompressAI's cheng2020-attn. Args: N."""
