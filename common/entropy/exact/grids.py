"""The binary grids that operands of exact sums lie on, and the bound that makes the sums exact.

Inputs are clamped to ±2^15 and rounded to multiples of 2^-a, weights to multiples of 2^-w, biases to multiples of
2^-(a+w). In units of these grids all are integers, and every product and partial sum of a row is an integer, too, below

    bound = (largest row's L1 norm of the weights) · (largest input) + (largest bias)        in units of 2^-(a+w)

Float64 holds integers up to 2^53 without rounding, so that the result does not depend on the order of the sum. Grids
are chosen for bound < 2^50: the three bits left over let a library that computes by FFT or Winograd err by a few
units in the last place, as results are rounded to integers once more.

What is chosen follows from the weights alone, by integer arithmetic. So the grids travel with the weights, and no
machine can choose others.
"""

import math
from typing import NamedTuple

import torch
from torch import Tensor

from common.entropy.exact import kernels
from common.entropy.exact.functions import compiled, flat, power_of_two
from common.entropy.exact.threads import in_parts
from common.errors import LicError

CLAMP_BITS = 15  # activations beyond ±2^15 are clamped
FIXED_BITS = 13  # a
INPUT_BITS = CLAMP_BITS + FIXED_BITS
INPUT_LIMIT = 2.0**INPUT_BITS  # of an input's integer
MOST_WEIGHT_BITS = 22  # w at most, and a row's L1 norm in its units at most 2^22
BOUND = 2.0**50
LEAST_WEIGHT_BITS = 4  # with less, a network is no network any more


class Grid(NamedTuple):
    """`a` and `w` as above."""

    a: int = FIXED_BITS
    w: int = 0


class Weights(NamedTuple):
    """A layer's weights and bias as integers in float64, of the layer's own shapes, and their grid."""

    weight: Tensor
    bias: Tensor | None
    grid: Grid
    bound: float  # on every partial sum, in units of 2^-(a+w)


def to_grid(x: Tensor, bits: int | Tensor, limit: float) -> Tensor:
    """x, of any shape, as integers in units of 2^-bits: float64, within ±limit. NaN becomes 0."""
    if isinstance(bits, int) and compiled(x) and x.dtype in (torch.float32, torch.float64):
        out = torch.empty_like(x, dtype=torch.float64)
        if out.stride() != x.stride():
            x = x.contiguous()
            out = torch.empty_like(x, dtype=torch.float64)
        numbers, integers, scale = flat(x), flat(out), 2.0**bits
        in_parts(x.numel(), x.numel(), lambda a, b: kernels.to_grid(numbers[a:b], scale, limit, integers[a:b]))
        return out
    return (x.double() * unit(bits)).round_().clamp_(-limit, limit).nan_to_num_(0.0)


def unit(bits: int | Tensor) -> float | Tensor:
    """2^bits, of whole numbers between -1022 and 1023."""
    return power_of_two(bits) if isinstance(bits, Tensor) else 2.0**bits


def exponents(x: Tensor, dims: tuple[int, ...]) -> Tensor:
    """The least e with |x| <= 2^e along the dimensions `dims`, which are kept with size 1: int."""
    if not x.numel():
        return x.new_zeros([1] * x.ndim, dtype=torch.int32)
    largest = x.double().abs().nan_to_num(0.0).amax(dims, keepdim=True)
    return largest.clamp(2.0**-100, 2.0**100).frexp().exponent


def on_grid(weight: Tensor, bias: Tensor | None, outputs: int = 0) -> Weights:
    """A layer's weights on the finest grid that its rows allow.

    Args:
        weight: of any float type; dimension `outputs` counts the rows, as 1 does in a transposed convolution.
        bias: (rows,) or None.

    Raises:
        LicError: the weights are not finite, or so large that hardly a bit of them would be left.
    """
    if not (weight.isfinite().all() and (bias is None or bias.isfinite().all())):
        raise LicError("A network that tells the coder's parameters has weights that are not finite: it diverged.")
    rows = weight.detach().double().movedim(outputs, 0).flatten(1)
    norm = rows.abs().sum(1).max().item() if rows.numel() else 0.0
    # From a grid that is too fine for certain, down to the first that holds the bound, so that the rounding of `norm`
    # decides nothing.
    first = MOST_WEIGHT_BITS - (math.frexp(norm)[1] if norm else 0) + 2
    for w in range(min(first, MOST_WEIGHT_BITS), LEAST_WEIGHT_BITS - 1, -1):
        grid = Grid(w=w)
        integers = (rows * 2.0**w).round_()
        shift = None if bias is None else (bias.detach().double() * 2.0 ** (grid.a + w)).round_()
        bound = integers.abs().sum(1).max().item() * INPUT_LIMIT if rows.numel() else 0.0
        bound += shift.abs().max().item() if shift is not None else 0.0
        if bound < BOUND:
            shaped = (weight.detach().double() * 2.0**w).round_()
            return Weights(shaped, shift, grid, bound)
    raise LicError(
        f"A network that tells the coder's parameters has weights too large for exact arithmetic (a row's L1 norm is "
        f"{norm:.3g}): train it with weight decay, or code without exact arithmetic."
    )


def check(bound: float) -> None:
    """Raises `LicError` unless sums that reach `bound` are exact; for what is not a layer with weights."""
    if not bound < BOUND:
        raise LicError(f"A sum in exact arithmetic may reach {bound:.3g} units, and {BOUND:.3g} is the limit.")


def rescaled(integers: Tensor, bits: int | Tensor) -> Tensor:
    """Sums in units of 2^-bits, rounded to integers once more -> their values."""
    return integers.round_() * unit(-bits)
