"""The coder's tables: how they follow from an entropy model's parameters, and the class that keeps them fresh.

They are built in double precision on the processor, so that machines agree on them.
"""

from __future__ import annotations

import hashlib
from abc import abstractmethod
from collections.abc import Sequence
from contextlib import suppress
from functools import lru_cache
from typing import Any, NamedTuple

import compressai.entropy_models as peer
import numpy as np
import torch
from compressai.entropy_models.entropy_models import EntropyModel, pmf_to_quantized_cdf
from torch import Tensor

from common.entropy import kernels, rans
from common.entropy.quantisers import Noise, Quantiser
from common.entropy.streams import REFUSED, scratch
from common.errors import LicError

_TABLE_BUFFERS = ("_quantized_cdf", "_cdf_length", "_offset")
_MAX_REACH = 4095  # symbols on either side of a median: quantiles may stray in training, and there is the escape


class RawTables(NamedTuple):
    """What CompressAI calls `_quantized_cdf` (T, L), `_cdf_length` (T,) and `_offset` (T,), all int32."""

    cdf: np.ndarray
    length: np.ndarray
    offset: np.ndarray


def quantised(pmf: np.ndarray, below: np.ndarray, above: np.ndarray, tail: np.ndarray) -> RawTables:
    """Probabilities pmf (T, L) of below + 1 + above symbols, and of all others (T,), to 16-bit tables."""
    length = below + above + 3  # the symbols, the escape, and the end
    cdf = np.zeros((len(pmf), pmf.shape[1] + 2), dtype=np.int32)
    for row, p, n, t in zip(cdf, pmf, length, tail):
        row[:n] = pmf_to_quantized_cdf(torch.from_numpy(np.append(p[: n - 2], t))).numpy()
    return RawTables(cdf, length.astype(np.int32), (-below).astype(np.int32))


@lru_cache(maxsize=8)
def gaussian_tables(scales: tuple[float, ...], tail_mass: float) -> RawTables:
    """Zero-mean Gaussians over the integers, as CompressAI's: symbols up to the quantile tail_mass / 2."""
    from scipy.special import ndtr, ndtri  # tables come with the weights, nearly always

    sigma = np.array(scales)[:, None]
    below = np.minimum(np.ceil(sigma[:, 0] * -ndtri(tail_mass / 2)), _MAX_REACH).astype(np.int64)
    distance = np.abs(np.arange(2 * below.max() + 1) - below[:, None])
    lower = ndtr((-0.5 - distance) / sigma)
    return quantised(ndtr((0.5 - distance) / sigma) - lower, below, below, 2 * lower[:, 0])


@torch.no_grad()
def bottleneck_tables(model: peer.EntropyBottleneck) -> RawTables:
    """Each channel's learned density, at the median and the integers around it out to the outer quantiles."""
    with torch.random.fork_rng(devices=[]):  # taking a checkpoint must not move the random numbers of training
        exact = peer.EntropyBottleneck(model.channels, tail_mass=model.tail_mass, filters=model.filters).double()
    exact.load_state_dict({name: p.detach().cpu() for name, p in model.named_parameters()}, strict=False)
    low, median, high = exact.quantiles[:, 0].T
    below = (median - low).ceil().clamp(0, _MAX_REACH).long()
    above = (high - median).ceil().clamp(0, _MAX_REACH).long()
    samples = torch.arange(int((below + above).max()) + 1) + (median - below)[:, None, None]
    pmf, lower, upper = exact._likelihood(samples)
    last = upper[:, 0].gather(1, (below + above)[:, None])[:, 0]
    tail = torch.sigmoid(lower[:, 0, 0]) + torch.sigmoid(-last)
    return quantised(pmf[:, 0].numpy(), below.numpy(), above.numpy(), tail.numpy())


class TableModel(EntropyModel):
    """Keeps the tables fresh and codes with them; subclasses say on what they depend and how to build them."""

    tail_mass: float
    quantiser: Quantiser = Noise()
    _tables: rans.Tables | None = None
    _tables_of = (b"", 0.0)  # the values of the parameters, and the tail mass, that _tables stands for
    _tables_digest: Tensor

    def add_digest(self) -> None:
        """What CompressAI's classes lack; its models may hold tables already, which then count as stale."""
        self.register_buffer("_tables_digest", torch.zeros(8, dtype=torch.uint8, device=self._offset.device))

    @abstractmethod
    def _table_parameters(self) -> list[Tensor]:
        """What the tables depend on."""

    @abstractmethod
    def _build_tables(self) -> RawTables:
        """The tables of the present parameters."""

    def _refresh(self, force: bool = False) -> bool:
        """Makes the tables those of the present parameters; returns whether they had to be built."""
        values = b"".join(map(to_bytes, self._table_parameters())), self.tail_mass
        if not force and self._tables is not None and self._tables_of == values:
            return False
        digest = hashlib.blake2b(values[0] + str(self.tail_mass).encode(), digest_size=8).digest()
        built = False
        if not force and bytes(self._tables_digest.tolist()) == digest:
            stored = (getattr(self, name).cpu().numpy() for name in _TABLE_BUFFERS)
            try:
                self._tables = rans.make_tables(*stored)
            except ValueError:  # a digest that came without its tables
                self._tables = None
        else:
            self._tables = None
        if self._tables is None:
            if not all(p.isfinite().all() for p in self._table_parameters()):
                raise LicError("The entropy model's parameters are not finite: its training has diverged.")
            raw = self._build_tables()
            device = self._tables_digest.device
            for name, array in zip(_TABLE_BUFFERS, raw):
                setattr(self, name, torch.tensor(array, device=device))
            self._tables_digest = torch.tensor(list(digest), dtype=torch.uint8, device=device)
            self._tables, built = rans.make_tables(*raw), True
        self._tables_of = values
        return built

    @property
    def tables(self) -> rans.Tables:
        """The tables of the present parameters, for coding with `common.entropy.rans` oneself."""
        self._refresh()
        assert self._tables is not None
        return self._tables

    @property
    def quantized_cdf(self) -> Tensor:
        self._refresh()
        return self._quantized_cdf

    @property
    def cdf_length(self) -> Tensor:
        self._refresh()
        return self._cdf_length

    @property
    def offset(self) -> Tensor:
        self._refresh()
        return self._offset

    def take_tables(self, other: TableModel) -> None:
        """Hold `other`'s tables, so that its buffers and these have the same shapes; they are rebuilt before use."""
        for name in (*_TABLE_BUFFERS, "_tables_digest"):
            setattr(self, name, getattr(other, name).clone())
        self._tables = None

    def _save_to_state_dict(self, destination: Any, prefix: str, keep_vars: bool) -> None:
        with suppress(LicError):  # a diverged model can be saved; its tables then count as stale
            self._refresh()
        super()._save_to_state_dict(destination, prefix, keep_vars)

    def _load_from_state_dict(
        self,
        state_dict: dict[str, Any],
        prefix: str,
        local_metadata: Any,
        strict: bool,
        missing_keys: list[str],
        unexpected_keys: list[str],
        error_msgs: list[str],
    ) -> None:
        names = (*_TABLE_BUFFERS, "_tables_digest")
        for name in names:
            old = getattr(self, name)
            shape = state_dict[prefix + name].shape if prefix + name in state_dict else old.shape
            setattr(self, name, torch.zeros(shape, dtype=old.dtype, device=old.device))
        self._tables = None
        missing: list[str] = []
        super()._load_from_state_dict(state_dict, prefix, local_metadata, strict, missing, unexpected_keys, error_msgs)
        missing_keys.extend(key for key in missing if key not in {prefix + name for name in names})

    def quantize(self, inputs: Tensor, mode: str, means: Tensor | None = None) -> Tensor:
        """As CompressAI's, which asks for "noise" in training: for what the networks behind see."""
        inputs, means = single(inputs), None if means is None else single(means)
        if mode == "noise":
            return self.quantiser(inputs, means)[1]
        return super().quantize(inputs, mode, means)

    def bounded(self, likelihood: Tensor) -> Tensor:
        """At least the smallest likelihood there may be."""
        return self.likelihood_lower_bound(likelihood) if self.use_likelihood_bound else likelihood

    def _encode(self, inputs: Tensor, indexes: np.ndarray, means: Tensor | None) -> list[bytes]:
        if inputs.ndim < 2 or inputs.shape != indexes.shape:
            raise ValueError(f"inputs {tuple(inputs.shape)} and indexes {indexes.shape} must be (B, ...) alike")
        tables = self.tables
        symbols = to_int32(inputs, means, scratch(inputs.numel(), "symbols").reshape(inputs.shape))
        return [rans.encode(s, i, tables) for s, i in zip(symbols, indexes)]

    def _decode(self, strings: Sequence[bytes], indexes: np.ndarray) -> np.ndarray:
        """The symbols, int32 of the shape of `indexes` (B, ...), on the processor."""
        if not isinstance(strings, list | tuple) or len(strings) != len(indexes):
            raise ValueError(f"strings must be a list of {len(indexes)} byte strings, one for each image")
        tables = self.tables
        symbols = np.empty(indexes.shape, dtype=np.int32)
        for string, rows, out in zip(strings, indexes, symbols):
            rans.decode(string, rows, tables, out=out)
        return symbols


def to_bytes(x: Tensor) -> bytes:
    """The values of x in single precision. It is called for each stream: no more steps than it takes."""
    return x.detach().float().cpu().numpy().tobytes()


def single(x: Tensor) -> Tensor:
    """x, in single precision if it comes in half."""
    return x.float() if x.dtype in (torch.float16, torch.bfloat16) else x


def to_int32(values: Tensor, means: Tensor | None = None, out: np.ndarray | None = None) -> np.ndarray:
    """values - means, rounded, as an int32 array of the shape of `values`; raises `LicError` if one is no number.

    `out`, if given, is a contiguous array that takes them.
    """
    values = single(values).detach().cpu()
    if means is not None and not (match(values, means) and values.dtype == means.dtype):
        values, means = values.clone().sub_(single(means).detach().cpu()), None
    array = np.ascontiguousarray(values.numpy())
    symbols = np.empty(array.shape, dtype=np.int32) if out is None else out
    around = np.empty(0, array.dtype) if means is None else np.ascontiguousarray(means.detach().numpy())
    if not kernels.rounded(array.reshape(-1), around.reshape(-1), symbols.reshape(-1)):
        raise LicError(REFUSED)
    return symbols


def to_values(symbols: np.ndarray, means: Tensor) -> Tensor:
    """symbols + means: the inverse of `to_int32`, of the type of `means`, which broadcast.

    They may take the memory of `symbols`, which is of no use then.
    """
    integers = torch.from_numpy(symbols)
    if not match(integers, means):
        return integers.to(means) + means
    around, values = np.ascontiguousarray(means.detach().numpy()), symbols.view(np.float32)
    kernels.add_means(symbols.reshape(-1), around.reshape(-1), values.reshape(-1))
    return torch.from_numpy(values)


def match(values: Tensor, means: Tensor) -> bool:
    """Whether the kernels take `means` with `values` as they are: float32, on the processor, of the same shape."""
    return means.dtype == torch.float32 and means.device.type == "cpu" and means.shape == values.shape
