"""What looks into a codec and what disturbs it."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

SINGLE_BITS, DOUBLE_BITS = 23, 52  # of the mantissas

# Functions whose results differ in their last bits between machines: those that sum, and those of libm.
# What IEEE 754 gives to the last bit, elementwise, is the same everywhere.
ROUNDED = frozenset(
    """
    conv1d conv2d conv3d conv_transpose1d conv_transpose2d conv_transpose3d linear bilinear matmul bmm mm mv dot addmm
    baddbmm einsum __matmul__ __rmatmul__ sum mean var std norm avg_pool2d adaptive_avg_pool2d batch_norm layer_norm
    group_norm instance_norm softmax log_softmax scaled_dot_product_attention interpolate grid_sample exp expm1 log log2
    log10 log1p sigmoid logsigmoid tanh sin cos erf erfc gelu silu softplus elu mish pow rsqrt
    """.split()  # noqa: SIM905 - a list of names is read as a text
)


class NoisySums(TorchFunctionMode):
    """Inside, what sums and what a mathematics library computes errs at random, as on another machine.

    Args:
        relative: standard deviation of the error, as a part of the result, in float32. In float64 it is as many units
            of the last place, 2^-29 of it: exact arithmetic sums in float64.
    """

    def __init__(self, relative: float, seed: int) -> None:
        super().__init__()
        self._relative, self._generator = relative, torch.Generator().manual_seed(seed)

    def __torch_function__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        result = func(*args, **(kwargs or {}))
        if func.__name__ not in ROUNDED or not isinstance(result, Tensor) or not result.is_floating_point():
            return result
        part = self._relative * 2.0 ** (SINGLE_BITS - DOUBLE_BITS if result.dtype == torch.float64 else 0)
        noise = torch.randn(result.shape, generator=self._generator, dtype=torch.float64).to(result.dtype)
        return result + result * noise * part


@contextmanager
def entering(codec: nn.Module, name: str) -> Iterator[list[Tensor]]:
    """While open, a list of what is handed to `codec.name`, a module or a method: y_hat where it is g_s."""
    seen: list[Tensor] = []
    part = getattr(codec, name, None)
    if isinstance(part, nn.Module):
        handle = part.register_forward_pre_hook(lambda _, args: seen.append(args[0].detach().clone()))
        try:
            yield seen
        finally:
            handle.remove()
    elif callable(part):

        def wrapped(y_hat: Tensor, *args: Any, **kwargs: Any) -> Any:
            seen.append(y_hat.detach().clone())
            return part(y_hat, *args, **kwargs)

        vars(codec)[name] = wrapped
        try:
            yield seen
        finally:
            del vars(codec)[name]
    else:
        yield seen
