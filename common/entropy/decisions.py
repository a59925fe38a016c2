"""Numbers 0 … L - 1 of any distribution each, written as binary decisions: in which half of those left the number is.

Every decision has a table of its probability, rounded to a multiple of 2^-12. It costs less than 0.0004 bits more than
its probability says. All is integers: distributions come in whole units.
"""

from collections.abc import Callable, Sequence
from functools import lru_cache
from math import prod

import numpy as np

from common.entropy import rans
from common.errors import StreamError

STEPS = 1 << 12  # of a decision's probability


@lru_cache(maxsize=1)
def tables() -> rans.Tables:
    """Row k - 1 gives the decision 1 the probability k / 4096, k from 1 to 4095."""
    zero = np.round(65535 * (1 - np.arange(1, STEPS) / STEPS)).astype(np.int32)
    ends = np.broadcast_to(np.array([65535, 65536], np.int32), (STEPS - 1, 2))
    cdf = np.concatenate([np.zeros((STEPS - 1, 1), np.int32), zero[:, None], ends], 1)
    return rans.make_tables(cdf, np.full(STEPS - 1, 4, np.int32), np.zeros(STEPS - 1, np.int32))


def _descend(units: np.ndarray, decide: Callable[[np.ndarray, np.ndarray, int], np.ndarray]) -> np.ndarray:
    """From distributions (n, L) in whole units to numbers (n,): `decide` is told rows of `tables`, where the numbers
    left begin, and how many the lower half has."""
    count = units.shape[1]
    depth = max(count - 1, 1).bit_length()
    ends = np.zeros((len(units), (1 << depth) + 1), np.int64)
    np.cumsum(units, axis=1, out=ends[:, 1 : count + 1])
    ends[:, count + 1 :] = ends[:, count : count + 1]
    first, at = np.zeros(len(units), np.int64), np.arange(len(units))
    for level in range(depth - 1, -1, -1):
        half = 1 << level
        last = ends[at, first + 2 * half]
        all_of_them = np.maximum(last - ends[at, first], 1)
        upper = last - ends[at, first + half]
        rows = np.clip((upper * STEPS + all_of_them // 2) // all_of_them, 1, STEPS - 1) - 1
        first = first + half * decide(rows, first, half)
    return first


def likelihoods(numbers: np.ndarray, units: np.ndarray) -> np.ndarray:
    """What the decisions for `numbers` cost, as one probability each, float64; arguments as of `DecisionWriter`."""
    wanted = numbers.reshape(-1)
    found = np.ones(wanted.size)

    def decide(rows: np.ndarray, first: np.ndarray, half: int) -> np.ndarray:
        upper = wanted >= first + half
        p = (rows + 1) / STEPS
        found[:] *= np.where(upper, p, 1 - p)
        return upper.astype(np.int64)

    _descend(units.reshape(wanted.size, -1), decide)
    return found.reshape(numbers.shape)


class DecisionWriter:
    """Collects numbers; `finish` gives their stream."""

    def __init__(self) -> None:
        self._encoder = rans.SequentialEncoder(tables())

    def numbers(self, numbers: np.ndarray, units: np.ndarray) -> None:
        """Numbers of any shape, and their distributions (…, L), int64, each at least 1 and at most 2^50 in sum."""
        wanted = numbers.reshape(-1)

        def decide(rows: np.ndarray, first: np.ndarray, half: int) -> np.ndarray:
            upper = (wanted >= first + half).astype(np.int64)
            self._encoder.encode(upper, rows)
            return upper

        _descend(units.reshape(wanted.size, -1), decide)

    def finish(self) -> bytes:
        return self._encoder.finish()


class DecisionReader:
    """Reads in the order in which the writer wrote; raises `StreamError` for a damaged stream."""

    def __init__(self, stream: bytes) -> None:
        self._decoder = rans.SequentialDecoder(stream, tables())

    def numbers(self, units: np.ndarray) -> np.ndarray:
        """The next numbers, int64 of the shape of `units` (…, L) without its last side."""

        def decide(rows: np.ndarray, first: np.ndarray, half: int) -> np.ndarray:
            upper = self._decoder.decode(rows)
            if ((upper < 0) | (upper > 1)).any():
                raise StreamError("The stream holds a decision that no encoder writes: it is damaged.")
            return upper.astype(np.int64)

        found = _descend(units.reshape(-1, units.shape[-1]), decide)
        if (found >= units.shape[-1]).any():
            raise StreamError("The stream holds a number that no encoder writes: it is damaged.")
        return found.reshape(units.shape[:-1])

    def finish(self) -> None:
        """To be called after the last number: raises `StreamError` if the stream does not end there."""
        self._decoder.finish()


def check_room(units: np.ndarray, size: Sequence[int], stream: int) -> None:
    """Raises `StreamError` if so many bytes cannot hold numbers of `size` under each distribution of `units` (G, L).

    As `common.entropy.room`, before memory for them is asked for.
    """
    rounding = max(units.shape[1] - 1, 1).bit_length() * np.log2(1 + 2 / STEPS)
    least = np.maximum(np.log2(units.sum(1) / units.max(1)) - rounding, 0).sum()
    if prod(size) * least > 8 * stream + 64:
        raise StreamError(
            f"The file claims more than its {stream} bytes can hold: it is damaged, or was written by another model."
        )
