"""Streams of several states: against a decoder written out in plain integers, their size, portions, damage."""

from collections.abc import Sequence

import numpy as np
import pytest
from scipy.special import ndtri

from common.entropy import kernels, mixture, rans
from common.entropy.rules import coding_by, of_clip, of_image
from common.errors import StreamError

LANED = 4 * (kernels.TAIL + 3) + 8  # bytes of the shortest stream with lanes
FREQUENCIES = [(9000, 30000, 20000, 6000, 500, 36), (65000, 500, 36), (1, 65534, 1), (16384, 16384, 16384, 16383, 1)]


def tables() -> rans.Tables:
    cdf = np.zeros((len(FREQUENCIES), 7), np.int32)
    for row, f in zip(cdf, FREQUENCIES):
        row[1 : len(f) + 1] = np.cumsum(f)
    return rans.make_tables(cdf, np.array([len(f) + 1 for f in FREQUENCIES]), np.array([-2, 0, -1, 5]))


def case(seed: int, n: int) -> tuple[np.ndarray, np.ndarray]:
    """Symbols as their tables have them, but for some far outside."""
    random = np.random.default_rng(seed)
    indexes = random.integers(0, len(FREQUENCIES), n)
    symbols = np.zeros(n, np.int32)
    for t, f in enumerate(FREQUENCIES):
        here = indexes == t
        drawn = random.choice(len(f), here.sum(), p=np.array(f) / 65536)
        symbols[here] = drawn + tables().offset[t]
    wild = random.random(n) < 0.002
    symbols[wild] = random.integers(-(2**31), 2**31, wild.sum())
    return symbols, indexes


class Plain:
    """The format of `kernels`, read one symbol at a time."""

    def __init__(self, stream: bytes) -> None:
        words = [int(word) for word in np.frombuffer(stream, "<u4")]
        self.states, self.words = [words[0] | words[1] << 32], words[2:]
        self.at, self.laned = 0, len(words) - 2 >= kernels.TAIL + 3
        if self.laned:
            for _ in range(3):
                low = self.words.pop(0)
                self.states.append(self.number() << 32 | low)
            self.opened = True

    opened = False

    def pop(self, frequencies: Sequence[int]) -> int:
        lane = self.at % 4 if self.opened else 0
        slot = self.states[lane] % 65536
        symbol, start = 0, 0
        while start + frequencies[symbol] <= slot:
            start += frequencies[symbol]
            symbol += 1
        x = frequencies[symbol] * (self.states[lane] >> 16) + slot - start
        if x < 2**31:
            if self.opened and len(self.words) == kernels.TAIL:
                others = [self.states[(lane + k) % 4] for k in (1, 2, 3)]
                assert all(other >> 32 == 1 for other in others)
                self.words[:0] = [other % 2**32 for other in others]
                self.opened, lane = False, 0
            x = x << 32 | self.words.pop(0)
        self.states[lane] = x
        return symbol

    def number(self) -> int:
        bits = self.pop([1024] * 64)
        value = 1
        for width in [16] * (bits // 16) + [bits % 16] * (bits % 16 > 0):
            value = value << width | self.pop([1 << 16 - width] * (1 << width))
        return value - 1

    def symbol(self, frequencies: Sequence[int], offset: int) -> int:
        s, escape = self.pop(frequencies), len(frequencies) - 1
        if s == escape:
            number = self.number()
            s = -(number + 1) // 2 if number % 2 else escape + number // 2
        self.at += 1
        return s + offset


@pytest.mark.parametrize("seed", range(4))
def test_a_plain_decoder_reads_the_same(seed: int) -> None:
    symbols, indexes = case(seed, 40_000 + seed)
    stream = rans.encode(symbols, indexes, tables())
    assert len(stream) > LANED + 500
    plain, offset = Plain(stream), tables().offset.tolist()
    assert [plain.symbol(FREQUENCIES[t], offset[t]) for t in indexes] == symbols.tolist()
    assert plain.states[0] == 2**31 and not plain.words and not plain.opened
    np.testing.assert_array_equal(rans.decode(stream, indexes, tables()), symbols)


@pytest.mark.parametrize("short", [False, True])
def test_every_length_around_the_first_lane_comes_back(short: bool) -> None:
    """Symbols of eight or more bits and escapes: the lanes begin at any place of a symbol and of an escape's number."""
    random = np.random.default_rng(0)
    symbols = np.where(random.random(1300) < 0.3, random.integers(-(2**31), 2**31, 1300), 1).astype(np.int32)
    indexes = np.full(1300, 2)  # value 1 is the escape's, too
    sizes = []
    for n in range(600, 1300):
        stream = rans.encode(symbols[:n], indexes[:n], tables(), short)
        np.testing.assert_array_equal(rans.decode(stream, indexes[:n], tables(), short), symbols[:n])
        sizes.append(len(stream))
    assert sizes[0] < LANED - 1000 and sizes[-1] > LANED + 100


def test_streams_below_4_kib_are_those_of_one_state_and_longer_ones_cost_three_bytes() -> None:
    for n, most in ((100, 0), (1000, 0), (20_000, 0), (40_000, 12), (100_000, 12), (600_000, 12)):
        symbols, indexes = case(n, n)
        laned = rans.encode(symbols, indexes, tables())
        with coding_by(of_image(2)):
            single = rans.encode(symbols, indexes, tables())
            np.testing.assert_array_equal(rans.decode(single, indexes, tables()), symbols)
        with coding_by(of_clip(4)):
            assert rans.encode(symbols, indexes, tables()) == single
        assert (laned == single) == (most == 0) == (len(single) < LANED)
        assert len(laned) - len(single) <= most


def test_lanes_cost_what_the_format_says_on_average() -> None:
    costs = []
    for seed in range(150):
        symbols, indexes = case(seed, 40_000)
        sizes = [len(rans.encode(symbols, indexes, tables(), short=True))]
        with coding_by(of_image(2)):
            sizes.append(len(rans.encode(symbols, indexes, tables(), short=True)))
        costs.append(sizes[0] - sizes[1])
    assert 1 < np.mean(costs) < 3.5


@pytest.mark.parametrize("short", [False, True])
def test_portions_of_any_size(short: bool) -> None:
    symbols, indexes = case(11, 60_000)
    stream = rans.encode(symbols, indexes, tables(), short)
    random = np.random.default_rng(1)
    decoder, at, parts = rans.SequentialDecoder(stream, tables(), short), 0, []
    while at < symbols.size:
        n = int(random.integers(0, 1 << random.integers(0, 13)))
        parts.append(decoder.decode(indexes[at : at + n]))
        at += n
    decoder.finish()
    np.testing.assert_array_equal(np.concatenate(parts), symbols)


def mixtures(K: int, n: int) -> tuple[np.ndarray, ...]:
    random = np.random.default_rng(K)
    scales = np.exp(random.normal(0.5, 1, (K, n))).astype(np.float32)
    means = random.normal(0, 4, (K, n)).astype(np.float32)
    symbols = np.rint(means[0] + scales[0] * ndtri(random.random(n)))
    wild = random.random(n) < 0.002
    symbols[wild] = random.integers(-(2**31), 2**31, wild.sum())
    return symbols.astype(np.int32), scales, means, random.dirichlet(np.ones(K), n).T.astype(np.float32)


@pytest.mark.parametrize("K", [1, 3])
def test_mixtures_have_lanes_too(K: int) -> None:
    symbols, *parameters = mixtures(K, 30_000)
    stream = mixture.encode(symbols, *parameters)
    with coding_by(of_image(2)):
        single = mixture.encode(symbols, *parameters)
        np.testing.assert_array_equal(mixture.decode(single, *parameters), symbols)
    assert len(stream) > LANED and 0 <= len(stream) - len(single) <= 12 and stream != single
    decoder, parts = mixture.SequentialDecoder(stream), []
    for begin in range(0, 30_000, 1234):
        parts.append(decoder.decode(*(p[:, begin : begin + 1234] for p in parameters)))
    decoder.finish()
    np.testing.assert_array_equal(np.concatenate(parts), symbols)


def test_damaged_lanes_end_in_one_error() -> None:
    """Cut anywhere, lengthened, flipped (the checksum of a short stream tells), or nothing but noise."""
    symbols, indexes = case(12, 40_000)
    mixed, *parameters = mixtures(1, 15_000)
    random = np.random.default_rng(2)
    for read, stream in (
        (lambda s: rans.decode(s, indexes, tables(), short=True), rans.encode(symbols, indexes, tables(), short=True)),
        (lambda s: rans.decode(s, indexes, tables()), rans.encode(symbols, indexes, tables())),
        (lambda s: mixture.decode(s, *parameters), mixture.encode(mixed, *parameters)),
    ):
        assert len(stream) > LANED + 400
        for cut in [*range(1, 60), *random.integers(0, len(stream), 100)]:
            for damaged in (stream[:-cut], stream[cut:], stream + random.bytes(cut)):
                with pytest.raises(StreamError):
                    read(damaged)
        for _ in range(60):
            with pytest.raises(StreamError):
                read(random.bytes(int(random.integers(LANED - 50, 3 * LANED))))
    stream = rans.encode(symbols, indexes, tables(), short=True)
    for place in [*range(40), *random.integers(0, len(stream), 200)]:
        damaged = bytearray(stream)
        damaged[place] ^= 1 << random.integers(0, 8)
        with pytest.raises(StreamError):
            rans.decode(bytes(damaged), indexes, tables(), short=True)


def test_reciprocals_divide_exactly() -> None:
    """Of every frequency: the quotients next to a multiple, and of the largest states, against Python's integers."""
    cdf = np.array([[0, f, 65536] for f in range(1, 65536)], np.int32)
    made = rans.make_tables(cdf, np.full(len(cdf), 3), np.zeros(len(cdf)))
    codes = made.codes.reshape(-1, 2, 2)[:, 0].tolist()
    random = np.random.default_rng(3)
    for f, (factor, code) in zip(range(1, 65536), codes):
        bias, rest, shift = code % 2**17, code >> 17 & 0xFFFF, code >> 34
        q = int(random.integers(1, 2**47))
        for x in (1 << 15, f * q, f * q - 1, (f << 47) - 1):
            if x > 0:
                assert x + bias + (x * factor >> 64 + shift) * rest == (x // f << 16) + x % f
