"""Sums in an order that is told, and what is made of them: means, softmax, normalisation, pooling.

A sum of a few numbers needs no grid: where we add by halves, elementwise, the order is ours on every machine, and
IEEE 754 says the rest. x is any tensor of float64.
"""

import math
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from common.entropy.exact import functions
from common.entropy.exact.ieee import divide, sqrt

Dims = int | Sequence[int] | None


def _half_sum(x: Tensor) -> Tensor:
    """x (..., n) -> (...): the second half is added to the first, until one is left."""
    while x.shape[-1] > 1:
        half = -(-x.shape[-1] // 2)
        first, second = x[..., :half], x[..., half:]
        x = torch.cat([first[..., : second.shape[-1]] + second, first[..., second.shape[-1] :]], -1)
    return x[..., 0] if x.shape[-1] else x.new_zeros(x.shape[:-1])


def total(x: Tensor, dim: Dims = None, keepdim: bool = False) -> Tensor:
    """As `torch.sum`."""
    dims = sorted({d % x.ndim for d in _dims(x, dim)})
    rest = [d for d in range(x.ndim) if d not in dims]
    summed = _half_sum(x.permute(*rest, *dims).flatten(len(rest)).contiguous() if dims else x[..., None])
    for d in dims if keepdim else ():
        summed = summed.unsqueeze(d)
    return summed


def _dims(x: Tensor, dim: Dims) -> Sequence[int]:
    if dim is None or (not isinstance(dim, int) and not len(dim)):
        return range(x.ndim)
    return (dim,) if isinstance(dim, int) else dim


def mean(x: Tensor, dim: Dims = None, keepdim: bool = False) -> Tensor:
    """As `torch.mean`."""
    return divide(total(x, dim, keepdim), math.prod(x.shape[d] for d in _dims(x, dim)))


def var(
    x: Tensor,
    dim: Dims = None,
    correction: float = 1,
    keepdim: bool = False,
    unbiased: bool | None = None,
) -> Tensor:
    """As `torch.var`; `correction` may be `unbiased`, as in torch."""
    if isinstance(dim, bool):
        raise NotImplementedError("without dim")
    centred = x - mean(x, dim, keepdim=True)
    count = math.prod(x.shape[d] for d in _dims(x, dim))
    correction = correction if unbiased is None else unbiased
    return divide(total(centred * centred, dim, keepdim), count - float(correction))


def std(x: Tensor, *args: Any, **kwargs: Any) -> Tensor:
    """As `torch.std`."""
    return sqrt(var(x, *args, **kwargs))


def softmax(x: Tensor, dim: int = -1) -> Tensor:
    """As `torch.softmax`; where all of a row is -inf, zeros."""
    powers = _powers(x, dim)
    return powers / total(powers, dim, keepdim=True).clamp_min(1e-300)


def log_softmax(x: Tensor, dim: int = -1) -> Tensor:
    """As `torch.log_softmax`."""
    shifted = x - x.amax(dim, keepdim=True)
    return shifted - functions.log(total(functions.exp(shifted), dim, keepdim=True))


def _powers(x: Tensor, dim: int) -> Tensor:
    """e^(x - max), and 0 for -inf."""
    largest = x.amax(dim, keepdim=True)
    return torch.where(x > -math.inf, functions.exp(x - largest.clamp_min(-1e300)), 0.0)


def layer_norm(
    x: Tensor,
    shape: Sequence[int],
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    eps: float = 1e-5,
) -> Tensor:
    """As `torch.nn.functional.layer_norm`."""
    dims = list(range(-len(shape), 0))
    normal = _normal(x, dims, eps)
    normal = normal if weight is None else normal * weight
    return normal if bias is None else normal + bias


def _normal(x: Tensor, dims: Dims, eps: float) -> Tensor:
    centred = x - mean(x, dims, keepdim=True)
    return centred / sqrt(mean(centred * centred, dims, keepdim=True) + eps)


def group_norm(
    x: Tensor, num_groups: int, weight: Tensor | None = None, bias: Tensor | None = None, eps: float = 1e-5
) -> Tensor:
    """As `torch.nn.functional.group_norm`."""
    normal = _normal(x.reshape(len(x), num_groups, -1), -1, eps).reshape(x.shape)
    weight, bias = (p if p is None else p.reshape(-1, *[1] * (x.ndim - 2)) for p in (weight, bias))
    normal = normal if weight is None else normal * weight
    return normal if bias is None else normal + bias


def rms_norm(x: Tensor, shape: Sequence[int], weight: Tensor | None = None, eps: float | None = None) -> Tensor:
    """As `torch.nn.functional.rms_norm`, with `eps`."""
    if eps is None:
        raise NotImplementedError("without eps, which follows from the type of float,")
    normal = x / sqrt(mean(x * x, list(range(-len(shape), 0)), keepdim=True) + eps)
    return normal if weight is None else normal * weight


def norm(x: Tensor, p: Any = 2, dim: Dims = None, keepdim: bool = False) -> Tensor:
    """The Euclidean norm; others are not there."""
    if isinstance(p, Tensor) or p not in (2, None, "fro"):
        raise NotImplementedError(f"a norm of order {p}")
    return sqrt(total(x * x, dim, keepdim))


def normalize(x: Tensor, p: float = 2.0, dim: int = 1, eps: float = 1e-12) -> Tensor:
    """As `torch.nn.functional.normalize`."""
    return x / norm(x, p, dim, keepdim=True).clamp_min(eps)


def avg_pool2d(
    x: Tensor,
    kernel_size: Any,
    stride: Any = None,
    padding: Any = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
    divisor_override: int | None = None,
) -> Tensor:
    """As `torch.nn.functional.avg_pool2d`: every window's elements are added row by row."""
    if ceil_mode or divisor_override is not None or x.ndim != 4:
        raise NotImplementedError("with ceil_mode or divisor_override, or without a batch")
    (rows, columns), (up, left) = pair(kernel_size), pair(padding)
    down, right = pair(kernel_size if stride is None or stride == [] else stride)
    inside = F.pad(torch.ones_like(x[:1, :1]), (left, left, up, up), value=float(count_include_pad))
    padded = F.pad(x, (left, left, up, up))

    def added(of: Tensor) -> Tensor:
        height, width = (of.shape[2] - rows) // down + 1, (of.shape[3] - columns) // right + 1
        windows = [
            of[:, :, i : i + down * (height - 1) + 1 : down, j : j + right * (width - 1) + 1 : right]
            for i in range(rows)
            for j in range(columns)
        ]
        result = windows[0].clone()
        for window in windows[1:]:
            result += window
        return result

    return added(padded) / added(inside)


def pair(value: Any) -> tuple[int, int]:
    """An argument for both sides of a map."""
    if isinstance(value, int):
        return value, value
    first, second = (*value, *value)[:2] if len(value) == 1 else value
    return int(first), int(second)


def adaptive_avg_pool2d(x: Tensor, output_size: Any) -> Tensor:
    """To one value a channel only."""
    if pair(output_size) != (1, 1):
        raise NotImplementedError(f"to {output_size}")
    return mean(x, (-2, -1), keepdim=True)
