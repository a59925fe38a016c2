"""Raster order in floating point: position by position on both sides, as only so both compute the same sums.

Files of versions 1 and 2 are read so, and where parameters are not exact, files are still written so.
"""

from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from common.entropy.mixture_packet import MixtureReader, MixtureWriter
from common.entropy.tables import to_int32


def write_position_by_position(codec: Any, y: Tensor) -> dict[str, Any]:
    """y (B, M, h, w) -> the strings of y and z, and z's height and width."""
    z = codec.h_a(y)
    z_strings = codec.entropy_bottleneck.compress(z)
    side = codec.h_s(codec.entropy_bottleneck.decompress(z_strings, z.shape[-2:]))
    y_strings = []
    for i, symbols in enumerate(y.round()):
        writer, integers = MixtureWriter(), to_int32(symbols)
        # The mask hides what the decoder does not know yet, so that the whole of y can stand here already.
        for h, w, scales, means in _positions(codec, F.pad(symbols[None], (2, 2, 2, 2)), side[i : i + 1]):
            writer.symbols(integers[:, h, w], scales, means)
        y_strings += writer.finish()
    return {"strings": [y_strings, z_strings], "shape": z.shape[-2:]}


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
