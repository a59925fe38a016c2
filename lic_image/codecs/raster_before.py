"""Reading files of versions 1 and 2 of autoregressive codecs: position by position, in floats, as they were written."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from common.entropy.mixture_packet import MixtureReader


def read_position_by_position(codec: Any, strings: list[list[bytes]], shape: tuple[int, int]) -> Tensor:
    """The strings of y and z, and z's height and width -> y_hat; raises `StreamError` for damaged strings."""
    side = codec.h_s(codec.entropy_bottleneck.decompress(strings[1], shape))
    decoded = []
    for i, string in enumerate(strings[0]):
        reader = MixtureReader(string)
        padded = F.pad(torch.zeros_like(side[i : i + 1, : codec.M]), (2, 2, 2, 2))
        for h, w, scales, means in _positions(codec, padded, side[i : i + 1]):
            padded[0, :, h + 2, w + 2] = torch.from_numpy(reader.symbols(scales, means)).to(padded)
        reader.finish()
        decoded.append(padded[:, :, 2:-2, 2:-2])
    return torch.cat(decoded)


def _positions(codec: Any, padded: Tensor, side: Tensor) -> Iterator[tuple[int, int, np.ndarray, np.ndarray]]:
    """Yields (row, column, scales (1, M), means (1, M)) in raster order, read from `padded` as it then is."""
    context = codec.context_prediction
    weight = context.weight * context.mask
    for h in range(side.shape[2]):
        for w in range(side.shape[3]):
            seen = F.conv2d(padded[:, :, h : h + 5, w : w + 5], weight, context.bias)
            both = torch.cat([side[:, :, h : h + 1, w : w + 1], seen], 1)
            scales, means = codec.entropy_parameters(both)[0, :, 0, 0].chunk(2)
            yield h, w, scales[None].cpu().numpy(), means[None].cpu().numpy()
