"""What every coder's stream shares: opening, closing, errors, and the checksum of the symbols."""

from __future__ import annotations

import threading
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

import numpy as np

from common.entropy import kernels
from common.entropy.rules import rules
from common.errors import LicError, StreamError


class Checksum:
    """Of the symbols of all streams encoded (or decoded), in whatever order the streams came.

    An encoder often decodes what it has just written, to go on from what the decoder will see. So the two
    directions are summed apart, and `value` is that of what was encoded, or if nothing was, of what was
    decoded.
    """

    def __init__(self) -> None:
        self._encoded: int | None = None
        self._decoded = 0

    def add_encoded(self, crc: int) -> None:
        self._encoded = ((self._encoded or 0) + crc) & 0xFFFFFFFF

    def add_decoded(self, crc: int) -> None:
        self._decoded = (self._decoded + crc) & 0xFFFFFFFF

    @property
    def value(self) -> int:
        """The sum modulo 2^32 of each stream's CRC-32 over its symbols as little-endian 32-bit integers."""
        return self._decoded if self._encoded is None else self._encoded


_checksum: ContextVar[Checksum | None] = ContextVar("symbol_checksum", default=None)


@contextmanager
def symbol_checksum() -> Iterator[Checksum]:
    """All that this thread (or asynchronous task) codes inside is folded into the checksum it yields.

    Equal on both sides if and, but for one chance in 2^32, only if the decoder got the symbols that the
    encoder had.
    """
    checksum = Checksum()
    token = _checksum.set(checksum)
    try:
        yield checksum
    finally:
        _checksum.reset(token)


def note_foreign(stream: bytes, decoded: bool) -> None:
    """Fold a stream into the checksum that is a file of another format, such as JPEG: its bytes are its symbols."""
    checksum = _checksum.get()
    if checksum is not None:
        (checksum.add_decoded if decoded else checksum.add_encoded)(zlib.crc32(stream))


def crc(symbols: np.ndarray, value: int = 0) -> int:
    """The CRC-32 of int32 symbols that come behind others whose CRC-32 is `value`."""
    return zlib.crc32(np.ascontiguousarray(symbols, dtype="<i4").data, value)


class _Memory(threading.local):
    def __init__(self) -> None:
        self.arrays: dict[str, np.ndarray] = {}


_memory = _Memory()
REFUSED = "The latent holds NaN, infinite or huge values and cannot be coded: the training diverged."
_MOST_KEPT = 1 << 22  # numbers


def scratch(size: int, purpose: str) -> np.ndarray:
    """int32 (size,), for a purpose the same memory each time in a thread: new memory costs as much time as its use."""
    if size > _MOST_KEPT:
        return np.empty(size, np.int32)
    kept = _memory.arrays.get(purpose)
    if kept is None or kept.size < size:
        kept = _memory.arrays[purpose] = np.empty(size, np.int32)
    return kept[:size]


def word_buffer(symbols: int) -> tuple[np.ndarray, int]:
    """Room for any `symbols` symbols, and where in it the encoder's lanes begin (0 if the rules are without).

    An escaped symbol takes at most 16 + 6 + 34 bits, less than two words, and the states less than 16 words.
    """
    words = np.empty(2 * symbols + 16, dtype=np.uint32)
    return words, max(words.size - kernels.TAIL - 3, 0) if rules().lanes else 0


def close_encoder(status: int, begin: int, words: np.ndarray, symbols: np.ndarray) -> bytes:
    """The bytes of the stream that an encoding kernel left in `words`."""
    check(status)
    checksum = _checksum.get()
    if checksum is not None:
        checksum.add_encoded(crc(symbols))
    return words[begin:].astype("<u4", copy=False).tobytes()


def check(status: int) -> None:
    """Raises what a kernel's status stands for."""
    if status == kernels.OK:
        return
    if status == kernels.BAD_INDEX:
        raise ValueError("an index is outside the tables")
    if status == kernels.NOT_FINITE:
        raise LicError("The predicted means, scales or weights are not finite, so that nothing can be coded with them.")
    reason = "ends too early" if status == kernels.TRUNCATED else "holds a number that no encoder writes"
    raise StreamError(f"The stream {reason}: it is damaged, or was written by another model.")


def short_state(crc: int) -> int:
    """Where the coder of a short stream begins whose symbols have this CRC-32: in [2^15, 2^16)."""
    return kernels.SHORT_STATE | crc & kernels.SHORT_STATE - 1


def shortened(stream: bytes) -> bytes:
    """The stream without the zero bytes, three at most, that the state before its words ends with; see `restored`.

    They are its highest bytes. It is anywhere in [2^31, 2^63), as likely in one octave as in another: that is 1.6 bytes
    less on average.
    """
    state = stream[:8]
    end = max(len(state.rstrip(b"\0")), len(state) - 3)
    return state[:end] + stream[8:]


def restored(stream: bytes) -> bytes:
    """A stream, whole or `shortened`: words have four bytes, so that its length tells how many are left out."""
    missing = -len(stream) % 4
    return stream[: 8 - missing] + bytes(missing) + stream[8 - missing :]


class Reader:
    """A stream being decoded, for any of the decoders: the words, the coder's state, the running checksum.

    With `short`, the stream may be a short one (`rans.encode`) or a whole one.
    """

    def __init__(self, stream: bytes, short: bool = False) -> None:
        stream = restored(stream) if short else stream
        if len(stream) < 8 or len(stream) % 4:
            raise StreamError(f"A stream of {len(stream)} bytes is too short or cut: the file is damaged.")
        least = kernels.SHORT_STATE if short else kernels.FIRST_STATE
        self.words = np.frombuffer(stream, dtype="<u4").astype(np.uint32)  # a copy, as lanes give words back
        first = int(self.words[0]) | int(self.words[1]) << 32
        if not least <= first < 1 << 63:
            raise StreamError("The stream begins with a state that no encoder writes: it is damaged.")
        self.state = np.array([first, 0, 0, 0, 2, self.words.size, least, 0], dtype=np.uint64)
        if rules().lanes and self.words.size - 2 >= kernels.TAIL + 3:
            check(kernels.open_lanes(self.words, self.state))
        self._short, self._crc, self._checksum = short, 0, _checksum.get()

    def took(self, status: int, symbols: np.ndarray) -> np.ndarray:
        """Notes what a kernel decoded, and hands it on."""
        check(status)
        if self._short or self._checksum is not None:
            self._crc = crc(symbols, self._crc)
        return symbols

    def finish(self) -> None:
        """Raises `StreamError` unless all words were used and the state is what the encoder began with."""
        ends = (kernels.FIRST_STATE, short_state(self._crc)) if self._short else (kernels.FIRST_STATE,)
        if self.state[0] not in ends or self.state[kernels.AT] != self.words.size:
            raise StreamError(
                "The stream does not end where it should: it is damaged, or was written by another model."
            )
        if self._checksum is not None:
            self._checksum.add_decoded(self._crc)
