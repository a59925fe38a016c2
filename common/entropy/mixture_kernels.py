"""The compiled inner loops for symbols that have a Gaussian mixture each: the table becomes a function, in integers.

From the rounded parameters on all arithmetic is in integers, so that encoder and decoder agree to the bit. The
rounding, the window and the escapes are those that `mixture` describes; the coder itself is that of `kernels`. (Numba's
disk cache notices changes of a function's own file only: who changes a helper there must change this file too.)
"""

from __future__ import annotations

import math

import numpy as np

from common.compiled import jit
from common.entropy.kernels import (
    IMPOSSIBLE,
    INT32_MAX,
    INT32_MIN,
    LOW,
    NOT_FINITE,
    OK,
    ONE,
    SLOT,
    TRUNCATED,
    WORD,
    flush,
    full,
    pop_number,
    push_number,
    put,
    take,
)

_u, _32 = np.uint64, np.uint64(32)

MEAN_BITS = 8  # means are rounded to 1/256
SCALE_SHIFT = 18  # of a float32 scale, the exponent and 5 bits of mantissa are kept: steps of 2 to 3 %
SCALE_FIRST, SCALE_LAST = 0x3DE00000 >> SCALE_SHIFT, 0x43800000 >> SCALE_SHIFT  # 0.109375 and 256, as float32
MAX_WINDOW = 4096  # symbols of one element that have a frequency of their own
_WINDOW_SIGMAS = 4.5  # beyond, all symbols together are rarer than one slot
_Z_BITS, _STEP_BITS, _Z_END = 6, 12, 6  # the normal CDF is tabulated at steps of 1/64 up to 6, then interpolated
_UNIT = 1 << 30
_BLOCK = 1024

_scales = (np.arange(SCALE_FIRST, SCALE_LAST + 1, dtype=np.int32) << SCALE_SHIFT).view(np.float32).astype(np.float64)
INVERSE = np.rint(2.0 ** (16 + _Z_BITS + _STEP_BITS - MEAN_BITS) / _scales).astype(np.int64)
REACH = np.ceil(_WINDOW_SIGMAS * _scales * 2**MEAN_BITS).astype(np.int64)
NORMAL = np.array(
    [round(_UNIT * (1 - 0.5 * math.erfc(i / 2**_Z_BITS / math.sqrt(2)))) for i in range(_Z_END * 2**_Z_BITS)] + [_UNIT],
    dtype=np.int64,
)


@jit
def _round_parameters(begin, scale_bits, means, weights, m, inverse, w, window):  # type: ignore[no-untyped-def]
    """Fills m, inverse, w (K, b) and window (2, b) for b elements from `begin` on; False if any is not finite."""
    components = m.shape[0]
    for b in range(m.shape[1]):
        i = begin + b
        total, heaviest = 0.0, 0
        for k in range(components):
            if (scale_bits[k, i] & 0x7FFFFFFF) > 0x7F800000 or not abs(means[k, i]) < np.inf:
                return False
            if not abs(weights[k, i]) < np.inf:
                return False
            total += float(max(weights[k, i], 0.0))
            if weights[k, i] > weights[heaviest, i]:
                heaviest = k
        left = np.int64(1 << 16)
        for k in range(components):
            w[k, b] = np.int64(float(max(weights[k, i], 0.0)) / total * 65536 + 0.5) if total > 0 else 0
            left -= w[k, b]
        w[heaviest, b] += left
        lo, hi = np.int64(1) << 40, -(np.int64(1) << 40)
        for k in range(components):
            level = (scale_bits[k, i] + (1 << (SCALE_SHIFT - 1))) >> SCALE_SHIFT
            level = min(max(level, SCALE_FIRST), SCALE_LAST) - SCALE_FIRST
            mean = min(max(np.float64(means[k, i]), -(2.0**30)), 2.0**30)
            m[k, b] = np.int64(math.floor(mean * 2**MEAN_BITS + 0.5))
            inverse[k, b] = INVERSE[level]
            if w[k, b] > 0:
                lo = min(lo, (m[k, b] - REACH[level]) >> MEAN_BITS)
                hi = max(hi, ((m[k, b] + REACH[level] - 1) >> MEAN_BITS) + 2)
        if hi - lo > MAX_WINDOW:
            lo = (m[heaviest, b] >> MEAN_BITS) - MAX_WINDOW // 2
            hi = lo + MAX_WINDOW
        window[0, b], window[1, b] = lo, hi
    return True


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
def encode_mixtures(symbols, scale_bits, means, weights, words):  # type: ignore[no-untyped-def]
    """Like `encode_tables`; the parameters are (K, n), the scales as the bits of a float32."""
    x, at = LOW, np.int64(words.size)
    components, block = means.shape[0], min(symbols.size, _BLOCK)
    m, inverse, w = np.empty((3, components, block), np.int64)
    window = np.empty((2, block), np.int64)
    after = symbols.size
    while after > 0:
        begin = (after - 1) // _BLOCK * _BLOCK
        n = after - begin
        if not _round_parameters(begin, scale_bits, means, weights, m[:, :n], inverse[:, :n], w[:, :n], window[:, :n]):
            return NOT_FINITE, at
        for b in range(n - 1, -1, -1):
            s, lo, hi = np.int64(symbols[begin + b]), window[0, b], window[1, b]
            if s < lo:
                x, at = push_number(x, lo - 1 - s, words, at)
            elif s >= hi:
                x, at = push_number(x, s - hi, words, at)
            low, high = min(s, hi), max(s + 1, lo)
            below, up_to = np.int64(0), np.int64(0)
            for k in range(components):
                below += w[k, b] * _normal(low, m[k, b], inverse[k, b])
                up_to += w[k, b] * _normal(high, m[k, b], inverse[k, b])
            start = _slot(below, low, lo, hi) if s >= lo else np.int64(0)
            end = _slot(up_to, high, lo, hi) if s < hi else np.int64(65536)
            if full(x, end - start):
                at -= 1
                words[_u(at)] = np.uint32(x & WORD)
                x >>= _32
            x = put(x, start, end - start)
        after = begin
    return OK, flush(x, words, at)


@jit
def decode_mixtures(words, state, scale_bits, means, weights, symbols):  # type: ignore[no-untyped-def]
    """Like `decode_tables`, with a bisection in place of the look-up."""
    x, at = state[0], state[1]
    components, block = means.shape[0], min(symbols.size, _BLOCK)
    m, inverse, w = np.empty((3, components, block), np.int64)
    window = np.empty((2, block), np.int64)
    for begin in range(0, symbols.size, _BLOCK):
        n = min(symbols.size - begin, _BLOCK)
        if not _round_parameters(begin, scale_bits, means, weights, m[:, :n], inverse[:, :n], w[:, :n], window[:, :n]):
            return NOT_FINITE
        for b in range(n):
            lo, hi = window[0, b], window[1, b]
            slot = np.int64(x & SLOT)
            s, start, after, end = lo - 1, np.int64(0), hi + 1, np.int64(65536)
            while after - s > 1:
                middle = (s + after) >> 1
                total = np.int64(0)
                for k in range(components):
                    total += w[k, b] * _normal(middle, m[k, b], inverse[k, b])
                c = _slot(total, middle, lo, hi)
                if c <= slot:
                    s, start = middle, c
                else:
                    after, end = middle, c
            x = take(x, slot - start, end - start)
            if x < LOW:
                if at >= _u(words.size):
                    return TRUNCATED
                x = (x << _32) | _u(words[at])
                at += ONE
            if s < lo or s == hi:
                number, x, at = pop_number(x, words, at)
                if x < LOW:
                    return TRUNCATED
                if number < 0:
                    return IMPOSSIBLE
                s = lo - 1 - number if s < lo else hi + number
            if s < INT32_MIN or s > INT32_MAX:
                return IMPOSSIBLE
            symbols[begin + b] = s
    state[0], state[1] = x, at
    return OK
