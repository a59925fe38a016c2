"""The compiled inner loops for symbols that have a Gaussian mixture each: the table becomes a function, in integers.

From the rounded parameters on all arithmetic is in integers, so that encoder and decoder agree to the bit. What rounds
the parameters takes no more than IEEE 754's basic operations, and the constants follow from integers and fractions: all
are the same on every machine. The rounding, the window and the escapes are those that `mixture` describes; the coder
itself is that of `kernels`. (Numba's disk cache notices changes of a function's own file only: who changes a helper
there must change this file too.)
"""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np

from common.compiled import jit
from common.entropy.kernels import (
    AT,
    BEFORE,
    IMPOSSIBLE,
    INT32_MAX,
    INT32_MIN,
    LEAST,
    LIMIT,
    LOW,
    NOT_FINITE,
    OK,
    ONE,
    SLOT,
    TRUNCATED,
    WORD,
    flush,
    full,
    join,
    pop_number,
    push_number,
    put,
    split,
    take,
)

_u, _3, _32 = np.uint64, np.uint64(3), np.uint64(32)

MEAN_BITS = 8  # means are rounded to 1/256
SCALE_SHIFT = 18  # of a float32 scale, the exponent and 5 bits of mantissa are kept: steps of 2 to 3 %
SCALE_FIRST, SCALE_LAST = 0x3DE00000 >> SCALE_SHIFT, 0x43800000 >> SCALE_SHIFT  # 0.109375 and 256, as float32
MAX_WINDOW = 4096  # symbols of one element that have a frequency of their own
_WINDOW_SIGMAS = Fraction(9, 2)  # beyond, all symbols together are rarer than one slot
_Z_BITS, _STEP_BITS, _Z_END = 6, 12, 6  # the normal CDF is tabulated at steps of 1/64 up to 6, then interpolated
_UNIT_BITS, _UNIT = 30, 1 << 30
_BLOCK = 1024
_PARTS_BITS, _QUANTILE_BITS = 10, 12  # a search begins at the nearest of 2^10 quantiles, which have 12 binary places


def _arctangent_of_inverse(n: int, one: int) -> int:
    """arctan(1/n) = 1/n - 1/(3 n^3) + 1/(5 n^5) - ..., of `one`."""
    power, total, k = one // n, 0, 1
    while power:
        total += (power if k % 4 == 1 else -power) // k
        power, k = power // n**2, k + 2
    return total


def normal_table() -> np.ndarray:
    """The normal distribution at i/64, of 2^30, rounded; the last entry is all of it.

    With z = i/64 it is 1/2 + (z - z^3/(2 3) + z^5/(4 2! 5) - z^7/(8 3! 7) + ...) / sqrt(2 pi), here in integers of 112
    binary places. Its terms are below 2^26, and so the error is below 2^-70.
    """
    one = 1 << 112
    pi = 4 * (4 * _arctangent_of_inverse(5, one) - _arctangent_of_inverse(239, one))
    root = math.isqrt(2 * pi * one)
    table = []
    for i in range(_Z_END << _Z_BITS):
        term, total, k = (i * one) >> _Z_BITS, 0, 0
        while term not in (0, -1):
            total += term // (2 * k + 1)
            k += 1
            term = -term * i * i // (k << (2 * _Z_BITS + 1))
        table.append((_UNIT * (2 * total + root) + root) // (2 * root))
    return np.array([*table, _UNIT], dtype=np.int64)


def quantile_table() -> np.ndarray:
    """Where the normal distribution reaches (i + 1/2) / 2^10, about, with 12 binary places."""
    upper = (2 * np.arange(1 << _PARTS_BITS >> 1) + 1 << _UNIT_BITS - _PARTS_BITS - 1) + _UNIT // 2
    i = np.searchsorted(NORMAL, upper, "right") - 1
    places = _QUANTILE_BITS - _Z_BITS
    z = (i << places) + ((upper - NORMAL[i]) << places) // (NORMAL[i + 1] - NORMAL[i])
    return np.concatenate([-z[::-1], z])


_bits = np.arange(SCALE_FIRST, SCALE_LAST + 1, dtype=np.int32) << SCALE_SHIFT
_scales = [Fraction(float(scale)) for scale in _bits.view(np.float32)]
INVERSE = np.array([round(2 ** (16 + _Z_BITS + _STEP_BITS - MEAN_BITS) / scale) for scale in _scales])
REACH = np.array([math.ceil(_WINDOW_SIGMAS * scale * 2**MEAN_BITS) for scale in _scales])
SPREAD = np.array([round(scale * 2**MEAN_BITS) for scale in _scales])
NORMAL = normal_table()
QUANTILE = quantile_table()


@jit
def _round_parameters(begin, scale_bits, means, weights, m, level, w, window):  # type: ignore[no-untyped-def]
    """Fills m, level, w (K, b) and window (2, b) for b elements from `begin` on; False if any is not finite.

    That is the mean in 1/256, the number of the scale and the weight, all of them 2^16 together.
    """
    n, components, finite = m.shape[1], m.shape[0], True
    heaviest = np.empty(n, np.int64)
    window[0, :n], window[1, :n] = np.int64(1) << 40, -(np.int64(1) << 40)
    _round_weights(begin, weights, w, heaviest)
    for k in range(components):
        for b in range(n):
            bits, mean = np.int64(scale_bits[k, begin + b]), np.float64(means[k, begin + b])
            finite &= ((bits & 0x7FFFFFFF) <= 0x7F800000) & (abs(mean) < np.inf) & (w[k, b] >= 0)
            nearest = ((bits + (1 << (SCALE_SHIFT - 1))) >> SCALE_SHIFT) - SCALE_FIRST
            level[k, b] = min(max(nearest, np.int64(0)), np.int64(SCALE_LAST - SCALE_FIRST))
            m[k, b] = np.int64(np.floor(min(max(mean, -(2.0**30)), 2.0**30) * 2**MEAN_BITS + 0.5))
            if w[k, b] > 0:
                reach = REACH[_u(level[k, b])]
                window[0, b] = min(window[0, b], (m[k, b] - reach) >> MEAN_BITS)
                window[1, b] = max(window[1, b], ((m[k, b] + reach - 1) >> MEAN_BITS) + 2)
    if finite and components > 1:
        for b in range(n):
            if window[1, b] - window[0, b] > MAX_WINDOW:
                window[0, b] = (m[heaviest[b], b] >> MEAN_BITS) - MAX_WINDOW // 2
                window[1, b] = window[0, b] + MAX_WINDOW
    return finite


@jit
def _round_weights(begin, weights, w, heaviest):  # type: ignore[no-untyped-def]
    """w (K, b), integers that are 2^16 together, for b elements from `begin` on; -1 if the weights are not finite.

    heaviest (b,) are the first of the components with the largest weight, which take what rounding leaves.
    """
    components = w.shape[0]
    if components == 1:
        heaviest[:] = 0
        for b in range(w.shape[1]):
            w[0, b] = 1 << 16 if abs(weights[0, begin + b]) < np.inf else -1
        return
    for b in range(w.shape[1]):
        total, most, first, finite = np.float64(0), weights[0, begin + b], 0, True
        for k in range(components):
            weight = weights[k, begin + b]
            finite &= abs(weight) < np.inf
            total += np.float64(weight if weight > 0 else 0)
            if weight > most:
                most, first = weight, k
        left = np.int64(1 << 16)
        for k in range(components):
            weight = weights[k, begin + b]
            w[k, b] = np.int64(np.float64(weight) / total * 65536 + 0.5) if finite and weight > 0 else 0
            left -= w[k, b]
        w[first, b] = w[first, b] + left if finite else -1
        heaviest[b] = first


@jit
def _normal(s, m, inverse):  # type: ignore[no-untyped-def]
    """The normal distribution's mass below s - 1/2, of 2^30."""
    d = (s << MEAN_BITS) - (1 << (MEAN_BITS - 1)) - m
    a = abs(d)
    value = np.int64(_UNIT)
    if a < _Z_END << (2 * MEAN_BITS):  # 6 of the largest scale; the product below stays under 2^50
        z = (a * inverse) >> 16
        if z < _Z_END << (_Z_BITS + _STEP_BITS):
            j, part = z >> _STEP_BITS, z & ((1 << _STEP_BITS) - 1)
            value = NORMAL[_u(j)] + (((NORMAL[_u(j + 1)] - NORMAL[_u(j)]) * part) >> _STEP_BITS)
    return value if d >= 0 else _UNIT - value


@jit
def _slot(total, s, lo, hi):  # type: ignore[no-untyped-def]
    """C(s), the first slot of symbol s, for lo <= s <= hi; slots before C(lo) and from C(hi) on are escapes."""
    return ((total * (65536 - 2 - (hi - lo))) >> 46) + (s - lo) + 1


@jit
def _find_slots(symbols, m, level, w, window, start, end):  # type: ignore[no-untyped-def]
    """Fills start and end (b,): the slots of the symbols (b,), or of the escapes that they need."""
    for b in range(symbols.size):
        s, lo, hi = np.int64(symbols[b]), window[0, b], window[1, b]
        low, high = min(s, hi), max(s + 1, lo)
        below, up_to = np.int64(0), np.int64(0)
        for k in range(m.shape[0]):
            inverse = INVERSE[_u(level[k, b])]
            below += w[k, b] * _normal(low, m[k, b], inverse)
            up_to += w[k, b] * _normal(high, m[k, b], inverse)
        start[b] = _slot(below, low, lo, hi) if s >= lo else np.int64(0)
        end[b] = _slot(up_to, high, lo, hi) if s < hi else np.int64(65536)


@jit
def encode_mixtures(symbols, scale_bits, means, weights, words, split_at):  # type: ignore[no-untyped-def]
    """Like `encode_tables`; the parameters are (K, n), the scales as the bits of a float32."""
    lanes, turns = np.full(4, LOW), _u(0)
    at, split_at = np.int64(words.size), np.int64(split_at)
    components, block = means.shape[0], min(symbols.size, _BLOCK)
    m, level, w = np.empty((3, components, block), np.int64)
    window, (start, end) = np.empty((2, block), np.int64), np.empty((2, block), np.int64)
    after = symbols.size
    while after > 0:
        begin = (after - 1) // _BLOCK * _BLOCK
        n = after - begin
        if not _round_parameters(begin, scale_bits, means, weights, m[:, :n], level[:, :n], w[:, :n], window[:, :n]):
            return NOT_FINITE, at
        _find_slots(symbols[begin:after], m[:, :n], level[:, :n], w[:, :n], window[:, :n], start, end)
        for b in range(n - 1, -1, -1):
            i = begin + b
            x, frequency = lanes[_u(i) & turns], end[b] - start[b]
            if start[b] == 0 or end[b] == 65536:
                s, lo, hi = np.int64(symbols[i]), window[0, b], window[1, b]
                x, at, split_at = push_number(x, lo - 1 - s if s < lo else s - hi, words, at, split_at, lanes, i)
                turns = _3 if split_at < 0 else turns
            if full(x, frequency):
                at -= 1
                words[_u(at)] = np.uint32(x & WORD)
                x >>= _32
                if at == split_at:
                    at, split_at, turns = split(words, at, lanes, i), np.int64(-1), _3
            lanes[_u(i) & turns] = put(x, start[b], frequency)
        after = begin
    return OK, flush(lanes, words, at, split_at)


@jit
def decode_mixtures(words, state, scale_bits, means, weights, symbols):  # type: ignore[no-untyped-def]
    """Like `decode_tables`, with a search in place of the look-up: from a guess outwards, then by bisection."""
    at, limit, least, i, size = state[AT], state[LIMIT], state[LEAST], state[BEFORE], _u(words.size)
    turns = _3 if limit < size else _u(0)
    components, block = means.shape[0], min(symbols.size, _BLOCK)
    m, level, w = np.empty((3, components, block), np.int64)
    window = np.empty((2, block), np.int64)
    for begin in range(0, symbols.size, _BLOCK):
        n = min(symbols.size - begin, _BLOCK)
        if not _round_parameters(begin, scale_bits, means, weights, m[:, :n], level[:, :n], w[:, :n], window[:, :n]):
            return NOT_FINITE
        for b in range(n):
            x, lo, hi = state[i & turns], window[0, b], window[1, b]
            slot = np.int64(x & SLOT)
            z, middle = QUANTILE[_u(slot >> (16 - _PARTS_BITS))], np.int64(0)
            for k in range(components):
                middle += w[k, b] * (m[k, b] + ((z * SPREAD[_u(level[k, b])]) >> _QUANTILE_BITS))
            middle = min(max((middle + (1 << (15 + MEAN_BITS))) >> (16 + MEAN_BITS), lo), hi - 1)
            below, up_to = np.int64(0), np.int64(0)
            for k in range(components):
                inverse = INVERSE[_u(level[k, b])]
                below += w[k, b] * _normal(middle, m[k, b], inverse)
                up_to += w[k, b] * _normal(middle + 1, m[k, b], inverse)
            s, start, after, end = lo - 1, np.int64(0), hi + 1, np.int64(65536)
            c, d = _slot(below, middle, lo, hi), _slot(up_to, middle + 1, lo, hi)
            if c <= slot:
                s, start = middle, c
            else:
                after, end, middle = middle, c, middle - 1
            if d > slot and c <= slot:
                after, end = middle + 1, d
            elif d <= slot:
                s, start, middle = middle + 1, d, middle + 2
            step = 2
            while after - s > 1:
                total = np.int64(0)
                for k in range(components):
                    total += w[k, b] * _normal(middle, m[k, b], INVERSE[_u(level[k, b])])
                c = _slot(total, middle, lo, hi)
                if c <= slot:
                    s, start = middle, c
                    middle += step
                else:
                    after, end = middle, c
                    middle -= step
                step *= 2
                if middle <= s or middle >= after:
                    middle = (s + after) >> 1
            x = take(x, slot - start, end - start)
            if x < LOW and at < limit:
                x = (x << _32) | _u(words[at])
                at += ONE
            elif x < LOW and limit < size:
                at, limit, turns = join(words, at, state, i), size, _u(0)
                if at == 0:
                    return IMPOSSIBLE
                x = (x << _32) | _u(words[at])
                at += ONE
            elif x < least:
                return TRUNCATED
            if s < lo or s == hi:
                state[LIMIT] = limit
                number, x, at = pop_number(x, words, at, state, i)
                limit = state[LIMIT]
                turns = _3 if limit < size else _u(0)
                if x < least:
                    return TRUNCATED
                if number < 0:
                    return IMPOSSIBLE
                s = lo - 1 - number if s < lo else hi + number
            if s < INT32_MIN or s > INT32_MAX:
                return IMPOSSIBLE
            symbols[begin + b] = s
            state[i & turns] = x
            i += ONE
    state[AT], state[LIMIT], state[BEFORE] = at, limit, i
    return OK
