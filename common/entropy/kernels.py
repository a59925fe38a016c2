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

Lanes. Each symbol waits for the state that the one before it leaves. So long streams have four states, which take turns
(F. Giesen, "Interleaved entropy coders", arXiv:1402.3392), and the processor works at four symbols at once. The encoder
begins with one. When TAIL + 3 words are out, it takes the last three back: they become the other states, w + 2^32 each,
so that these cost nothing to begin with. In the end each of them is a word and a number (its upper half) that the first
state takes up, some 6 bits more than it holds. A decoder sees from the number of words whether there are lanes. It
reads the three states, and gives their words back when it needs a word while the last TAIL are left. That is 2.5 bytes
for streams of more than 4 KiB (0.06 % at most), and nothing below. Without lanes there is one state throughout.

No kernel trusts its stream: each read is checked, and each loop is bounded by the number of symbols asked for.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import types
from numba.extending import intrinsic

from common.compiled import jit

FIRST_STATE = 1 << 31
SHORT_STATE = 1 << 15  # and up: where the encoder of a short stream begins
TAIL = 1021  # words at a stream's end that one state alone writes and reads
OK, TRUNCATED, IMPOSSIBLE, BAD_INDEX, NOT_FINITE = range(5)
BUCKET_BITS = 8  # a look-up table has an entry for each 2^8 slots
AT, LIMIT, LEAST, BEFORE = 4, 5, 6, 7  # of a decoder's state, behind the four lanes; see `open_lanes`

# Two habits for speed: array indexes are unsigned, as signed ones are tested for counting from the end, and no array is
# handed to a function in an inner loop, as that costs two atomic updates of its reference count, but in rare branches.
_u = np.uint64
LOW, SLOT, WORD = _u(FIRST_STATE), _u(0xFFFF), _u(0xFFFFFFFF)
ONE, _BUCKET, _16, _32, _47 = _u(1), _u(BUCKET_BITS), _u(16), _u(32), _u(47)
_3, _SLOTS = _u(3), _u(1 << 16)
_LANE, _LANE_END = _u(1 << 32), _u(1 << 33)  # of the states that lanes begin with
_MAX_BITS = 34  # of an escaped number plus one: twice the distance of two 32-bit integers
INT32_MIN, INT32_MAX = -(2**31), 2**31 - 1
# Of an entry of `codes`: the places of 2^16 - frequency and of the shift, behind the bias.
_CODE_REST, _CODE_SHIFT, _CODE_BIAS = _u(17), _u(34), _u((1 << 17) - 1)


@intrinsic
def high_product(context: Any, a: Any, b: Any) -> Any:
    """The upper 64 of the 128 bits of the product of two uint64."""
    from llvmlite import ir

    def generate(_: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        wide = ir.IntType(128)
        product = builder.mul(*(builder.zext(a, wide) for a in arguments))
        return builder.trunc(builder.lshr(product, ir.Constant(wide, 64)), ir.IntType(64))

    return types.uint64(types.uint64, types.uint64), generate


@jit
def full(x, frequency):  # type: ignore[no-untyped-def]
    return x >= _u(frequency) << _47


@jit
def put(x, start, frequency):  # type: ignore[no-untyped-def]
    quotient = x // _u(frequency)
    return (quotient << _16) + (x - quotient * _u(frequency)) + _u(start)


@jit
def split(words, at, lanes, i):  # type: ignore[no-untyped-def]
    """Takes the last three words back: they become the states of the lanes behind symbol i's; returns the position."""
    for k in range(3):
        lanes[_u(i + k + 1) & _3] = _LANE | _u(words[at + k])
    return at + 3


@jit
def join(words, at, lanes, i):  # type: ignore[no-untyped-def]
    """Gives the words back that `split` took; returns the position, or 0 if these states never began as such."""
    for k in range(3):
        x = lanes[_u(i + k + 1) & _3]
        if x < _LANE or x >= _LANE_END:
            return _u(0)
        words[at - _3 + _u(k)] = np.uint32(x & WORD)
    return at - _3


@jit
def _push(x, start, frequency, words, at, split_at, lanes, i):  # type: ignore[no-untyped-def]
    if full(x, frequency):
        at -= 1
        words[at] = np.uint32(x & WORD)
        x >>= _32
        if at == split_at:
            at, split_at = split(words, at, lanes, i), -1
    return put(x, start, frequency), at, split_at


@jit
def take(x, within, frequency):  # type: ignore[no-untyped-def]
    """The state after a symbol of whose slots the current one is number `within`."""
    return _u(frequency) * (x >> _16) + _u(within)


@jit
def _pop(x, within, frequency, words, at, state, i):  # type: ignore[no-untyped-def]
    """Like `take`, and reads the next word if one is due; the state stays below 2^31 if there is none."""
    x = take(x, within, frequency)
    if x < LOW:
        if at >= state[LIMIT] and state[LIMIT] < _u(words.size):
            at, state[LIMIT] = join(words, at, state, i), words.size
            if at == 0:
                return _u(0), state[LIMIT]  # as of a stream that has been cut
        if at < state[LIMIT]:
            return (x << _32) | _u(words[at]), at + ONE
    return x, at


@jit
def push_number(x, number, words, at, split_at, lanes, i):  # type: ignore[no-untyped-def]
    """Elias-gamma in equiprobable bits: 6 for the length of number + 1, then what follows its leading one.

    Returns the state, the position, and `split_at`, which is -1 if symbol i's lane has been split on the way.
    """
    bits = 0
    while (number + 1) >> (bits + 1):
        bits += 1
    low = 0
    while low < bits:  # the decoder reads 16 bits at a time from the top, so the odd remainder is the lowest
        width = bits % 16 if low == 0 and bits % 16 else 16
        part = ((number + 1) >> low) & ((1 << width) - 1)
        x, at, split_at = _push(x, part << (16 - width), 1 << (16 - width), words, at, split_at, lanes, i)
        low += width
    return _push(x, bits << 10, 1 << 10, words, at, split_at, lanes, i)


@jit
def pop_number(x, words, at, state, i):  # type: ignore[no-untyped-def]
    """The number, the state and the position; the number is -1 where no encoder wrote this."""
    bits = np.int64(x & SLOT) >> 10
    x, at = _pop(x, x & _u(0x3FF), 1 << 10, words, at, state, i)
    if bits > _MAX_BITS:
        return np.int64(-1), x, at
    value = np.int64(1)
    while bits > 0:
        rest = max(np.int64(16) - bits, np.int64(0))  # this many of the 16 bits do not belong to the number
        value = (value << (16 - rest)) | (np.int64(x & SLOT) >> rest)
        x, at = _pop(x, x & _u((1 << rest) - 1), 1 << rest, words, at, state, i)
        bits -= 16
    return value - 1, x, at


@jit
def flush(lanes, words, at, split_at):  # type: ignore[no-untyped-def]
    """Writes the final states: of one, or if `split_at` is -1 of four."""
    x = lanes[0]
    if split_at < 0:
        for k in range(3, 0, -1):
            x, at, _ = push_number(x, np.int64(lanes[k] >> _32), words, at, -1, lanes, 0)
            at -= 1
            words[at] = np.uint32(lanes[k] & WORD)
    words[at - 1] = np.uint32(x >> _32)
    words[at - 2] = np.uint32(x & WORD)
    return at - 2


@jit
def open_lanes(words, state):  # type: ignore[no-untyped-def]
    """Reads the states that `flush` wrote behind the first one; returns the status.

    `state` holds the lanes' four states, the position, how far it may go before the lanes are joined (the number of
    words where there are none), the least x that an encoder begins with, and how many symbols came before.
    """
    x, at = state[0], state[AT]
    for k in range(1, 4):
        if at >= _u(words.size):
            return TRUNCATED
        low = _u(words[at])
        number, x, at = pop_number(x, words, at + ONE, state, 0)
        lane = _u(number) << _32 | low
        if x < LOW or number < 0 or number > INT32_MAX or lane < LOW:
            return IMPOSSIBLE
        state[k] = lane
    state[0], state[AT], state[LIMIT] = x, at, words.size - TAIL
    return OK if at <= state[LIMIT] else IMPOSSIBLE


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
def fill_codes(cdf, rows, codes):  # type: ignore[no-untyped-def]
    """What the encoder needs: `codes` has two numbers for each symbol of each table, the escape's last.

    Instead of dividing by the frequency f, it multiplies with codes[j, 0] / 2^(64 + shift), which is rounded up so
    little that all quotients of x < 2^63 are exact (R. Alverson, "Integer division using reciprocals", ARITH 1991)::

        x = x + bias + (2^16 - f) (x codes[j, 0] >> 64 + shift)      = x + start + (2^16 - f) (x // f)

    For f = 1 the product gives x - 1, and `bias` makes up for it. rows[t] are the value of table t's first symbol, in
    the upper half, with the number of symbols but for the escape, and the place of its first symbol in `codes`.
    """
    for t in range(len(rows)):
        for s in range((rows[t, 0] & 0xFFFFFFFF) + 1):
            j = rows[t, 1] + s
            start = _u(cdf[t, s])
            f = _u(cdf[t, s + 1]) - start
            if f == ONE:
                codes[j, 0], bias, shift = ~_u(0), start + _u(0xFFFF), _u(0)
            else:
                bits = _u(1)
                while ONE << bits < f:
                    bits += ONE
                top = ONE << _u(63)
                rest = (top % f) << bits
                codes[j, 0], bias, shift = ((top // f) << bits) + (rest + f - ONE) // f, start, bits - ONE
            codes[j, 1] = bias | (_SLOTS - f) << _CODE_REST | shift << _CODE_SHIFT


@jit
def encode_tables(symbols, indexes, rows, codes, words, first, split_at):  # type: ignore[no-untyped-def]
    """Fills `words`, 2 a symbol and 16, from its end; returns the status and where the stream begins.

    `first` is the state to begin with, `split_at` the position at which the lanes begin, 0 if there are to be none.
    `rows` and `codes` are those of `fill_codes`, flat.
    """
    lanes, turns = np.full(4, first, np.uint64), _u(0)
    at, split_at, tables = np.int64(words.size), np.int64(split_at), _u(rows.size >> 1)
    for i in range(symbols.size - 1, -1, -1):
        t = _u(np.uint32(indexes[i]))
        if t >= tables:
            return BAD_INDEX, at
        x, row = lanes[_u(i) & turns], rows[t << ONE]
        s, escape = _u(np.int64(symbols[i]) - (row >> 32)), _u(row) & WORD  # s is huge if negative
        if s >= escape:
            number = np.int64(s)
            number = -2 * number - 1 if number < 0 else 2 * (number - np.int64(escape))
            x, at, split_at = push_number(x, number, words, at, split_at, lanes, i)
            turns = _3 if split_at < 0 else turns
            s = escape
        j = (_u(rows[t << ONE | ONE]) + s) << ONE
        code = codes[j | ONE]
        rest = (code >> _CODE_REST) & SLOT
        if (x >> _47) + rest >= _SLOTS:
            at -= 1
            words[_u(at)] = np.uint32(x & WORD)
            x >>= _32
            if at == split_at:
                at, split_at, turns = split(words, at, lanes, i), np.int64(-1), _3
        quotient = high_product(x, codes[j]) >> (code >> _CODE_SHIFT)  # type: ignore[call-arg]
        x += (code & _CODE_BIAS) + quotient * rest
        lanes[_u(i) & turns] = x
    return OK, flush(lanes, words, at, split_at)


@jit
def decode_tables(words, state, indexes, cdf, rows, lookup, symbols):  # type: ignore[no-untyped-def]
    """Decodes the next symbols.size symbols and brings `state` forward, see `open_lanes`; `lookup` is flat."""
    at, limit, least, i, size = state[AT], state[LIMIT], state[LEAST], state[BEFORE], _u(words.size)
    turns = _3 if limit < size else _u(0)
    flat, width, tables = cdf.reshape(-1), _u(cdf.shape[1]), _u(rows.size >> 1)
    for n in range(symbols.size):
        t = _u(np.uint32(indexes[n]))
        if t >= tables:
            return BAD_INDEX
        x = state[i & turns]
        slot = x & SLOT
        entry = lookup[t << (_16 - _BUCKET) | slot >> _BUCKET]
        s = entry >> _32
        within, frequency = slot - ((entry >> _16) & SLOT), (entry & SLOT) + ONE
        if within >= frequency:
            j = t * width + s + ONE
            while _u(flat[j + ONE]) <= slot:
                j += ONE
            s, start = j - t * width, _u(flat[j])
            within, frequency = slot - start, _u(flat[j + ONE]) - start
        x = take(x, within, frequency)
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
        row = rows[t << ONE]
        value = np.int64(s) + (row >> 32)
        if s == _u(row) & WORD:
            state[LIMIT] = limit
            number, x, at = pop_number(x, words, at, state, i)
            limit = state[LIMIT]
            turns = _3 if limit < size else _u(0)
            if x < least:
                return TRUNCATED
            value += -((number + 1) >> 1) - np.int64(s) if number & 1 else number >> 1
            if number < 0 or value < INT32_MIN or value > INT32_MAX:
                return IMPOSSIBLE
        symbols[n] = value
        state[i & turns] = x
        i += ONE
    state[AT], state[LIMIT], state[BEFORE] = at, limit, i
    return OK


@jit
def scale_indexes(scales, lowest, shift, answers, indexes):  # type: ignore[no-untyped-def]
    """indexes[i] = how many of a table's bounds are below max(scales[i], lowest).

    All are the bits of float32, which order as integers do if positive, and else fall below `lowest`. No two bounds
    agree but for their lower `shift` bits. So answers[b >> shift] tells in its upper bits how many lie below, and in
    the lower ones how much is missing to the next: the sum with the lower bits of b then carries if it is passed.
    """
    shift = np.uint32(shift)
    rest = np.uint32((1 << shift) - 1)
    for i in range(scales.size):
        bits = np.uint32(max(scales[i], lowest))
        indexes[i] = np.uint32((bits & rest) + answers[_u(bits >> shift)]) >> shift


@jit
def rounded(values, means, symbols):  # type: ignore[no-untyped-def]
    """symbols = values - means, or values if `means` is empty, rounded half to even; False if one is no int32."""
    fits, centred = True, means.size > 0
    for i in range(values.size):
        value = np.rint(values[i] - means[i] if centred else values[i])
        fits &= (value >= np.float32(INT32_MIN)) & (value < np.float32(-INT32_MIN))
        symbols[i] = np.int32(value)
    return fits


@jit
def add_means(symbols, means, values):  # type: ignore[no-untyped-def]
    """values = symbols + means, in float32; `values` may be the memory of `symbols`."""
    for i in range(symbols.size):
        values[i] = np.float32(symbols[i]) + means[i]


@jit
def encode_gaussians(  # type: ignore[no-untyped-def]
    values, means, scales, lowest, shift, answers, symbols, indexes, rows, codes, words, first, split_at
):
    """`rounded`, `scale_indexes` and `encode_tables` in one call; NOT_FINITE if a value is no int32."""
    if not rounded(values, means, symbols):
        return NOT_FINITE, np.int64(0)
    scale_indexes(scales, lowest, shift, answers, indexes)
    return encode_tables(symbols, indexes, rows, codes, words, first, split_at)
