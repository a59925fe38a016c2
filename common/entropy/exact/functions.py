"""Elementwise functions from + - × ÷ √, comparisons and the bits of a number: what IEEE 754 says to the last bit.

torch computes exp, tanh and the like by libraries that round differently on different machines. These are ours: fixed
polynomials in float64, one rounded operation after the other, never fused. Relative errors of `exp` and `normal_below`
are below 1e-12, absolute ones of the others below 1e-12 (`gelu`: times |x|). x is any tensor of float64; results have
its shape.
"""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from common.entropy.exact import kernels
from common.entropy.exact.ieee import divide, sqrt
from common.entropy.exact.threads import in_parts

# erfc(z) exp(z²) / t as a polynomial in t = 3 / (3 + z), interpolated at Chebyshev's points of 0 <= z <= 30.
_ERFC = [
    0.18806319669147442,
    0.18806307348674633,
    0.17761823602552054,
    0.15667548387936803,
    0.12754126140581332,
    0.0894051426488932,
    0.07122631869947928,
    -0.02588267519151666,
    0.1463288013694293,
    -0.2970057102909489,
    0.4221841093990916,
    -0.46097074562288004,
    0.3138764981380484,
    -0.1084731611164329,
    0.005114585810695253,
    0.00804079033225573,
    -0.001805205665162419,
]


def _polynomial(x: Tensor, coefficients: Sequence[float]) -> Tensor:
    """Horner's rule, constant term first."""
    total = torch.full_like(x, coefficients[-1])
    for coefficient in reversed(coefficients[:-1]):
        total.mul_(x).add_(coefficient)
    return total


def compiled(x: Tensor) -> bool:
    """Whether `kernels` can take x: on a processor, where nothing is differentiated."""
    return x.device.type == "cpu" and not (torch.is_grad_enabled() and x.requires_grad) and x.numel() > 0


def _by(kernel: Any, x: Tensor, *args: Any) -> Tensor:
    """What a kernel makes of x's numbers as they lie in memory."""
    out = torch.empty_like(x)
    if out.stride() != x.stride():  # overlapping or with gaps
        x, out = x.contiguous(), torch.empty(x.shape, dtype=x.dtype)
    numbers, results = flat(x), flat(out)
    in_parts(x.numel(), x.numel(), lambda a, b: kernel(numbers[a:b], *args, results[a:b]))
    return out


def flat(x: Tensor) -> np.ndarray:
    """The numbers of a dense tensor in the order of its memory."""
    return x.detach().as_strided((x.numel(),), (1,)).numpy()


def power_of_two(exponent: Tensor) -> Tensor:
    """2^exponent, for whole exponents from -1022 to 1023, by the bits of a float64."""
    return ((exponent.long() + 1023) << 52).view(torch.float64)


def exp(x: Tensor) -> Tensor:
    """e^x; beyond ±700 that of ±700."""
    if compiled(x):
        return _by(kernels.exp, x)
    x = x.clamp(-700.0, 700.0)
    exponent = (x * kernels.PER_LN2).round_()
    rest = (x - exponent * kernels.LN2_HIGH) - exponent * kernels.LN2_LOW
    return _polynomial(rest, kernels.EXP.tolist()) * power_of_two(exponent)


def log(x: Tensor) -> Tensor:
    """The natural logarithm; of numbers below 2^-1022, that of 2^-1022."""
    if compiled(x):
        return _by(kernels.log, x)
    bits = x.clamp_min(2.0**-1022).view(torch.int64)
    exponent = (bits >> 52) - 1023
    mantissa = ((bits & ((1 << 52) - 1)) | (1023 << 52)).view(torch.float64)
    upper = mantissa > math.sqrt(2)
    mantissa = torch.where(upper, mantissa * 0.5, mantissa)
    power = (exponent + upper).double()
    s = (mantissa - 1) / (mantissa + 1)
    found = power * kernels.LN2_HIGH + (power * kernels.LN2_LOW + s * _polynomial(s * s, kernels.LOG.tolist()))
    return torch.where(x.isnan(), x, found)  # a NaN's bits are the processor's choice


def log1p(x: Tensor) -> Tensor:
    """log(1 + x)."""
    return log(x + 1)


def sigmoid(x: Tensor) -> Tensor:
    """1 / (1 + e^-x)."""
    return divide(1, 1 + exp(-x))


def tanh(x: Tensor) -> Tensor:
    """(1 - e^-2|x|) / (1 + e^-2|x|), with the sign of x."""
    shrunk = exp(-2 * x.abs())
    return torch.where(x < 0, -1.0, 1.0) * ((1 - shrunk) / (1 + shrunk))


def softplus(x: Tensor, beta: float = 1.0, threshold: float = 20.0) -> Tensor:
    """log(1 + e^(beta x)) / beta, and x itself where beta x > threshold."""
    scaled = x * beta
    smooth = divide(scaled.clamp_min(0) + log1p(exp(-scaled.abs())), beta)
    return torch.where(scaled > threshold, x, smooth)


def normal_below(x: Tensor) -> Tensor:
    """The standard normal distribution's mass below x."""
    if compiled(x):
        return _by(kernels.normal_below, x, np.array(_ERFC))
    z = (x.abs() * math.sqrt(0.5)).clamp_max(26.0)
    t = divide(3, 3 + z)
    tail = 0.5 * (_polynomial(t, _ERFC) * t * exp(-(z * z)))
    return torch.where(x < 0, tail, 1 - tail)


def erf(x: Tensor) -> Tensor:
    """The error function."""
    return 2 * normal_below(x * math.sqrt(2)) - 1


def gelu(x: Tensor, approximate: str = "none") -> Tensor:
    """x times the normal distribution's mass below x, or torch's `approximate="tanh"` of it."""
    if approximate == "tanh":
        return 0.5 * x * (1 + tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * (x * x * x))))
    return x * normal_below(x)


def silu(x: Tensor) -> Tensor:
    """x · sigmoid(x)."""
    return x * sigmoid(x)


def hard_swish(x: Tensor) -> Tensor:
    """x · hard_sigmoid(x)."""
    return x * hard_sigmoid(x)


def mish(x: Tensor) -> Tensor:
    """x · tanh(softplus(x))."""
    return x * tanh(softplus(x))


def log_sigmoid(x: Tensor) -> Tensor:
    """log(sigmoid(x))."""
    return x.clamp_max(0) - log1p(exp(-x.abs()))


def elu(x: Tensor, alpha: float = 1.0) -> Tensor:
    """x, and alpha (e^x - 1) where x is negative."""
    return torch.where(x > 0, x, alpha * (exp(x.clamp_max(0)) - 1))


def rsqrt(x: Tensor) -> Tensor:
    """1 / √x."""
    return divide(1, sqrt(x))


def power(x: Tensor, exponent: float) -> Tensor:
    """x to a power that is a whole number of halves, by multiplication, root and division.

    Raises:
        NotImplementedError: for other exponents.
    """
    halves = 2 * exponent
    if not isinstance(exponent, int | float) or halves != int(halves) or abs(halves) > 16:
        raise NotImplementedError(f"a power of {exponent}")
    whole, half = divmod(int(abs(halves)), 2)
    result = torch.ones_like(x)
    for _ in range(whole):
        result = result * x
    result = result * sqrt(x) if half else result
    return divide(1, result) if exponent < 0 else result


def hard_sigmoid(x: Tensor) -> Tensor:
    """clamp(x + 3, 0, 6) / 6, as `torch.nn.functional.hardsigmoid`."""
    return divide((x + 3).clamp(0, 6), 6)


def prelu(x: Tensor, weight: Tensor) -> Tensor:
    """x, and x times its channel's weight where x is negative; channels are dimension 1."""
    slope = weight.double().reshape(-1, *[1] * max(x.ndim - 2, 0)) if weight.numel() > 1 else weight.double()
    return torch.where(x >= 0, x, x * slope)


def batch_norm(
    x: Tensor,
    running_mean: Tensor,
    running_var: Tensor,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    training: bool = False,
    momentum: float = 0.1,
    eps: float = 1e-5,
) -> Tensor:
    """As `torch.nn.functional.batch_norm` in evaluation, by the running statistics."""
    if training or running_mean is None:
        raise NotImplementedError("batch statistics")

    def channels(values: Tensor) -> Tensor:
        return values.double().reshape(-1, *[1] * (x.ndim - 2))

    x = (x - channels(running_mean)) / sqrt(channels(running_var) + eps)
    x = x if weight is None else x * channels(weight)
    return x if bias is None else x + channels(bias)


def linspace(start: float, end: float, steps: int, device: Any = None) -> Tensor:
    """As `torch.linspace`."""
    place = torch.arange(steps, dtype=torch.float64, device=device)
    return place * ((end - start) / max(steps - 1, 1)) + start


def arange(start: float, end: float | None = None, step: float = 1, device: Any = None) -> Tensor:
    """As `torch.arange` of floats."""
    first, last = (0, start) if end is None else (start, end)
    count = max(math.ceil((last - first) / step), 0)
    return torch.arange(count, dtype=torch.float64, device=device) * step + first
