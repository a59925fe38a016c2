"""What the parts of a video codec write: one stream for all entropy models' symbols, and those of codecs of their own.

Every stream costs about six bytes beside what its symbols weigh (a short one three), since a coder ends with a state of
eight: the four of a small P frame (motion and residual, each with side information) would be a tenth of it. Here the
models' tables are stacked, so that one coder takes the symbols of any of them in any order, and gives them back in that
order.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from common.entropy import rans
from common.entropy.models import EntropyBottleneck, GaussianConditional
from common.entropy.room import check_room
from common.entropy.tables import TableModel, to_int32, to_values
from common.errors import StreamError


class Stack(NamedTuple):
    """Several models' tables as one, at which row each model's begin, by the model's id, and what they were.

    Of no models, it makes packets without a common stream.
    """

    tables: rans.Tables
    first: dict[int, int]
    parts: tuple[rans.Tables, ...]


def stack(models: Sequence[TableModel]) -> Stack:
    """The present tables of `models`, one after the other."""
    parts = tuple(model.tables for model in models)
    rows = np.cumsum([0, *(len(part.cdf) for part in parts)])
    first = {id(model): int(row) for model, row in zip(models, rows)}
    return Stack(rans.stacked(parts), first, parts)


class Stacks:
    """Makes stacks once, and anew when one of their models has other tables."""

    def __init__(self) -> None:
        self._made: dict[tuple[int, ...], Stack] = {}

    def __reduce__(self) -> tuple[type["Stacks"], tuple[()]]:
        return Stacks, ()  # a copy of the models makes its own

    def of(self, models: Sequence[TableModel]) -> Stack:
        key = tuple(map(id, models))
        made = self._made.get(key)
        if made is None or any(part is not model.tables for part, model in zip(made.parts, models)):
            made = self._made[key] = stack(models)
        return made


class PacketWriter:
    """Collects what one frame's models write; `finish` gives the streams."""

    def __init__(self, models: Stack) -> None:
        self._models = models
        self._encoder = rans.SequentialEncoder(models.tables)
        self._attached: list[bytes] = []

    def channels(self, model: EntropyBottleneck, z: Tensor) -> Tensor:
        """z (1, C, h, w) -> z_hat, as a reader of the stream will see it."""
        medians = model._medians_like(z)
        symbols = to_int32(z, medians)
        self._encode(model, symbols, model._channel_indexes(z.shape))
        return to_values(symbols, medians)

    def gaussians(
        self,
        model: GaussianConditional,
        y: Tensor,
        scales: Tensor,
        means: Tensor | None = None,
        weights: Tensor | None = None,
        positions: Tensor | None = None,
    ) -> Tensor:
        """y (1, C, h, w) under N(means, scales) -> y_hat, everywhere; what is at `positions` goes into the stream.

        These are bool (h, w), or None for all: there a reader will see the same. `weights` of one Gaussian say nothing.
        """
        symbols, rows = to_int32(y, means), model.build_indexes(scales).cpu().numpy()
        if positions is None:
            self._encode(model, symbols, rows)
        else:
            coded = positions.cpu().numpy()
            self._encode(model, symbols[..., coded], rows[..., coded])
        return torch.from_numpy(symbols).to(y) if means is None else to_values(symbols, means)

    def _encode(self, model: TableModel, symbols: np.ndarray, rows: np.ndarray) -> None:
        self._encoder.encode(symbols, rows + self._models.first[id(model)])

    def attach(self, streams: Sequence[bytes]) -> None:
        """Add streams that a codec has written by itself."""
        self._attached.extend(streams)

    def finish(self, short: bool = False) -> list[bytes]:
        """The common stream, `short` as in `rans.encode`, and those attached."""
        own = [self._encoder.finish(short)] if self._models.parts else []
        return [*own, *self._attached]


class PacketReader:
    """Reads in the order in which the writer wrote; raises `StreamError` for damaged streams."""

    def __init__(self, models: Stack, streams: Sequence[bytes]) -> None:
        if not streams:
            raise StreamError("The packet holds no stream: it was not written by this program.")
        self._models = models
        common = streams[0] if models.parts else rans.NOTHING
        self._size = len(common)
        self._decoder = rans.SequentialDecoder(common, models.tables, short=True)
        self._attached = list(streams[1:] if models.parts else streams)

    def channels(self, model: EntropyBottleneck, size: Sequence[int]) -> Tensor:
        """z_hat (1, C, *size)."""
        check_room(model.tables, size, self._size, short=True)
        indexes = model._channel_indexes((1, model.channels, *size))
        return to_values(self._decode(model, indexes), model._medians_like(indexes))

    def gaussians(
        self,
        model: GaussianConditional,
        scales: Tensor,
        means: Tensor | None = None,
        weights: Tensor | None = None,
        positions: Tensor | None = None,
    ) -> Tensor:
        """y_hat (1, C, h, w) under N(means, scales) at `positions`, bool (h, w) or None for all; elsewhere the mean."""
        rows = model.build_indexes(scales).cpu().numpy()
        if positions is None:
            symbols = self._decode(model, rows)
        else:
            coded = positions.cpu().numpy()
            symbols = np.zeros_like(rows)
            symbols[..., coded] = self._decode(model, rows[..., coded])
        return torch.from_numpy(symbols).to(scales) if means is None else to_values(symbols, means)

    def _decode(self, model: TableModel, rows: np.ndarray) -> np.ndarray:
        """int32 of the shape of `rows`."""
        return self._decoder.decode(rows + self._models.first[id(model)]).reshape(rows.shape)

    @property
    def has_attached(self) -> bool:
        """Whether there are streams that were attached and not yet asked for."""
        return bool(self._attached)

    def attached(self) -> list[bytes]:
        """The streams that were attached, to be asked for once."""
        streams, self._attached = self._attached, []
        return streams

    def finish(self) -> None:
        """To be called after the last symbol: raises `StreamError` if anything is left."""
        self._decoder.finish()
        if self._attached:
            raise StreamError("The packet holds more than its frame: it was not written by this program.")
