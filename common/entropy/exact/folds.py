"""Sums in an order that is told, and what is made of them: means, softmax, normalisation, pooling, resampling.

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
from common.entropy.exact.sums import matmul

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
    return total(x, dim, keepdim) / math.prod(x.shape[d] for d in _dims(x, dim))


def var(x: Tensor, dim: Dims = None, correction: int = 1, keepdim: bool = False) -> Tensor:
    """As `torch.var`."""
    centred = x - mean(x, dim, keepdim=True)
    count = math.prod(x.shape[d] for d in _dims(x, dim))
    return total(centred * centred, dim, keepdim) / (count - correction)


def softmax(x: Tensor, dim: int = -1) -> Tensor:
    """As `torch.softmax`; where all of a row is -inf, zeros."""
    powers = _powers(x, dim)
    return powers / total(powers, dim, keepdim=True).clamp_min(1e-300)


def _powers(x: Tensor, dim: int) -> Tensor:
    """e^(x - max), and 0 for -inf."""
    largest = x.amax(dim, keepdim=True)
    return torch.where(x > -math.inf, functions.exp(x - largest.clamp_min(-1e300)), 0.0)


def attention(
    q: Tensor,
    k: Tensor,
    v: Tensor,
    attn_mask: Tensor | None = None,
    dropout_p: float = 0.0,
    is_causal: bool = False,
    scale: float | None = None,
) -> Tensor:
    """As `torch.nn.functional.scaled_dot_product_attention`, without dropout.

    Queries, keys and values beyond ±2^10 are clamped.
    """
    if is_causal or dropout_p:
        raise NotImplementedError("causal attention, or attention with dropout")
    scores = matmul(q, k.transpose(-2, -1)) * (1 / math.sqrt(q.shape[-1]) if scale is None else scale)
    if attn_mask is not None:
        hidden = attn_mask.dtype == torch.bool
        scores = torch.where(attn_mask, scores, -math.inf) if hidden else scores + attn_mask.double()
    return matmul(softmax(scores), v, (1.0, 2.0**10), row_sum=1.01)


def layer_norm(
    x: Tensor,
    shape: Sequence[int],
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    eps: float = 1e-5,
) -> Tensor:
    """As `torch.nn.functional.layer_norm`."""
    dims = list(range(-len(shape), 0))
    centred = x - mean(x, dims, keepdim=True)
    normal = centred / (mean(centred * centred, dims, keepdim=True) + eps).sqrt()
    normal = normal if weight is None else normal * weight.double()
    return normal if bias is None else normal + bias.double()


def norm(x: Tensor, p: Any = 2, dim: Dims = None, keepdim: bool = False) -> Tensor:
    """The Euclidean norm; others are not there."""
    if p not in (2, 2.0, None, "fro"):
        raise NotImplementedError(f"a norm of order {p}")
    return total(x * x, dim, keepdim).sqrt()


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
    if ceil_mode or divisor_override is not None:
        raise NotImplementedError("average pooling with ceil_mode or divisor_override")
    (rows, columns), (up, left) = _pair(kernel_size), _pair(padding)
    down, right = _pair(kernel_size if stride is None or stride == [] else stride)
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


def _pair(value: Any) -> tuple[int, int]:
    if isinstance(value, int):
        return value, value
    first, second = (*value, *value)[:2] if len(value) == 1 else value
    return int(first), int(second)


def adaptive_avg_pool2d(x: Tensor, output_size: Any) -> Tensor:
    """To one value a channel only."""
    if _pair(output_size) != (1, 1):
        raise NotImplementedError(f"adaptive pooling to {output_size}")
    return mean(x, (-2, -1), keepdim=True)


def interpolate(
    x: Tensor,
    size: Any = None,
    scale_factor: Any = None,
    mode: str = "nearest",
    align_corners: bool | None = None,
    recompute_scale_factor: bool | None = None,
    antialias: bool = False,
) -> Tensor:
    """As `torch.nn.functional.interpolate` of maps, nearest and bilinear."""
    if antialias or recompute_scale_factor or mode not in ("nearest", "bilinear") or x.ndim != 4:
        raise NotImplementedError(f"interpolation by {mode} as asked for")
    if mode == "nearest":
        return F.interpolate(x, size, scale_factor, mode)
    for dim in (2, 3):
        if size is not None:
            out, ratio = _pair(size)[dim - 2], None
        else:
            factor = scale_factor if isinstance(scale_factor, int | float) else scale_factor[dim - 2]
            out, ratio = math.floor(x.shape[dim] * factor), 1 / factor
        x = _between(x, dim, out, ratio, bool(align_corners))
    return x


def _between(x: Tensor, dim: int, out: int, ratio: float | None, align_corners: bool) -> Tensor:
    """x at `out` places along dimension `dim`, linearly between its elements."""
    length = x.shape[dim]
    place = torch.arange(out, dtype=torch.float64, device=x.device)
    if align_corners:
        place = place * ((length - 1) / (out - 1) if out > 1 else 0.0)
    else:
        place = ((place + 0.5) * (length / out if ratio is None else ratio) - 0.5).clamp_min(0)
    below = place.floor().clamp_max(length - 1)
    part = (place - below).reshape(-1, *[1] * (x.ndim - 1 - dim))
    first = x.index_select(dim, below.long())
    second = x.index_select(dim, (below.long() + 1).clamp_max(length - 1))
    return first * (1 - part) + second * part


def grid_sample(
    x: Tensor,
    grid: Tensor,
    mode: str = "bilinear",
    padding_mode: str = "zeros",
    align_corners: bool | None = None,
) -> Tensor:
    """As `torch.nn.functional.grid_sample` of maps or volumes, bilinear, padded with zeros or the border."""
    if mode != "bilinear" or padding_mode not in ("zeros", "border"):
        raise NotImplementedError(f"sampling by {mode} with padding by {padding_mode}")
    sides = x.shape[2:]
    places = []
    for axis, side in enumerate(reversed(sides)):  # a grid's first coordinate belongs to the last dimension
        place = grid[..., axis].double()
        place = (place + 1) / 2 * (side - 1) if align_corners else ((place + 1) * side - 1) / 2
        places.append(place.clamp(0, side - 1) if padding_mode == "border" else place.clamp(-2.0, side + 1.0))
    places.reverse()
    flat, result = x.flatten(2), None
    for corner in range(2 ** len(sides)):
        weight, index, inside = torch.ones_like(places[0]), torch.zeros_like(places[0], dtype=torch.long), None
        for axis, (place, side) in enumerate(zip(places, sides)):
            low = place.floor()
            upper = corner >> axis & 1
            weight = weight * ((place - low) if upper else (1 - (place - low)))
            at = low.long() + upper
            within = (at >= 0) & (at < side)
            inside = within if inside is None else inside & within
            index = index * side + at.clamp(0, side - 1)
        assert inside is not None
        values = flat.gather(2, index.flatten(1)[:, None].expand(-1, x.shape[1], -1))
        values = values.unflatten(2, tuple(index.shape[1:])) * (weight * inside)[:, None]
        result = values if result is None else result + values
    assert result is not None
    return result
