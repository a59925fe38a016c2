"""The compiled inner loops of the entropy coder: range asymmetric numeral systems (rANS) in 64-bit integers.

J. Duda, "Asymmetric numeral systems", arXiv:1311.2540. The state x is kept in [2^31, 2^63). To code a symbol
that owns the slots [start, start + frequency) of 2^16::

    encode   if x >= frequency 2^47:  emit the low 32 bits of x;  x = x >> 32
             x = (x // frequency) 2^16 + x mod frequency + start
    decode   slot = x mod 2^16;  find the symbol that owns it
             x = frequency (x >> 16) + slot - start
             if x < 2^31:  x = x 2^32 + next word

The encoder runs over the symbols backwards and fills its words from the end, so that the decoder reads both
forwards. A stream is the final state (two words, low first), then the words, all little-endian; its decoder
must end with x = 2^31, where the encoder began, and with no word left. An encoder may as well begin below, from 2^15 on
for short streams: until its first word x only grows, and the decoder, whose words are used up by then, goes the same
way back.

No kernel trusts its stream: each read is checked, and each loop is bounded by the number of symbols asked for.
"""

from __future__ import annotations

import numpy as np

from common.compiled import jit

FIRST_STATE = 1 << 31
SHORT_STATE = 1 << 15  # and up: where the encoder of a short stream begins
OK, TRUNCATED, IMPOSSIBLE, BAD_INDEX, NOT_FINITE = range(5)
BUCKET_BITS = 8  # a look-up table has an entry for each 2^8 slots

# Two habits for speed: array indexes are unsigned, as signed ones are tested for counting from the end, and no array is
# handed to a function in an inner loop, as that costs two atomic updates of its reference count.
_u = np.uint64
LOW, SLOT, WORD = _u(FIRST_STATE), _u(0xFFFF), _u(0xFFFFFFFF)
ONE, _BUCKET, _16, _32, _47 = _u(1), _u(BUCKET_BITS), _u(16), _u(32), _u(47)
_MAX_BITS = 34  # of an escaped number plus one: twice the distance of two 32-bit integers
INT32_MIN, INT32_MAX = -(2**31), 2**31 - 1


@jit
def full(x, frequency):  # type: ignore[no-untyped-def]
    return x >= _u(frequency) << _47


@jit
def put(x, start, frequency):  # type: ignore[no-untyped-def]
    quotient = x // _u(frequency)
    return (quotient << _16) + (x - quotient * _u(frequency)) + _u(start)


@jit
def _push(x, start, frequency, words, at):  # type: ignore[no-untyped-def]
    if full(x, frequency):
        at -= 1
        words[at] = np.uint32(x & WORD)
        x >>= _32
    return put(x, start, frequency), at


@jit
def take(x, within, frequency):  # type: ignore[no-untyped-def]
    """The state after a symbol of whose slots the current one is number `within`."""
    return _u(frequency) * (x >> _16) + _u(within)


@jit
def _pop(x, within, frequency, words, at):  # type: ignore[no-untyped-def]
    """Like `take`, and reads the next word if one is due; the state stays below 2^31 if there is none."""
    x = take(x, within, frequency)
    if x < LOW and at < _u(words.size):
        return (x << _32) | _u(words[at]), at + ONE
    return x, at


@jit
def push_number(x, number, words, at):  # type: ignore[no-untyped-def]
    """Elias-gamma in equiprobable bits: 6 for the length of number + 1, then what follows its leading one."""
    bits = 0
    while (number + 1) >> (bits + 1):
        bits += 1
    low = 0
    while low < bits:  # the decoder reads 16 bits at a time from the top, so the odd remainder is the lowest
        width = bits % 16 if low == 0 and bits % 16 else 16
        part = ((number + 1) >> low) & ((1 << width) - 1)
        x, at = _push(x, part << (16 - width), 1 << (16 - width), words, at)
        low += width
    return _push(x, bits << 10, 1 << 10, words, at)


@jit
def pop_number(x, words, at):  # type: ignore[no-untyped-def]
    """The number, the state and the position; the number is -1 where no encoder wrote this."""
    bits = np.int64(x & SLOT) >> 10
    x, at = _pop(x, x & _u(0x3FF), 1 << 10, words, at)
    if bits > _MAX_BITS:
        return np.int64(-1), x, at
    value = np.int64(1)
    while bits > 0:
        rest = max(np.int64(16) - bits, np.int64(0))  # this many of the 16 bits do not belong to the number
        value = (value << (16 - rest)) | (np.int64(x & SLOT) >> rest)
        x, at = _pop(x, x & _u((1 << rest) - 1), 1 << rest, words, at)
        bits -= 16
    return value - 1, x, at


@jit
def flush(x, words, at):  # type: ignore[no-untyped-def]
    words[at - 1] = np.uint32(x >> _32)
    words[at - 2] = np.uint32(x & WORD)
    return at - 2


@jit
def fill_lookup(cdf, lookup):  # type: ignore[no-untyped-def]
    """lookup[t, b]: of table t's symbol at slot b 2^BUCKET_BITS the number, the start and the frequency less one."""
    for t in range(cdf.shape[0]):
        s = 0
        for b in range(lookup.shape[1]):
            while cdf[t, s + 1] <= b << BUCKET_BITS:
                s += 1
            lookup[t, b] = _u(s) << _32 | _u(cdf[t, s]) << _16 | _u(cdf[t, s + 1] - cdf[t, s] - 1)


@jit
def encode_tables(symbols, indexes, cdf, length, offset, words, first):  # type: ignore[no-untyped-def]
    """Fills `words`, 2 a symbol and 4, from its end; returns the status and where the stream begins.

    `first` is the state to begin with.
    """
    x, at = _u(first), np.int64(words.size)
    flat, row, tables = cdf.reshape(-1), _u(cdf.shape[1]), _u(length.size)
    for i in range(symbols.size - 1, -1, -1):
        t = _u(np.uint32(indexes[i]))
        if t >= tables:
            return BAD_INDEX, at
        escape = np.int64(length[t]) - 2
        s = np.int64(symbols[i]) - offset[t]
        if s < 0 or s >= escape:
            x, at = push_number(x, -2 * s - 1 if s < 0 else 2 * (s - escape), words, at)
            s = escape
        j = t * row + _u(s)
        start, end = flat[j], flat[j + ONE]
        if full(x, end - start):
            at -= 1
            words[_u(at)] = np.uint32(x & WORD)
            x >>= _32
        x = put(x, start, end - start)
    return OK, flush(x, words, at)


@jit
def decode_tables(words, state, indexes, cdf, length, offset, lookup, symbols):  # type: ignore[no-untyped-def]
    """Decodes the next symbols.size symbols.

    `state` holds x, the position, which are brought forward, and the least x that an encoder begins with.
    """
    x, at, least = state[0], state[1], state[2]
    flat, row, tables = cdf.reshape(-1), _u(cdf.shape[1]), _u(length.size)
    for i in range(symbols.size):
        t = _u(np.uint32(indexes[i]))
        if t >= tables:
            return BAD_INDEX
        slot = x & SLOT
        entry = lookup[t, slot >> _BUCKET]
        s = entry >> _32
        within, frequency = slot - ((entry >> _16) & SLOT), (entry & SLOT) + ONE
        if within >= frequency:
            s += ONE
            while _u(flat[t * row + s + ONE]) <= slot:
                s += ONE
            start = _u(flat[t * row + s])
            within, frequency = slot - start, _u(flat[t * row + s + ONE]) - start
        x = take(x, within, frequency)
        if x < LOW:
            if at < _u(words.size):
                x = (x << _32) | _u(words[at])
                at += ONE
            elif x < least:
                return TRUNCATED
        value = np.int64(s)
        escape = np.int64(length[t]) - 2
        if value == escape:
            number, x, at = pop_number(x, words, at)
            if x < least:
                return TRUNCATED
            value = -((number + 1) >> 1) if number & 1 else escape + (number >> 1)
            if number < 0 or value + offset[t] < INT32_MIN or value + offset[t] > INT32_MAX:
                return IMPOSSIBLE
        symbols[i] = value + offset[t]
    state[0], state[1] = x, at
    return OK


@jit
def scale_indexes(scales, lowest, bounds, first, indexes):  # type: ignore[no-untyped-def]
    """indexes[i] = how many of `bounds` (ascending, then the largest integer) are below max(scales[i], lowest).

    All are the bits of float32, which order as integers do if positive, and else fall below `lowest`. first[b >> 19]
    is the answer for the least number that has the sign, the exponent and the upper 4 bits of mantissa of b.
    """
    for i in range(scales.size):
        bits = max(scales[i], lowest)
        n = first[_u(bits >> 19)]
        n += bounds[_u(n)] < bits  # without a jump: it is often so, and seldom more than once
        while bounds[_u(n)] < bits:
            n += 1
        indexes[i] = n
