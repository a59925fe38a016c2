"""Layers whose sums are exact: linear, convolutions, transposed convolutions, products of matrices.

Every function takes what torch's of the same name takes, and gives float64. Operands come on the grids of `grids`, so
that the order in which a library adds changes nothing.
"""

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.utils.weak import WeakTensorKeyDictionary

from common.entropy.exact import kernels
from common.entropy.exact.functions import compiled
from common.entropy.exact.grids import (
    BOUND,
    INPUT_BITS,
    INPUT_LIMIT,
    Weights,
    check,
    exponents,
    on_grid,
    rescaled,
    to_grid,
)
from common.entropy.exact.threads import in_parts

FEW = 256  # positions
_NO_BIAS = torch.empty(0, dtype=torch.float64)
_kept: Any = WeakTensorKeyDictionary()  # parameter -> (`outputs`, what its values were, those of its bias, `Weights`)
_Key = tuple[int, int, int]
_seen: ContextVar[dict[_Key, tuple[Any, Weights]] | None] = ContextVar("weights_seen", default=None)
_measured: ContextVar[bool] = ContextVar("measured", default=False)
_shuffle: ContextVar[torch.Generator | None] = ContextVar("shuffle", default=None)


@contextmanager
def shuffled_sums(seed: int = 0) -> Iterator[None]:
    """Inside, every sum adds its terms in another, random order: what is exact gives the same results.

    For tests, and for `lic conform`.
    """
    token = _shuffle.set(torch.Generator().manual_seed(seed))
    try:
        yield
    finally:
        _shuffle.reset(token)


@contextmanager
def same_weights() -> Iterator[None]:
    """Inside, weights do not change, so that each layer's are compared with those at hand once, not at every call."""
    seen = _seen.get()
    token = _seen.set({} if seen is None else seen)
    try:
        yield
    finally:
        _seen.reset(token)


@contextmanager
def measured_ranges() -> Iterator[None]:
    """Inside, the grid of what enters a sum follows from its largest number, and nothing is clamped.

    That is of a row, of each factor of a product of matrices, and of a sample, in convolutions.

    For syntheses, whose numbers may be large. What depends on parts of a latent must not depend on the rest of it, so
    that parameters have grids that are fixed.
    """
    token = _measured.set(True)
    try:
        yield
    finally:
        _measured.reset(token)


def weights_of(weight: Tensor, bias: Tensor | None, outputs: int = 0) -> Weights:
    """`on_grid`, once for parameters that stay the same."""
    if not isinstance(weight, nn.Parameter):
        return on_grid(weight, bias, outputs)
    seen, key = _seen.get(), (id(weight), id(bias), outputs)
    if seen is not None and key in seen:
        return seen[key][1]
    kept = _kept.get(weight)
    if kept is None or not (kept[0] == outputs and same(kept[1], weight) and same(kept[2], bias)):
        with torch.inference_mode(False), torch.no_grad():  # what is kept may be used where gradients are
            copies = [p if p is None else p.detach().clone() for p in (weight, bias)]
            assert copies[0] is not None
            kept = _kept[weight] = (outputs, *copies, on_grid(copies[0], copies[1], outputs))
    if seen is not None:
        seen[key] = ((weight, bias), kept[3])  # with what the key means, so that it cannot mean something else
    return kept[3]


def same(kept: Tensor | None, present: Tensor | None) -> bool:
    """Whether both are None, or alike in device, type, shape and values."""
    if kept is None or present is None:
        return kept is present
    alike = all(getattr(kept, name) == getattr(present, name) for name in ("device", "dtype", "shape"))
    return alike and torch.equal(kept, present)


def shuffled() -> bool:
    """Whether `shuffled_sums` holds here."""
    return _shuffle.get() is not None


def _order(terms: int, device: torch.device) -> Tensor | None:
    """A random order of so many terms within `shuffled_sums`, else None."""
    generator = _shuffle.get()
    return None if generator is None else torch.randperm(terms, generator=generator).to(device)


def _layer(
    x: Tensor,
    weight: Tensor,
    bias: Tensor | None,
    outputs: int,
    channels: int,
    sums: Callable[[Tensor, Tensor], Tensor],
) -> Tensor:
    """`sums` of x and the weights as integers, with the bias along dimension `channels` -> their values."""
    weights = weights_of(weight, bias, outputs)
    grid = weights.grid
    shaped = [-1] + [1] * (x.ndim - 1 - channels % x.ndim)
    if _measured.get():
        bits = INPUT_BITS - exponents(x, (-1,) if channels == -1 else (1, 2, 3))
        total = rescaled(sums(to_grid(x, bits, INPUT_LIMIT), weights.weight), bits + grid.w)
        return total if bias is None else total + bias.detach().double().reshape(shaped)
    total = sums(to_grid(x, grid.a, INPUT_LIMIT), weights.weight)
    if compiled(total) and total.is_contiguous():
        rows = total.view(-1, total.shape[channels], math.prod(total.shape[channels:][1:])).numpy()
        shifts = (_NO_BIAS if weights.bias is None else weights.bias).numpy()
        scale = 2.0 ** -(grid.a + grid.w)
        in_parts(rows.size, rows.shape[1], lambda a, b: kernels.values(rows[:, a:b], shifts[a:b], scale))
        return total
    if weights.bias is not None:
        total = total.round_() + weights.bias.reshape(shaped)
    return rescaled(total, grid.a + grid.w)


def linear(x: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """x (..., I), weight (O, I), bias (O,) -> (..., O)."""

    def sums(x: Tensor, w: Tensor) -> Tensor:
        order = _order(x.shape[-1], x.device)
        return F.linear(x, w) if order is None else F.linear(x[..., order], w[:, order])

    return _layer(x, weight, bias, 0, -1, sums)


def conv2d(
    x: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: Any = 1,
    padding: Any = 0,
    dilation: Any = 1,
    groups: int = 1,
) -> Tensor:
    """As `torch.conv2d`, of a batch."""
    _check_batch(x)

    def sums(x: Tensor, w: Tensor) -> Tensor:
        if groups == x.shape[1] == w.shape[0] and _all(1, stride, dilation) and not isinstance(padding, str):
            return _depthwise(x, w, padding)
        order = None if groups > 1 else _order(x.shape[1], x.device)
        if order is not None:
            x, w = x[:, order], w[:, order]
        if w.shape[2:] == (1, 1) and groups == 1 and x[0, 0].numel() <= FEW and _all(1, stride) and _all(0, padding):
            return F.linear(x.movedim(1, -1), w[:, :, 0, 0]).movedim(-1, 1)  # two and a half times as fast
        return F.conv2d(x, w, None, stride, padding, dilation, groups)

    return _layer(x, weight, bias, 0, -3, sums)


def _check_batch(x: Tensor) -> None:
    if x.ndim != 4:
        raise NotImplementedError("without a batch")


def _all(value: int, *settings: Any) -> bool:
    return all(setting in (value, (value, value), [value, value]) for setting in settings)


def _depthwise(x: Tensor, weight: Tensor, padding: Any) -> Tensor:
    """One filter for each channel, with stride 1: shifted products, in half the time of torch's in float64."""
    rows, columns = weight.shape[2:]
    up, left = (padding, padding) if isinstance(padding, int) else padding
    padded = F.pad(x, (left, left, up, up))
    height, width = padded.shape[2] - rows + 1, padded.shape[3] - columns + 1
    order = _order(rows * columns, x.device)
    if order is None and compiled(padded):
        out = x.new_empty(*x.shape[:2], height, width)
        source, filters, sums = (t.contiguous().numpy() for t in (padded, weight, out))
        in_parts(
            source.size,
            len(filters),
            lambda a, b: kernels.depthwise(source[:, a:b], filters[a:b], sums[:, a:b]),
        )
        return out
    total = torch.zeros_like(padded[:, :, :height, :width])
    for tap in range(rows * columns) if order is None else order.tolist():
        i, j = divmod(tap, columns)
        total.addcmul_(padded[:, :, i : i + height, j : j + width], weight[:, :, i, j].reshape(-1, 1, 1))
    return total


def conv_transpose2d(
    x: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: Any = 1,
    padding: Any = 0,
    output_padding: Any = 0,
    groups: int = 1,
    dilation: Any = 1,
) -> Tensor:
    """As `torch.conv_transpose2d`, of a batch."""
    _check_batch(x)
    if groups > 1:  # rows of the bound are output channels, which weights have in parts then
        parts = zip(x.chunk(groups, 1), weight.chunk(groups), [None] * groups if bias is None else bias.chunk(groups))
        return torch.cat(
            [conv_transpose2d(p, w, b, stride, padding, output_padding, 1, dilation) for p, w, b in parts], 1
        )

    def sums(x: Tensor, w: Tensor) -> Tensor:
        order = _order(x.shape[1], x.device)
        if order is not None:
            x, w = x[:, order], w[order]
        return F.conv_transpose2d(x, w, None, stride, padding, output_padding, 1, dilation)

    return _layer(x, weight, bias, 1, -3, sums)


def matmul(a: Tensor, b: Tensor, limits: tuple[float, float] | None = None, row_sum: float | None = None) -> Tensor:
    """a (..., n, k), b (..., k, m) -> (..., n, m): both are activations, clamped to `limits`, ±2^10 unless given.

    `row_sum` bounds the L1 norm of a's rows, k times its limit unless told.
    """
    if a.ndim < 2 or b.ndim < 2:
        raise NotImplementedError("of vectors")
    order = _order(a.shape[-1], a.device)
    if order is not None:
        a, b = a[..., order], b[..., order, :]
    first, second = limits or (2.0**10, 2.0**10)
    terms = max(a.shape[-1], 1)
    if _measured.get():
        bits = _share(terms, 1.0)
        bits_a, bits_b = bits[0] - exponents(a, (-1,)), bits[1] - exponents(b, (-2,))
        x, y = to_grid(a, bits_a, 2.0 ** bits[0]), to_grid(b, bits_b, 2.0 ** bits[1])
        return rescaled(torch.matmul(x, y), bits_a + bits_b)
    most = first * terms if row_sum is None else row_sum
    bits = _share(most, second)
    check(most * second * 2.0 ** sum(bits) + terms * second * 2.0 ** bits[1])
    x, y = to_grid(a, bits[0], first * 2.0 ** bits[0]), to_grid(b, bits[1], second * 2.0 ** bits[1])
    return rescaled(torch.matmul(x, y), sum(bits))


def _share(first: float, second: float) -> tuple[int, int]:
    """Bits behind the point for two factors whose product is to stay below `BOUND`, about as fine for each."""
    bits = 0
    while first * second * 2.0 ** (bits + 1) < BOUND / 2:
        bits += 1
    return bits - bits // 2, bits // 2
