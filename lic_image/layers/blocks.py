"""Where blocks under study go in a codec of strided convolutions.

                decoder="first" (adjacent)                             decoder="last" (channel_postfilter)
    g_a         6 layers ─ conv → y ─ [attention]                      the same
    h_a         … ─ conv → z ─ [attention]                             the same
    h_s         [attention] ─ deconv …                                 … ─ conv ─ [attention]
    g_s         [attention] ─ deconv … deconv → 3 ─ [refinement]       deconv … [attention] ─ deconv → 3 ─ [refinement]

The blocks stand in the layers' `nn.Sequential` under names of their own and the layers keep their numbers, so that
weights trained without a block load into a codec with it, CompressAI's too.
"""

from collections import OrderedDict
from collections.abc import Callable
from typing import Literal

from torch import nn

Attention = Callable[[int], nn.Module]  # called with the channels at its place
Refinement = Callable[[], nn.Module]
Place = Literal["first", "last"]


def inserted(layers: nn.Sequential, at: int, name: str, block: nn.Module) -> nn.Sequential:
    """`layers` with `block` before the layer number `at`, called `name`; the others keep their names."""
    children = list(layers.named_children())
    children.insert(at, (name, block))
    return nn.Sequential(OrderedDict(children))


def attending_encoder(layers: nn.Sequential, channels: int, attention: Attention | None) -> nn.Sequential:
    """An analysis transform with attention on the `channels` it gives."""
    return layers if attention is None else inserted(layers, len(layers), "attention", attention(channels))


def attending_hyper_decoder(
    layers: nn.Sequential, inside: int, outside: int, attention: Attention | None, decoder: Place
) -> nn.Sequential:
    """h_s with attention on the `inside` channels it gets, or on the `outside` ones it gives."""
    if attention is None:
        return layers
    first = decoder == "first"
    return inserted(layers, 0 if first else len(layers), "attention", attention(inside if first else outside))


def decoder_with_blocks(
    layers: nn.Sequential, N: int, M: int, attention: Attention | None, decoder: Place, refinement: Refinement | None
) -> nn.Sequential:
    """g_s with attention on the M channels of y_hat, or on the N that its last layer gets, and a refined picture.

    "Last" is before the last layer, since three colours are too few for attention over channels.
    """
    if attention is not None:
        first = decoder == "first"
        layers = inserted(layers, 0 if first else len(layers) - 1, "attention", attention(M if first else N))
    return layers if refinement is None else inserted(layers, len(layers), "refinement", refinement())
