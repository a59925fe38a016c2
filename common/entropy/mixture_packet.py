"""What `packet` is to tables, for symbols that have a Gaussian or a mixture of any mean each: round(y) is coded.

Methods are those of `PacketWriter` and `PacketReader`; a stream holds nothing else.
"""

import numpy as np
import torch
from torch import Tensor

from common.entropy import mixture
from common.entropy.models import GaussianConditional
from common.entropy.tables import to_int32


def _at(parameters: Tensor, components: int, positions: Tensor | None) -> np.ndarray:
    """(1, K C, h, w) -> float32 (K, symbols)."""
    values = parameters if positions is None else parameters[..., positions]
    return values.float().cpu().numpy().reshape(components, -1)


class MixtureWriter:
    """Collects symbols; `finish` gives their stream."""

    def __init__(self) -> None:
        self._encoder: mixture.SequentialEncoder | None = None

    def gaussians(
        self,
        model: GaussianConditional,
        y: Tensor,
        scales: Tensor,
        means: Tensor | None,
        weights: Tensor | None = None,
        positions: Tensor | None = None,
    ) -> Tensor:
        """y (1, C, h, w) -> y_hat = round(y), everywhere; what is at `positions`, bool (h, w), is written."""
        y_hat = y.round()
        components = scales.shape[1] // y.shape[1]
        told = (None if p is None else _at(p, components, positions) for p in (scales, means, weights))
        self.symbols(to_int32(y_hat if positions is None else y_hat[..., positions]), *told)  # type: ignore[arg-type]
        return y_hat

    def symbols(
        self, symbols: np.ndarray, scales: np.ndarray, means: np.ndarray, weights: np.ndarray | None = None
    ) -> None:
        """int32 symbols (n,) under their mixtures (K, n)."""
        if self._encoder is None:
            self._encoder = mixture.SequentialEncoder(len(scales))
        self._encoder.encode(symbols, scales, means, weights)

    def finish(self) -> list[bytes]:
        """The one stream."""
        return [(self._encoder or mixture.SequentialEncoder()).finish()]


class MixtureReader:
    """Reads in the order in which the writer wrote; raises `StreamError` for a damaged stream."""

    def __init__(self, stream: bytes) -> None:
        self._decoder = mixture.SequentialDecoder(stream)

    def gaussians(
        self,
        model: GaussianConditional,
        scales: Tensor,
        means: Tensor | None,
        weights: Tensor | None = None,
        positions: Tensor | None = None,
    ) -> Tensor:
        """y_hat (1, C, h, w) at `positions`, bool (h, w) or None for all; elsewhere 0."""
        components = getattr(model, "K", 1)
        told = (None if p is None else _at(p, components, positions) for p in (scales, means, weights))
        symbols = torch.from_numpy(self.symbols(*told)).to(scales)  # type: ignore[arg-type]
        shape = (1, scales.shape[1] // components, *scales.shape[2:])
        if positions is None:
            return symbols.reshape(shape)
        y_hat = scales.new_zeros(shape)
        y_hat[..., positions] = symbols.reshape(*shape[:2], -1)
        return y_hat

    def symbols(self, scales: np.ndarray, means: np.ndarray, weights: np.ndarray | None = None) -> np.ndarray:
        """The next int32 symbols (n,), given their mixtures (K, n)."""
        return self._decoder.decode(scales, means, weights)

    def finish(self) -> None:
        """To be called after the last symbol: raises `StreamError` if the stream does not end there."""
        self._decoder.finish()
