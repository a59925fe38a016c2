"""Entropy coding of integers, each under its own mixture of K Gaussians (K = 1: one Gaussian, any mean).

Tables would have to be built for each symbol. Instead the mixture's cumulative distribution is a function in
pure integer arithmetic, so that encoder and decoder agree to the bit: means are rounded to 1/256, scales to
2-3 % within [0.109375, 256], weights to 2^-16, and the normal distribution is interpolated in a table. The
symbol s owns the probability of [s - 1/2, s + 1/2), and at least one of the 2^16 slots, if it lies in a
window of 4.5 standard deviations around the components (at most 4096 symbols); the slots below and above the
window are escapes for all other 32-bit values. How the streams are made, and all of the arithmetic, is in
`kernels`.

Parameters are float arrays (K, n) for n symbols; `weights` need not sum to one, and may be None where K = 1.
Scales out of range are clamped. Parameters that are NaN, or means or weights that are infinite, raise
`LicError`.
"""

from __future__ import annotations

import numpy as np

from common.entropy import mixture_kernels as kernels
from common.entropy.streams import Reader, close_encoder, word_buffer


def _parameters(
    scales: np.ndarray, means: np.ndarray, weights: np.ndarray | None
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    scales, means = (np.ascontiguousarray(a, dtype=np.float32) for a in (scales, means))
    if weights is None:
        weights = np.ones((1, means.shape[-1]), dtype=np.float32)
    weights = np.ascontiguousarray(weights, dtype=np.float32)
    if not (scales.shape == means.shape == weights.shape and means.ndim == 2 and len(means) > 0):
        raise ValueError(f"scales {scales.shape}, means {means.shape}, weights {weights.shape}: all must be (K, n)")
    return scales.view(np.int32), means, weights


def encode(symbols: np.ndarray, scales: np.ndarray, means: np.ndarray, weights: np.ndarray | None = None) -> bytes:
    """The stream of int32 `symbols` (n,), given their mixtures (K, n)."""
    symbols = np.ascontiguousarray(symbols, dtype=np.int32).reshape(-1)
    parameters = _parameters(scales, means, weights)
    if parameters[1].shape[1] != symbols.size:
        raise ValueError(f"{symbols.size} symbols, {parameters[1].shape[1]} mixtures")
    words, split_at = word_buffer(symbols.size)
    status, begin = kernels.encode_mixtures(symbols, *parameters, words, split_at)
    return close_encoder(status, begin, words, symbols)


def decode(stream: bytes, scales: np.ndarray, means: np.ndarray, weights: np.ndarray | None = None) -> np.ndarray:
    """The int32 symbols (n,); raises `StreamError` if it is not a stream of n symbols with these mixtures."""
    decoder = SequentialDecoder(stream)
    symbols = decoder.decode(scales, means, weights)
    decoder.finish()
    return symbols


class SequentialEncoder:
    """For autoregressive codecs: collects symbols as they come; `finish` encodes all of them together."""

    def __init__(self, components: int = 1) -> None:
        self._symbols = [np.empty(0, np.int32)]
        self._parameters = [np.empty((3, components, 0), np.float32)]

    def encode(
        self, symbols: np.ndarray, scales: np.ndarray, means: np.ndarray, weights: np.ndarray | None = None
    ) -> None:
        """Notes symbols (k,) and their mixtures (K, k)."""
        if weights is None:
            weights = np.ones_like(means)
        self._symbols.append(np.array(symbols, dtype=np.int32).reshape(-1))
        self._parameters.append(np.stack([scales, means, weights]).astype(np.float32, copy=False))

    def finish(self) -> bytes:
        """The stream; its decoder gives the symbols in the order in which they were encoded."""
        return encode(np.concatenate(self._symbols), *np.concatenate(self._parameters, axis=2))


class SequentialDecoder:
    """For autoregressive codecs: decodes the next symbols, as many as the caller knows mixtures for."""

    def __init__(self, stream: bytes) -> None:
        self._reader = Reader(stream)

    def decode(self, scales: np.ndarray, means: np.ndarray, weights: np.ndarray | None = None) -> np.ndarray:
        """The next int32 symbols (k,), given their mixtures (K, k)."""
        parameters = _parameters(scales, means, weights)
        symbols = np.empty(parameters[1].shape[1], dtype=np.int32)
        status = kernels.decode_mixtures(self._reader.words, self._reader.state, *parameters, symbols)
        return self._reader.took(status, symbols)

    def finish(self) -> None:
        """To be called after the last symbol: raises `StreamError` if the stream does not end there."""
        self._reader.finish()
