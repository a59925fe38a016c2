"""Bits of -1 and 1 under probabilities that a network tells as logits: rounded to eighths, each has a table."""

import numpy as np
import torch
from compressai.ops.bound_ops import LowerBoundFunction
from torch import Tensor

from common.entropy import rans
from common.entropy.exact import functions
from common.entropy.tables import RawTables, TableModel, quantised

MOST = 6.0  # of a logit: nothing is more probable than 99.75 %
STEP = 1 / 8  # what rounding to it costs is below 0.0007 bits a bit
LEAST_BITS = 0.0035  # of a bit that is as probable as can be


class BitModel(TableModel):
    """Tells likelihoods of bits, and by which tables they are coded; has no parameters."""

    tail_mass = 0.0  # nothing but two symbols; the tables' escape is never written

    def __init__(self) -> None:
        super().__init__(likelihood_bound=0)
        self.add_digest()

    def _table_parameters(self) -> list[Tensor]:
        return [torch.arange(-MOST, MOST + STEP / 2, STEP)]

    def _build_tables(self) -> RawTables:
        (logits,) = self._table_parameters()
        of_one = functions.sigmoid(logits.double()).numpy()
        zeros = np.zeros(len(of_one), np.int64)
        return quantised(np.stack([1 - of_one, of_one], 1), zeros, zeros + 1, zeros)

    def forward(self, bits: Tensor, logits: Tensor) -> Tensor:
        """The likelihoods of bits (…) of -1 and 1, float32; as they are coded, in training unrounded."""
        if self.training:
            return torch.sigmoid(_bounded(bits.float() * logits.float()))
        shares = np.diff(self.tables.cdf[:, :3].astype(np.float32)) / 2**16
        return torch.from_numpy(shares).to(bits.device, torch.float32)[self.rows(logits), (bits > 0).long()]

    def rows(self, logits: Tensor) -> Tensor:
        """The tables of exact float32 logits (…), int64."""
        return ((logits.clamp(-MOST, MOST) + MOST) / STEP).round().long()


def _bounded(logits: Tensor) -> Tensor:
    """Between ±MOST; beyond, the gradient is that of the identity where a step goes back inside, and else 0."""
    least = logits.new_tensor(-MOST)
    return -LowerBoundFunction.apply(-LowerBoundFunction.apply(logits, least), least)


class BitLikelihoods:
    """Measures bits (B, C, h, w) of -1 and 1, part by part; `likelihoods` has their shape."""

    def __init__(self, model: BitModel, bits: Tensor) -> None:
        self._model, self._bits, self.likelihoods = model, bits, torch.ones_like(bits)

    def __call__(self, logits: Tensor, positions: Tensor) -> Tensor:
        """logits (B, C, h, w) and where they hold, bool (h, w) -> the bits, everywhere."""
        self.likelihoods = torch.where(positions, self._model(self._bits, logits), self.likelihoods)
        return self._bits


class BitWriter:
    """Writes bits (1, C, h, w) of -1 and 1, part by part; `finish` gives the stream."""

    def __init__(self, model: BitModel, bits: Tensor) -> None:
        self._model, self._bits, self._encoder = model, bits, rans.SequentialEncoder(model.tables)

    def __call__(self, logits: Tensor, positions: Tensor) -> Tensor:
        rows, bits = (each[..., positions].cpu().numpy() for each in (self._model.rows(logits), self._bits > 0))
        self._encoder.encode(bits, rows)
        return self._bits

    def finish(self) -> bytes:
        return self._encoder.finish(short=True)


class BitReader:
    """Reads what `BitWriter` wrote; raises `StreamError` for damaged streams."""

    def __init__(self, model: BitModel, stream: bytes) -> None:
        self._model = model
        self._decoder = rans.SequentialDecoder(stream, model.tables, short=True)

    def __call__(self, logits: Tensor, positions: Tensor) -> Tensor:
        """As `BitLikelihoods`'s; 0 elsewhere."""
        bits = logits.new_zeros(logits.shape)  # not laid out as these are: sums may round otherwise then
        rows = self._model.rows(logits)[..., positions].cpu().numpy()
        bits[..., positions] = torch.from_numpy(2 * self._decoder.decode(rows) - 1).reshape(rows.shape).to(bits)
        return bits

    def finish(self) -> None:
        """To be called after the last bit."""
        self._decoder.finish()
