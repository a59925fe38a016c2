"""The order in memory of a network's weights."""

from typing import TypeVar

import torch
from torch import nn

Network = TypeVar("Network", bound=nn.Module)


def in_memory_format(network: Network, memory_format: torch.memory_format) -> Network:
    """`network`, its weights of 2-D convolutions in this order; torch's own `to` refuses networks with 3-D ones."""
    with torch.no_grad():
        for tensor in (*network.parameters(), *network.buffers()):
            if tensor.ndim == 4:
                tensor.data = tensor.data.contiguous(memory_format=memory_format)
    return network
