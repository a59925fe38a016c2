"""From two pictures of any size to their flow: padding and cropping are done here, once."""

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F


def estimate(network: nn.Module, first: Tensor, second: Tensor) -> Tensor:
    """The finest flow (B, 2, H, W), float32, in pixels.

    Args:
        network: any flow network; sides are padded to multiples of `network.multiple` and, where it has one, up to
            `network.least`, the border repeated on all sides as evenly as it goes.
        first, second: (B, 3, H, W), float in [0, 1] or uint8.
    """
    multiple: Any = network.multiple
    least: int = getattr(network, "least", 0)
    height, width = first.shape[-2:]
    missing = [max(-(-size // multiple) * multiple, least) - size for size in (height, width)]
    top, left = missing[0] // 2, missing[1] // 2
    padding = (left, missing[1] - left, top, missing[0] - top)
    flow: Tensor = network(*(F.pad(_unit(x), padding, mode="replicate") for x in (first, second)))[-1]
    return flow[:, :, top : top + height, left : left + width].float()


def _unit(x: Tensor) -> Tensor:
    return x.float() / 255 if x.dtype == torch.uint8 else x
