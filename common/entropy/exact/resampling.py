"""Maps at other places: interpolation and sampling. x is of float64."""

import math
from typing import Any

import torch
from torch import Tensor

from common.entropy.exact.folds import pair
from common.entropy.exact.ieee import divide


def interpolate(
    x: Tensor,
    size: Any = None,
    scale_factor: Any = None,
    mode: str = "nearest",
    align_corners: bool | None = None,
    recompute_scale_factor: bool | None = None,
    antialias: bool = False,
) -> Tensor:
    """As `torch.nn.functional.interpolate` of maps (B, C, H, W), nearest and bilinear."""
    if antialias or recompute_scale_factor or mode not in ("nearest", "bilinear") or x.ndim != 4:
        raise NotImplementedError(f"by {mode} as asked for")
    for dim in (2, 3):
        length = x.shape[dim]
        if size is not None:
            out, factor = pair(size)[dim - 2], None
        else:
            factor = scale_factor if isinstance(scale_factor, int | float) else scale_factor[dim - 2]
            out = math.floor(length * factor)
        place = torch.arange(out, dtype=torch.float64, device=x.device)
        if mode == "nearest":
            place = divide(place * length, out) if factor is None else divide(place, factor)
            x = x.index_select(dim, place.floor().clamp_max(length - 1).long())
        else:
            x = _between(x, dim, _places(place, length, out, factor, bool(align_corners)))
    return x


def _places(place: Tensor, length: int, out: int, factor: float | None, align_corners: bool) -> Tensor:
    """Where of `length` elements are those of `out`."""
    if align_corners:
        return place * ((length - 1) / (out - 1) if out > 1 else 0.0)
    return ((place + 0.5) * (length / out if factor is None else 1 / factor) - 0.5).clamp_min(0)


def _between(x: Tensor, dim: int, place: Tensor) -> Tensor:
    """x at the places (n,) along dimension `dim`, linearly between its elements."""
    length = x.shape[dim]
    below = place.floor().clamp_max(length - 1)
    part = (place - below).reshape(-1, *[1] * (x.ndim - 1 - dim))
    first = x.index_select(dim, below.long())
    second = x.index_select(dim, (below.long() + 1).clamp_max(length - 1))
    return first * (1 - part) + second * part


def affine_grid(theta: Tensor, size: Any, align_corners: bool | None = None) -> Tensor:
    """As `torch.nn.functional.affine_grid`: theta (B, d, d + 1) -> (B, *size[2:], d)."""
    grid = theta[:, None, :, -1].expand(-1, math.prod(size[2:]), -1)
    for axis, side in enumerate(reversed(size[2:])):
        steps = torch.arange(side, dtype=torch.float64, device=theta.device)
        at = divide(2 * steps, max(side - 1, 1)) - 1 if align_corners else divide(2 * steps + 1, side) - 1
        if align_corners and side == 1:
            at = torch.zeros_like(at)
        at = at.reshape(-1, *[1] * axis).expand(*size[2:]).reshape(1, -1, 1)
        grid = grid + at * theta[:, None, :, axis]
    return grid.reshape(len(theta), *size[2:], -1)


def grid_sample(
    x: Tensor,
    grid: Tensor,
    mode: str = "bilinear",
    padding_mode: str = "zeros",
    align_corners: bool | None = None,
) -> Tensor:
    """As `torch.nn.functional.grid_sample` of maps or volumes, bilinear, padded with zeros or the border."""
    if mode != "bilinear" or padding_mode not in ("zeros", "border"):
        raise NotImplementedError(f"by {mode} with padding by {padding_mode}")
    sides = x.shape[2:]
    places = []
    for axis, side in enumerate(reversed(sides)):  # a grid's first coordinate belongs to the last dimension
        place = grid[..., axis]
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
