"""On a processor, the longer functions of `functions` and the grids in one pass: the same operations, the same bits.

Compiled without fast arithmetic, so that nothing is fused or reordered. A block of numbers stays in the nearest cache
while it goes through a function; inner loops are over its numbers, so that the compiler takes several at a time.
Arrays are float64, contiguous, of one dimension unless said otherwise.
"""

from __future__ import annotations

import math

import numpy as np

from common.compiled import jit

LN2_HIGH, LN2_LOW = 0.6931471803691238, 1.9082149292705877e-10  # their sum is ln 2; the first has 33 bits
PER_LN2 = 1.4426950408889634  # 1 / ln 2
EXP = np.array([1 / math.factorial(n) for n in range(14)])  # Taylor's series, for |x| <= ln(2) / 2
LOG = np.array([2 / (2 * n + 1) for n in range(12)])  # of log((1 + s) / (1 - s)) / s in s²
_SQRT_HALF, _SQRT_2 = math.sqrt(0.5), math.sqrt(2)
_BLOCK = 512


@jit
def _polynomial(x, coefficients, total, n):  # type: ignore[no-untyped-def]
    """Horner's rule for the first n numbers, constant term first."""
    last = coefficients[coefficients.size - 1]
    for i in range(n):
        total[i] = last
    for k in range(coefficients.size - 2, -1, -1):
        c = coefficients[k]
        for i in range(n):
            total[i] = total[i] * x[i]
            total[i] = total[i] + c


@jit
def _exp(x, rest, bits, power, out, n):  # type: ignore[no-untyped-def]
    """out[i] = e^x[i]; `power` is the memory of `bits` as floats."""
    for i in range(n):
        v = 0.0 if x[i] != x[i] else min(max(x[i], -700.0), 700.0)
        e = np.rint(v * PER_LN2)
        high = v - e * LN2_HIGH
        rest[i] = high - e * LN2_LOW
        bits[i] = np.int64(np.int32(e) + np.int32(1023)) << np.int64(52)
    _polynomial(rest, EXP, out, n)
    for i in range(n):
        out[i] = out[i] * power[i] if x[i] == x[i] else x[i]


@jit
def exp(x, out):  # type: ignore[no-untyped-def]
    rest, bits = np.empty(_BLOCK), np.empty(_BLOCK, np.int64)
    power = bits.view(np.float64)
    for begin in range(0, x.size, _BLOCK):
        n = min(_BLOCK, x.size - begin)
        _exp(x[begin : begin + n], rest, bits, power, out[begin : begin + n], n)


@jit
def log(x, out):  # type: ignore[no-untyped-def]
    """Of numbers below 2^-1022, that of 2^-1022."""
    above, bits = np.empty(_BLOCK), np.empty(_BLOCK, np.int64)
    mantissa, bits_of = bits.view(np.float64), above.view(np.int64)
    s, squared, series, power = np.empty(_BLOCK), np.empty(_BLOCK), np.empty(_BLOCK), np.empty(_BLOCK)
    one, low = np.int64(1023) << np.int64(52), (np.int64(1) << np.int64(52)) - np.int64(1)
    for begin in range(0, x.size, _BLOCK):
        n = min(_BLOCK, x.size - begin)
        for i in range(n):
            above[i] = x[begin + i] if x[begin + i] > 2.0**-1022 else 2.0**-1022
        for i in range(n):
            b = bits_of[i]
            power[i] = np.float64((b >> np.int64(52)) - np.int64(1023))
            bits[i] = (b & low) | one
        for i in range(n):
            m = mantissa[i]
            upper = m > _SQRT_2
            m = m * 0.5 if upper else m
            power[i] = power[i] + 1.0 if upper else power[i]
            s[i] = (m - 1.0) / (m + 1.0)
            squared[i] = s[i] * s[i]
        _polynomial(squared, LOG, series, n)
        for i in range(n):
            product = s[i] * series[i]
            small = power[i] * LN2_LOW
            small = small + product
            v = x[begin + i]
            out[begin + i] = power[i] * LN2_HIGH + small if v == v else v


@jit
def normal_below(x, erfc, out):  # type: ignore[no-untyped-def]
    """The standard normal distribution's mass below x; `erfc` are the coefficients of `functions`."""
    rest, bits = np.empty(_BLOCK), np.empty(_BLOCK, np.int64)
    power = bits.view(np.float64)
    t, square, series, decay = np.empty(_BLOCK), np.empty(_BLOCK), np.empty(_BLOCK), np.empty(_BLOCK)
    for begin in range(0, x.size, _BLOCK):
        n = min(_BLOCK, x.size - begin)
        for i in range(n):
            z = min(abs(x[begin + i]) * _SQRT_HALF, 26.0)
            t[i] = 3.0 / (3.0 + z)
            square[i] = -(z * z)
        _polynomial(t, erfc, series, n)
        _exp(square, rest, bits, power, decay, n)
        for i in range(n):
            tail = series[i] * t[i]
            tail = tail * decay[i]
            tail = 0.5 * tail
            v = x[begin + i]
            out[begin + i] = (tail if v < 0.0 else 1.0 - tail) if v == v else v


@jit
def to_grid(x, unit, limit, out):  # type: ignore[no-untyped-def]
    """x, of any float type, times `unit`, rounded, within ±limit; NaN gives 0."""
    for i in range(x.size):
        v = np.rint(np.float64(x[i]) * unit)
        out[i] = min(max(v, -limit), limit) if v == v else 0.0


@jit
def values(total, bias, unit):  # type: ignore[no-untyped-def]
    """In place: total (n, C, P), rounded, plus the bias of its channel, times `unit`; `bias` may be empty."""
    for b in range(total.shape[0]):
        for c in range(total.shape[1]):
            shift = bias[c] if bias.size else 0.0
            row = total[b, c]
            for i in range(row.size):
                row[i] = (np.rint(row[i]) + shift) * unit


@jit
def depthwise(padded, weight, out):  # type: ignore[no-untyped-def]
    """One filter (C, 1, k, l) for each channel of padded (B, C, H + k - 1, W + l - 1) -> out (B, C, H, W)."""
    height, width = out.shape[2], out.shape[3]
    for b in range(out.shape[0]):
        for c in range(out.shape[1]):
            for i in range(height):
                row = out[b, c, i]
                for x in range(width):
                    row[x] = 0.0
                for k in range(weight.shape[2]):
                    source = padded[b, c, i + k]
                    for j in range(weight.shape[3]):
                        w = weight[c, 0, k, j]
                        for x in range(width):
                            row[x] += w * source[x + j]
