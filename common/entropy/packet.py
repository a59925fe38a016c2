"""What a frame's stages write: one stream for all entropy models' symbols, and the streams of codecs of their own.

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
from common.entropy.tables import TableModel, to_int32
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
    if not models:
        none = np.empty(0, np.int32)
        return Stack(rans.Tables(none.reshape(0, 1), none, none, np.empty((0, 1), np.uint64)), {}, ())
    parts = tuple(model.tables for model in models)
    width = max(part.cdf.shape[1] for part in parts)
    cdf = np.concatenate([np.pad(part.cdf, ((0, 0), (0, width - part.cdf.shape[1]))) for part in parts])
    length, offset, lookup = (np.concatenate([part[i] for part in parts]) for i in (1, 2, 3))
    rows = np.cumsum([0, *(len(part.cdf) for part in parts[:-1])])
    first = {id(model): int(row) for model, row in zip(models, rows)}
    return Stack(rans.Tables(cdf, length, offset, lookup), first, parts)


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
        symbols = (z - medians).round()
        self._encoder.encode(to_int32(symbols), model._channel_indexes(z.shape) + self._models.first[id(model)])
        return symbols + medians

    def gaussians(
        self,
        model: GaussianConditional,
        y: Tensor,
        scales: Tensor,
        means: Tensor | None = None,
        positions: Tensor | None = None,
    ) -> Tensor:
        """y (1, C, h, w) under N(means, scales) -> y_hat, everywhere; what is at `positions` goes into the stream.

        These are bool (h, w), or None for all: there a reader will see the same.
        """
        symbols = (y if means is None else y - means).round()
        rows = model.build_indexes(scales)
        if positions is None:
            self._encode(model, symbols, rows)
        else:
            self._encode(model, symbols[..., positions], rows[..., positions])
        return symbols if means is None else symbols + means

    def _encode(self, model: TableModel, symbols: Tensor, rows: Tensor) -> None:
        self._encoder.encode(to_int32(symbols), rows.cpu().numpy() + self._models.first[id(model)])

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
        medians = model._medians_like(torch.empty(indexes.shape))
        return self._symbols(indexes + self._models.first[id(model)]).to(medians) + medians

    def gaussians(
        self, model: GaussianConditional, scales: Tensor, means: Tensor | None = None, positions: Tensor | None = None
    ) -> Tensor:
        """y_hat (1, C, h, w) under N(means, scales) at `positions`, bool (h, w) or None for all; elsewhere the mean."""
        rows = model.build_indexes(scales)
        if positions is None:
            symbols = self._decode(model, rows).to(scales)
        else:
            symbols = torch.zeros_like(scales)
            symbols[..., positions] = self._decode(model, rows[..., positions]).to(scales)
        return symbols if means is None else symbols + means

    def _decode(self, model: TableModel, rows: Tensor) -> Tensor:
        return self._symbols(rows.cpu().numpy() + self._models.first[id(model)])

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

    def _symbols(self, rows: np.ndarray) -> Tensor:
        return torch.from_numpy(self._decoder.decode(rows).reshape(rows.shape))
