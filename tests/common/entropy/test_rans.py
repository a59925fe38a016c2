"""The table coder: by hand, at the extremes, on damaged streams, and against the entropy."""

import zlib

import numpy as np
import pytest

from common.entropy import rans
from common.entropy.streams import symbol_checksum
from common.errors import StreamError

INT32 = np.iinfo(np.int32)


def tables_of(*frequencies: list[int], offsets: list[int] | None = None) -> rans.Tables:
    """One table for each list; the last frequency is the escape's."""
    cdf = np.zeros((len(frequencies), max(map(len, frequencies)) + 1), np.int32)
    for row, f in zip(cdf, frequencies):
        row[1 : len(f) + 1] = np.cumsum(f)
    return rans.make_tables(cdf, [len(f) + 1 for f in frequencies], offsets or [0] * len(frequencies))


def quarter_half_quarter() -> rans.Tables:
    return tables_of([1 << 14, 1 << 15, (1 << 14) - 1, 1], offsets=[-1])


def random_case(seed: int, n: int) -> tuple[np.ndarray, np.ndarray, rans.Tables]:
    random = np.random.default_rng(seed)
    rows = []
    for size in random.integers(1, 400, 7):
        f = np.floor(random.dirichlet(np.full(size + 1, 0.3)) * (65536 - size - 1)).astype(int) + 1
        f[0] += 65536 - f.sum()
        rows.append(f.tolist())
    tables = tables_of(*rows, offsets=random.integers(-300, 100, 7).tolist())
    indexes = random.integers(0, 7, n)
    inside = tables.offset[indexes] + random.integers(0, 10**6, n) % np.maximum(tables.length[indexes] - 2, 1)
    wild = random.integers(INT32.min, INT32.max, n, endpoint=True)
    near = inside + random.integers(-5, 6, n)
    kind = random.random(n)
    return np.where(kind < 0.9, inside, np.where(kind < 0.95, near, wild)).astype(np.int32), indexes, tables


def test_by_hand() -> None:
    """Coding 0, then -1 (backwards): 2^31 -> -1 owns [0, 2^14), 0 owns [2^14, 3 2^14)."""
    state = 1 << 31
    state = (state // 2**14 << 16) + state % 2**14 + 0  # -1
    state = (state // 2**15 << 16) + state % 2**15 + 2**14  # 0
    stream = rans.encode(np.array([0, -1]), np.zeros(2, int), quarter_half_quarter())
    assert stream == state.to_bytes(8, "little")
    assert rans.decode(stream, np.zeros(2, int), quarter_half_quarter()).tolist() == [0, -1]


def test_escape_by_hand() -> None:
    """5 is 3 past the table's end: zig-zag 2 x 3 = 6, plus one 7 = binary 1|11, two bits after the leading one."""
    state = 1 << 31
    state = (state >> 14 << 16) + (state & 0x3FFF) + (0b11 << 14)  # the bits 11
    state = (state >> 10 << 16) + (state & 0x3FF) + (2 << 10)  # that they are two
    state = (state << 16) + 65535  # the escape owns the last slot alone
    assert state < 2**63
    stream = rans.encode(np.array([5]), np.zeros(1, int), quarter_half_quarter())
    assert stream == state.to_bytes(8, "little")
    assert rans.decode(stream, np.zeros(1, int), quarter_half_quarter()).tolist() == [5]


@pytest.mark.parametrize("seed", range(20))
def test_random_round_trips(seed: int) -> None:
    symbols, indexes, tables = random_case(seed, 1 + 37 * seed)
    stream, short = (rans.encode(symbols, indexes, tables, short) for short in (False, True))
    np.testing.assert_array_equal(rans.decode(stream, indexes, tables), symbols)
    for either in (stream, short):
        np.testing.assert_array_equal(rans.decode(either, indexes, tables, short=True), symbols)


def test_short_streams_are_four_bytes_shorter_however_few_their_symbols() -> None:
    saved = []
    for seed in range(60):
        symbols, indexes, tables = random_case(seed, 1 + seed)
        stream, short = (rans.encode(symbols, indexes, tables, short) for short in (False, True))
        np.testing.assert_array_equal(rans.decode(short, indexes, tables, short=True), symbols)
        saved.append(len(stream) - len(short))
    assert 3.2 < np.mean(saved) < 4.5 and min(saved) >= 0


def test_a_short_stream_by_hand() -> None:
    """As `test_by_hand`, from the checksum of 0 and -1 on, and without the three highest bytes, which are zero."""
    state = 1 << 15 | zlib.crc32(bytes(4) + 4 * b"\xff") & 0x7FFF
    state = (state // 2**14 << 16) + state % 2**14 + 0
    state = (state // 2**15 << 16) + state % 2**15 + 2**14
    stream = rans.encode(np.array([0, -1]), np.zeros(2, int), quarter_half_quarter(), short=True)
    assert stream == state.to_bytes(5, "little")
    with pytest.raises(StreamError, match="too short or cut"):
        rans.decode(stream, np.zeros(2, int), quarter_half_quarter())


@pytest.mark.parametrize("offset", [INT32.min, -1, 0, INT32.max - 2])
def test_every_int32_survives(offset: int) -> None:
    tables = tables_of([1 << 14, 1 << 15, (1 << 14) - 1, 1], offsets=[offset])
    powers = [sign * (2**p) + d for p in range(32) for sign in (1, -1) for d in (-1, 0, 1)]
    symbols = np.clip([INT32.min, INT32.max, *powers], INT32.min, INT32.max).astype(np.int32)
    indexes = np.zeros(symbols.size, np.int32)
    np.testing.assert_array_equal(rans.decode(rans.encode(symbols, indexes, tables), indexes, tables), symbols)


def test_worst_case_fits_the_buffer() -> None:
    symbols = np.full(1000, INT32.min, np.int32)
    tables = tables_of([65534, 1, 1], offsets=[INT32.max - 1])
    stream = rans.encode(symbols, np.zeros(1000), tables)
    assert (rans.decode(stream, np.zeros(1000), tables) == symbols).all()


def test_nothing_and_certainty() -> None:
    tables = tables_of([65535, 1])
    none = np.empty(0, np.int32)
    stream = rans.encode(none, none, tables)
    assert len(stream) == 8 and rans.decode(stream, none, tables).size == 0
    zeros = np.zeros(5000, np.int32)
    stream = rans.encode(zeros, zeros, tables)
    assert len(stream) == 8 and (rans.decode(stream, zeros, tables) == 0).all()


def test_size_is_the_entropy() -> None:
    random = np.random.default_rng(1)
    frequencies = np.array([40000, 20000, 5000, 500, 35, 1])
    symbols = random.choice(6, 100_000, p=frequencies / 65536).clip(0, 4)
    bits = -np.log2(frequencies[symbols] / 65536).sum()
    stream = rans.encode(symbols, np.zeros(symbols.size), tables_of(frequencies.tolist()))
    assert bits / 8 <= len(stream) < bits / 8 * 1.0005 + 8


def test_sequential_is_the_same_stream() -> None:
    symbols, indexes, tables = random_case(3, 1000)
    encoder = rans.SequentialEncoder(tables)
    buffer = np.empty(100, np.int32)
    for begin in range(0, 1000, 100):
        buffer[:] = symbols[begin : begin + 100]  # a caller may reuse its arrays
        encoder.encode(buffer, indexes[begin : begin + 100])
    stream = encoder.finish()
    assert stream == rans.encode(symbols, indexes, tables)
    decoder = rans.SequentialDecoder(stream, tables)
    parts = [decoder.decode(indexes[begin : begin + 125]) for begin in range(0, 1000, 125)]
    decoder.finish()
    np.testing.assert_array_equal(np.concatenate(parts), symbols)


@pytest.mark.parametrize("short", [False, True])
def test_leftovers_and_shortage_are_noticed(short: bool) -> None:
    symbols, indexes, tables = random_case(4, 300)
    stream = rans.encode(symbols, indexes, tables, short)
    for wrong in (indexes[:-1], np.append(indexes, 0)):
        with pytest.raises(StreamError):
            rans.decode(stream, wrong, tables, short)
    for cut in range(len(stream)):
        with pytest.raises(StreamError):
            rans.decode(stream[:cut], indexes, tables, short)
    with pytest.raises(StreamError):
        rans.decode(stream + bytes(4), indexes, tables, short)


def test_a_short_stream_tells_symbols_apart_that_own_the_same_slots() -> None:
    """The coder ends in the same state with either table: what a decoder elsewhere took for its neighbour."""
    tables = tables_of([1 << 15, 1 << 14, (1 << 14) - 1, 1], [1 << 15, 1 << 14, (1 << 14) - 1, 1], offsets=[-1, 0])
    symbols, indexes = np.array([0, 1, 0, -1, 0]), np.zeros(5, np.int32)
    other = np.array([0, 0, 1, 0, 0])
    whole, short = (rans.encode(symbols, indexes, tables, short) for short in (False, True))
    assert rans.decode(whole, other, tables).tolist() == [0, 1, 1, -1, 0]
    with pytest.raises(StreamError, match="does not end where it should"):
        rans.decode(short, other, tables, short=True)


@pytest.mark.parametrize("short", [False, True])
def test_garbage_never_crashes(short: bool) -> None:
    _, indexes, tables = random_case(5, 500)
    random = np.random.default_rng(0)
    for _ in range(2000):
        with pytest.raises(StreamError):
            rans.decode(random.bytes(int(random.integers(0, 400))), indexes, tables, short)


def test_indexes_outside_the_tables() -> None:
    tables = quarter_half_quarter()
    stream = rans.encode(np.zeros(1), np.zeros(1), tables)
    for index in (-1, 1, INT32.max):
        with pytest.raises(ValueError):
            rans.encode(np.zeros(1), np.array([index]), tables)
        with pytest.raises(ValueError):
            rans.decode(stream, np.array([index]), tables)


@pytest.mark.parametrize("cdf", [[0, 10, 65535], [0, 0, 65536], [1, 10, 65536], [0, 65536, 65536]])
def test_bad_tables_are_refused(cdf: list[int]) -> None:
    with pytest.raises(ValueError):
        rans.make_tables(np.array([cdf]), np.array([3]), np.array([0]))


def test_checksum() -> None:
    """Equal on both sides, whatever the order of the streams and even if the encoder decodes too."""
    a, b = random_case(6, 50), random_case(7, 60)
    with symbol_checksum() as encoding:
        streams = [rans.encode(*a), rans.encode(*b)]
        rans.decode(streams[0], a[1], a[2])
    with symbol_checksum() as decoding:
        rans.decode(streams[1], b[1], b[2])
        decoder = rans.SequentialDecoder(streams[0], a[2])
        decoder.decode(a[1][:20])
        decoder.decode(a[1][20:])
        decoder.finish()
    with symbol_checksum() as other:
        rans.encode(a[0] + (np.arange(50) == 49), *a[1:])
        rans.encode(*b)
    assert encoding.value == decoding.value != other.value
