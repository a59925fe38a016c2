"""Noise as another machine's rounding makes it, on everything that is computed in floating point."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from common.entropy.exact.mode import is_running


@contextmanager
def noisy(network: nn.Module, relative: float, seed: int = 0) -> Iterator[None]:
    """Inside, each layer's output is multiplied by 1 + `relative` · N(0, 1), outside of exact arithmetic."""
    generator = torch.Generator().manual_seed(seed)

    def disturb(layer: nn.Module, inputs: Any, out: Any) -> Any:
        if is_running() or not isinstance(out, Tensor) or not out.is_floating_point():
            return None
        return out * (1 + relative * torch.randn(out.shape, generator=generator).to(out))

    layers = [m for m in network.modules() if not list(m.children()) and list(m.parameters(recurse=False))]
    hooks = [layer.register_forward_hook(disturb) for layer in layers]
    try:
        yield
    finally:
        for hook in hooks:
            hook.remove()
