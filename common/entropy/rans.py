"""Entropy coding with a fixed set of tables: every symbol names the table it is coded with.

The tables are CompressAI's: row t of `cdf` holds the first slots, out of 2^16, of the symbols offset[t],
offset[t] + 1, ... and last of an escape, behind which any other 32-bit value follows in plain bits, so that
no value is ever lost. How the streams are made is in `kernels`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from common.entropy import kernels
from common.entropy.streams import (
    REFUSED,
    Reader,
    close_encoder,
    crc,
    scratch,
    short_state,
    shortened,
    word_buffer,
)
from common.errors import LicError

NOTHING = kernels.FIRST_STATE.to_bytes(8, "little")  # the stream of no symbols


class Tables(NamedTuple):
    """T distributions of symbols; make them with `make_tables`."""

    cdf: np.ndarray  # int32 (T, L): row t begins with 0 and ends, at length[t] - 1, with 2^16
    length: np.ndarray  # int32 (T,)
    offset: np.ndarray  # int32 (T,): the value of a row's first symbol
    lookup: np.ndarray  # uint64 (256 T,): where to look for the owner of a slot, see `kernels.fill_lookup`
    rows: np.ndarray  # int64 (2 T,) and
    codes: np.ndarray  # uint64 (2 sum(length - 1),): what encodes without a division, see `kernels.fill_codes`


def make_tables(cdf: np.ndarray, length: np.ndarray, offset: np.ndarray) -> Tables:
    """Checks CompressAI's `_quantized_cdf` (T, L), `_cdf_length` (T,), `_offset` (T,); adds what decoding needs.

    Raises `ValueError` if they are not T distributions over 2^16 slots in which every symbol has at least
    one.

    >>> cdf = np.array([[0, 40000, 60000, 65535, 65536]])  # the symbols -1, 0 and 1, and the escape
    >>> tables = make_tables(cdf, length=np.array([5]), offset=np.array([-1]))
    >>> symbols = np.array([-1, 0, 1, 1000], dtype=np.int32)
    >>> indexes = np.zeros(4, dtype=np.int32)  # all four by the first table
    >>> decode(encode(symbols, indexes, tables), indexes, tables)
    array([  -1,    0,    1, 1000], dtype=int32)
    """
    cdf, length, offset = (np.ascontiguousarray(a, dtype=np.int32) for a in (cdf, length, offset))
    if cdf.ndim != 2 or len(cdf) == 0 or length.shape != (len(cdf),) or offset.shape != (len(cdf),):
        raise ValueError("cdf must be (T, L), length and offset (T,)")
    if length.min() < 2 or length.max() > cdf.shape[1]:
        raise ValueError("a table is longer than its row or shorter than one symbol")
    inside = np.arange(1, cdf.shape[1]) < length[:, None]
    if cdf[:, 0].any() or (np.diff(cdf)[inside] < 1).any() or (cdf[np.arange(len(cdf)), length - 1] != 1 << 16).any():
        raise ValueError("a table does not rise from 0 to 2^16")
    return _prepared(cdf, length, offset)


def stacked(parts: Sequence[Tables]) -> Tables:
    """The tables of `parts`, one after the other; of no parts, none."""
    width = max([part.cdf.shape[1] for part in parts], default=1)
    wide = [np.pad(part.cdf, ((0, 0), (0, width - part.cdf.shape[1]))) for part in parts]
    cdf = np.concatenate([np.empty((0, width), np.int32), *wide])
    length, offset = (np.concatenate([np.empty(0, np.int32), *(part[i] for part in parts)]) for i in (1, 2))
    return _prepared(cdf, length, offset)


def _prepared(cdf: np.ndarray, length: np.ndarray, offset: np.ndarray) -> Tables:
    lookup = np.empty((len(cdf), 1 << (16 - kernels.BUCKET_BITS)), dtype=np.uint64)
    kernels.fill_lookup(cdf, lookup)
    rows = np.stack([offset.astype(np.int64) << 32 | length - 2, np.cumsum(length - 1) - (length - 1)], 1)
    codes = np.empty((int((length - 1).sum()), 2), dtype=np.uint64)
    kernels.fill_codes(cdf, rows, codes)
    return Tables(cdf, length, offset, lookup.reshape(-1), rows.reshape(-1), codes.reshape(-1))


def _int32(values: np.ndarray) -> np.ndarray:
    return np.ascontiguousarray(values, dtype=np.int32).reshape(-1)


def encode(symbols: np.ndarray, indexes: np.ndarray, tables: Tables, short: bool = False) -> bytes:
    """The stream of int32 `symbols` (n,), each coded with the table that `indexes` (n,) names.

    A `short` stream is some three bytes shorter: the zeros of the state that its coder ends with are left out, and the
    state it begins with has 16 bits, of which 15 are a checksum of the symbols. So it needs none beside it: the state
    alone would not tell two tables that give a slot to different symbols.
    """
    symbols, indexes = _int32(symbols), _int32(indexes)
    if symbols.size != indexes.size:
        raise ValueError(f"{symbols.size} symbols, {indexes.size} indexes")
    words, split_at = word_buffer(symbols.size)
    first = short_state(crc(symbols)) if short else kernels.FIRST_STATE
    status, begin = kernels.encode_tables(symbols, indexes, tables.rows, tables.codes, words, first, split_at)
    stream = close_encoder(status, begin, words, symbols)
    return shortened(stream) if short else stream


def encode_gaussians(
    values: np.ndarray, means: np.ndarray, scales: np.ndarray, search: tuple[np.int32, int, np.ndarray], tables: Tables
) -> bytes:
    """The stream of values - means, rounded, each coded with the table of its scale; all float32 (n,).

    `means` may be empty. `scales` are the bits of float32, and `search` is the lowest scale and the two other arguments
    of `kernels.scale_indexes`. It is `encode` but for the time: three calls and their arrays cost as much as a tenth of
    the work. Raises `LicError` if a value is not finite or too large.
    """
    symbols, indexes = scratch(values.size, "symbols"), scratch(values.size, "indexes")
    words, split_at = word_buffer(values.size)
    status, begin = kernels.encode_gaussians(
        values,
        means,
        scales,
        *search,
        symbols,
        indexes,
        tables.rows,
        tables.codes,
        words,
        kernels.FIRST_STATE,
        split_at,
    )
    if status == kernels.NOT_FINITE:
        raise LicError(REFUSED)
    return close_encoder(status, begin, words, symbols)


def decode(
    stream: bytes, indexes: np.ndarray, tables: Tables, short: bool = False, out: np.ndarray | None = None
) -> np.ndarray:
    """The int32 symbols (n,); raises `StreamError` if it is not a stream of n symbols with these tables.

    `short`: it may be a short one, see `encode`. `out` is a contiguous array that takes them.
    """
    decoder = SequentialDecoder(stream, tables, short)
    symbols = decoder.decode(indexes, out)
    decoder.finish()
    return symbols


class SequentialEncoder:
    """For autoregressive codecs: collects symbols as they come; `finish` encodes all of them together."""

    def __init__(self, tables: Tables) -> None:
        self._tables = tables
        self._symbols: list[np.ndarray] = []
        self._indexes: list[np.ndarray] = []

    def encode(self, symbols: np.ndarray, indexes: np.ndarray) -> None:
        """Notes symbols (k,) and the tables (k,) to code them with."""
        self._symbols.append(np.array(symbols, dtype=np.int32).reshape(-1))
        self._indexes.append(np.array(indexes, dtype=np.int32).reshape(-1))

    def finish(self, short: bool = False) -> bytes:
        """The stream, `short` as in `encode`; its decoder gives the symbols in the order in which they were encoded."""
        symbols, indexes = (np.concatenate([np.empty(0, np.int32), *a]) for a in (self._symbols, self._indexes))
        return encode(symbols, indexes, self._tables, short)


class SequentialDecoder:
    """For autoregressive codecs: decodes the next symbols, as many as the caller knows tables for.

    `short`: the stream may be a short one, see `encode`.
    """

    def __init__(self, stream: bytes, tables: Tables, short: bool = False) -> None:
        self._reader = Reader(stream, short)
        self._tables = tables

    def decode(self, indexes: np.ndarray, out: np.ndarray | None = None) -> np.ndarray:
        """The next int32 symbols (k,), given the tables `indexes` (k,) they were coded with, in `out` if given."""
        indexes = _int32(indexes)
        symbols = np.empty(indexes.size, dtype=np.int32) if out is None else out.reshape(-1)
        r, t = self._reader, self._tables
        status = kernels.decode_tables(r.words, r.state, indexes, t.cdf, t.rows, t.lookup, symbols)
        return r.took(status, symbols)

    def finish(self) -> None:
        """To be called after the last symbol: raises `StreamError` if the stream does not end there."""
        self._reader.finish()
