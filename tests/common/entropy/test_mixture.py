"""The mixture coder: exact whatever the parameters, and close to the entropy."""

import math
import zlib
from bisect import bisect_right

import numpy as np
import pytest
from scipy.stats import norm

from common.entropy import mixture
from common.entropy import mixture_kernels as kernels
from common.errors import LicError, StreamError


def realistic(K: int, n: int = 20_000, seed: int = 0) -> tuple[np.ndarray, ...]:
    """Symbols drawn from their mixtures: (n,), then scales, means, weights (K, n)."""
    random = np.random.default_rng(seed)
    scales = np.exp(random.normal(-0.5, 1.3, (K, n))).clip(0.11, 256)
    means = random.normal(0, 4, (K, n))
    weights = random.dirichlet(np.ones(K), n).T
    pick = (random.random(n) > np.cumsum(weights, 0)[:-1]).sum(0)
    drawn = means[pick, np.arange(n)] + scales[pick, np.arange(n)] * random.normal(0, 1, n)
    return np.rint(drawn).astype(np.int32), *(a.astype(np.float32) for a in (scales, means, weights))


def ideal_bytes(symbols: np.ndarray, scales: np.ndarray, means: np.ndarray, weights: np.ndarray) -> float:
    p = (norm.cdf((symbols + 0.5 - means) / scales) - norm.cdf((symbols - 0.5 - means) / scales)) * weights
    return float(-np.log2(np.maximum(p.sum(0), 1e-9)).sum() / 8)


@pytest.mark.parametrize("K", [1, 2, 3, 5])
def test_round_trip_and_size(K: int) -> None:
    case = realistic(K)
    stream = mixture.encode(*case)
    np.testing.assert_array_equal(mixture.decode(stream, *case[1:]), case[0])
    assert len(stream) < 1.001 * ideal_bytes(*case) + 8


def test_wide_scales_stay_within_one_percent() -> None:
    random = np.random.default_rng(2)
    scales = np.full((1, 5000), 256, np.float32)
    means = random.normal(0, 300, (1, 5000)).astype(np.float32)
    symbols = np.rint(means[0] + 256 * random.normal(0, 1, 5000)).astype(np.int32)
    size = len(mixture.encode(symbols, scales, means))
    assert size < 1.01 * ideal_bytes(symbols, scales, means, np.ones_like(means))


@pytest.mark.parametrize("seed", range(8))
def test_hostile_parameters(seed: int) -> None:
    random = np.random.default_rng(seed)
    K, n = int(random.integers(1, 5)), 1500
    scales = random.choice([-1, 0, 1e-30, 0.11, 1, 255.9, 256, 1e5, 3e38, np.inf], (K, n))
    means = random.choice([0, -0.5, 0.5, 1e5, -1e5, 2.0**31, -3e38, 1e-30, 4095.99], (K, n)) + random.normal(
        0, 1, (K, n)
    )
    weights = random.choice([0, 1e-30, 1e-6, 1, 0.3, -1], (K, n))
    edges = np.rint(means[0].clip(-(2.0**31), 2**31 - 1)).astype(np.int64) + random.integers(-300, 300, n)
    wild = random.integers(-(2**31), 2**31, n)
    symbols = np.where(random.random(n) < 0.7, edges, wild).clip(-(2**31), 2**31 - 1).astype(np.int32)
    parameters = [a.astype(np.float32) for a in (scales, means, weights)]
    stream = mixture.encode(symbols, *parameters)
    np.testing.assert_array_equal(mixture.decode(stream, *parameters), symbols)


@pytest.mark.parametrize("small", [0.0, -1.0, 1e-45, 1e-30])
@pytest.mark.parametrize("alone", range(3))
def test_weights_of_next_to_nothing_leave_one_gaussian(small: float, alone: int) -> None:
    symbols, scales, means, _ = realistic(3, 2000)
    weights = np.full_like(means, small)
    weights[alone] = 1
    stream = mixture.encode(symbols, scales, means, weights)
    assert stream == mixture.encode(symbols, scales[alone : alone + 1], means[alone : alone + 1])
    np.testing.assert_array_equal(mixture.decode(stream, scales, means, weights), symbols)


@pytest.mark.parametrize("weight", [1e-45, 1e-30, 1e38])
def test_weights_count_by_their_share(weight: float) -> None:
    symbols, scales, means, weights = realistic(3, 2000)
    weights[:] = 1
    expected = mixture.encode(symbols, scales, means, weights)
    assert mixture.encode(symbols, scales, means, np.full_like(weights, weight)) == expected


@pytest.mark.parametrize("scale", [0.11, 0.1, 1e-30, 0.0, -0.0, -3.0, -np.inf])
def test_scales_at_the_bound_and_below_it(scale: float) -> None:
    """At 0.11, a mean in the middle of a symbol leaves next to nothing to the others: 2000 symbols in few bytes."""
    symbols, _, _, weights = realistic(3, 2000)
    means = np.repeat(symbols[None].astype(np.float32), 3, 0)
    scales = np.full_like(means, scale)
    stream = mixture.encode(symbols, scales, means, weights)
    assert stream == mixture.encode(symbols, np.full_like(means, 0.11), means, weights) and len(stream) < 60
    np.testing.assert_array_equal(mixture.decode(stream, scales, means, weights), symbols)
    missed = symbols + 1 + np.arange(2000, dtype=np.int32) % 7
    stream = mixture.encode(missed, scales, means, weights)
    np.testing.assert_array_equal(mixture.decode(stream, scales, means, weights), missed)


@pytest.mark.parametrize("mean", [1e6, -1e6, 2.0**31, -(2.0**31), 3e38, -3e38])
def test_means_far_from_the_symbols(mean: float) -> None:
    """Also where another component is at the symbols: too far apart for one window, the heavier one has it."""
    symbols, scales, means, weights = realistic(3, 500)
    limits = np.array([-(2**31), 2**31 - 1, int(np.clip(mean, -(2.0**31), 2.0**31 - 1))], np.int32)
    symbols[:300] = np.tile(limits, 100)
    for far in ([0], [0, 1], [0, 1, 2]):
        means[far] = mean
        stream = mixture.encode(symbols, scales, means, weights)
        np.testing.assert_array_equal(mixture.decode(stream, scales, means, weights), symbols)


def test_components_of_very_different_widths() -> None:
    """A spike in a wide bell: symbols at the spike, in the bell and out of both.

    The window is 2 · 4.5 · 256 symbols wide and keeps a slot for each, which is what a spike costs beyond its one bit.
    """
    n = 3000
    random = np.random.default_rng(0)
    scales = np.repeat([[0.11], [256.0], [1e30]], n, 1).astype(np.float32)
    means = np.repeat([[3.0], [-50.0], [0.0]], n, 1).astype(np.float32)
    weights = np.repeat([[0.5], [0.5], [0.0]], n, 1).astype(np.float32)
    wide = np.rint(random.normal(-50, 256, n))
    symbols = np.choose(np.arange(n) % 3, [np.full(n, 3), wide, random.integers(-(10**6), 10**6, n)]).astype(np.int32)
    stream = mixture.encode(symbols, scales, means, weights)
    np.testing.assert_array_equal(mixture.decode(stream, scales, means, weights), symbols)
    spikes = np.full(n, 3, np.int32)
    bits = n * (1 + math.log2(65536 / (65536 - 9 * 256)))
    assert len(mixture.encode(spikes, scales, means, weights)) == pytest.approx(bits / 8 + 8, abs=4)


def test_one_component_needs_no_weights() -> None:
    symbols, scales, means, weights = realistic(1, 500)
    assert mixture.encode(symbols, scales, means) == mixture.encode(symbols, scales, means, weights)


def test_far_apart_components_both_are_cheap() -> None:
    """Two components too far apart for one window: the lighter is coded through the escape, still exactly."""
    n = 1000
    means = np.repeat([[-1e5], [1e5]], n, 1).astype(np.float32)
    weights = np.repeat([[0.9], [0.1]], n, 1).astype(np.float32)
    symbols = np.where(np.arange(n) % 10, -100_000, 100_000).astype(np.int32)
    stream = mixture.encode(symbols, np.ones_like(means), means, weights)
    np.testing.assert_array_equal(mixture.decode(stream, np.ones_like(means), means, weights), symbols)
    assert len(stream) < n * (1.33 + 0.9 * 0.16 + 0.1 * (3.4 + 6 + 18) + 0.3) / 8 + 8


def test_sequential_is_the_same_stream() -> None:
    symbols, *parameters = realistic(3, 3000)
    encoder = mixture.SequentialEncoder(3)
    for begin in range(0, 3000, 192):
        part = slice(begin, begin + 192)
        encoder.encode(symbols[part], *(p[:, part] for p in parameters))
    stream = encoder.finish()
    assert stream == mixture.encode(symbols, *parameters)
    decoder = mixture.SequentialDecoder(stream)
    parts = [decoder.decode(*(p[:, begin : begin + 250] for p in parameters)) for begin in range(0, 3000, 250)]
    decoder.finish()
    np.testing.assert_array_equal(np.concatenate(parts), symbols)


def test_nothing() -> None:
    none = np.empty((2, 0), np.float32)
    stream = mixture.encode(np.empty(0), none, none, none)
    assert len(stream) == 8 and mixture.decode(stream, none, none, none).size == 0


@pytest.mark.parametrize("which", range(3))
@pytest.mark.parametrize("value", [np.nan, -np.nan, np.inf])
def test_parameters_must_be_finite(which: int, value: float) -> None:
    symbols, *parameters = realistic(2, 10)
    stream = mixture.encode(symbols, *parameters)
    parameters[which][1, 5] = value
    if which == 0 and value == np.inf:
        assert (mixture.decode(mixture.encode(symbols, *parameters), *parameters) == symbols).all()
        return
    with pytest.raises(LicError):
        mixture.encode(symbols, *parameters)
    with pytest.raises(LicError):
        mixture.decode(stream, *parameters)


def test_damage() -> None:
    symbols, *parameters = realistic(2, 400)
    stream = mixture.encode(symbols, *parameters)
    for cut in range(len(stream)):
        with pytest.raises(StreamError):
            mixture.decode(stream[:cut], *parameters)
    random = np.random.default_rng(0)
    for _ in range(500):
        with pytest.raises(StreamError):
            mixture.decode(random.bytes(int(random.integers(0, 400))), *parameters)


def test_the_constants_are_their_definitions_rounded() -> None:
    """They are part of the format, and follow from integers: no libm has a say, which could round otherwise."""
    exact = [2**30 * (1 - 0.5 * math.erfc(i / 64 / math.sqrt(2))) for i in range(385)]
    assert kernels.NORMAL[:-1].tolist() == [round(v) for v in exact[:-1]] and kernels.NORMAL[-1] == 2**30
    assert min(abs(v % 1 - 0.5) for v in exact) > 1e-5  # so that double precision tells, too
    scales = [(32 + level % 32) / 32 * 2.0 ** (level // 32) for level in range(-104, 257)]
    assert kernels.INVERSE.tolist() == [round(2**26 / scale) for scale in scales]
    assert kernels.REACH.tolist() == [math.ceil(4.5 * 256 * scale) for scale in scales]
    assert zlib.crc32(kernels.NORMAL.astype("<i8").tobytes()) == 0xAF4AA130
    assert zlib.crc32(np.concatenate([kernels.INVERSE, kernels.REACH]).astype("<i8").tobytes()) == 0xA5D12C45


@pytest.mark.parametrize("scale", [0.109375, 0.3125, 1.0, 7.25, 60.0, 256.0])
@pytest.mark.parametrize("mean", [0.0, 95 / 256, -1234.5])
def test_the_search_finds_the_owner_of_every_slot(scale: float, mean: float) -> None:
    """Against the distribution that `mixture` describes: the slot is the lower half of a stream's state."""
    m, reach, inverse = round(256 * mean), math.ceil(4.5 * 256 * scale), round(2**26 / scale)
    window = range((m - reach) >> 8, ((m + reach - 1) >> 8) + 3)
    spare = 65536 - 2 - (len(window) - 1)
    table = kernels.NORMAL.tolist()

    def below(s: int) -> int:
        z = min(abs(256 * s - 128 - m) * inverse >> 16, (6 << 18) - 1)
        mass = table[z >> 12] + ((table[(z >> 12) + 1] - table[z >> 12]) * (z & 4095) >> 12)
        mass = 2**30 if z == (6 << 18) - 1 else mass
        return mass if 256 * s - 128 >= m else 2**30 - mass

    first = [(below(s) * spare >> 30) + s - window[0] + 1 for s in window]
    parameters = [np.full((1, 1), p, np.float32) for p in (scale, mean)]
    for slot in range(first[0], first[-1], 61):
        decoder = mixture.SequentialDecoder((1 << 50 | slot).to_bytes(8, "little"))
        assert decoder.decode(*parameters).item() == window[bisect_right(first, slot) - 1]
