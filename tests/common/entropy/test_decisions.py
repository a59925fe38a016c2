"""Numbers as binary decisions: what is read is what was written, in about as many bits as their probabilities say."""

import numpy as np
import pytest

from common.entropy import decisions
from common.errors import StreamError


def some(count: int, n: int = 4000, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Distributions (n, count) in whole units, and numbers drawn from them."""
    rng = np.random.default_rng(seed)
    units = 1 + np.floor(rng.dirichlet(np.full(count, 0.3), n) * (1 << 24)).astype(np.int64)
    uniform = rng.random(n)[:, None] * units.sum(1, keepdims=True)
    return units, (np.cumsum(units, 1) <= uniform).sum(1)


def written(units: np.ndarray, numbers: np.ndarray) -> bytes:
    writer = decisions.DecisionWriter()
    half = len(numbers) // 2  # in two parts
    writer.numbers(numbers[:half], units[:half])
    writer.numbers(numbers[half:], units[half:])
    return writer.finish()


@pytest.mark.parametrize("count", [1, 2, 3, 16, 225])
def test_what_is_read_is_what_was_written(count: int) -> None:
    units, numbers = some(count)
    reader = decisions.DecisionReader(written(units, numbers))
    half = len(numbers) // 2
    read = [reader.numbers(units[:half]), reader.numbers(units[half:])]
    reader.finish()
    assert np.array_equal(np.concatenate(read), numbers)


@pytest.mark.parametrize("count", [2, 16, 225])
def test_as_many_bits_as_the_probabilities_say(count: int) -> None:
    units, numbers = some(count)
    ideal = -np.log2(units[np.arange(len(units)), numbers] / units.sum(1)).sum()
    stream = 8 * len(written(units, numbers))
    assert stream == pytest.approx(ideal, rel=0.01, abs=64)
    assert stream == pytest.approx(-np.log2(decisions.likelihoods(numbers, units)).sum(), rel=1e-3, abs=64)


def test_shapes_are_kept() -> None:
    units = np.ones((2, 3, 4, 5), np.int64)
    numbers = np.arange(24).reshape(2, 3, 4) % 5
    writer = decisions.DecisionWriter()
    writer.numbers(numbers, units)
    assert np.array_equal(decisions.DecisionReader(writer.finish()).numbers(units), numbers)


def test_damaged_streams_raise_nothing_else() -> None:
    units, numbers = some(5, 300)
    stream, rng, refused = written(units, numbers), np.random.default_rng(1), 0
    for _ in range(200):
        damaged = bytearray(stream)
        damaged[rng.integers(len(damaged))] ^= 1 << rng.integers(8)
        try:
            reader = decisions.DecisionReader(bytes(damaged[: rng.integers(len(damaged) // 2, len(damaged) + 1)]))
            reader.numbers(units)
            reader.finish()
        except StreamError:
            refused += 1
    assert refused > 190


def test_a_stream_has_no_room_for_what_a_header_claims() -> None:
    units = np.array([[3, 1], [1, 1]])  # 0.415 bits at least, and 1
    decisions.check_room(units, (10, 10), 18)
    with pytest.raises(StreamError, match="claims more than its 18 bytes"):
        decisions.check_room(units, (20, 10), 18)
