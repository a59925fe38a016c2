"""CompressAI's entropy models with our coder.

Parameters, likelihoods, signatures and state-dict keys are CompressAI's. What differs:

* Symbols are coded by `rans` and `mixture`, so that any 32-bit value survives and a damaged stream raises
  `StreamError`.
* The coder's tables cannot be missing or stale. They are a function of the parameters, stored with a digest
  of those they were built from (`_tables_digest`), and built anew whenever the digest differs: on use, and
  before a state dict is taken. Loaded with the parameters they were built from, they are used as they are, on
  every machine. A checkpoint with empty, differently sized or no tables, CompressAI's included, loads.
* Half-precision inputs, as under autocast, are widened first: a likelihood is a small difference of large numbers.
* In training `quantiser` stands for rounding (see `quantisers`). The noise does not depend on how a batch is split
  over processes (see `common.randomness`).
* A scale is coded with the table's nearest one, as ratios go, not with the next larger: that saves about 1 % of a
  file, and what is written is what the likelihoods promise (files of version 1 are read as they were written).
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import compressai.entropy_models as peer
import numpy as np
import torch
from compressai.models.base import get_scale_table
from torch import Tensor, nn

from common.entropy import kernels, mixture, rans
from common.entropy.assignments import Assignment
from common.entropy.codebook import Codebook
from common.entropy.quantisers import Quantiser
from common.entropy.room import check_room
from common.entropy.rules import rules
from common.entropy.tables import (
    RawTables,
    TableModel,
    bottleneck_tables,
    gaussian_tables,
    match,
    single,
    to_bytes,
    to_int32,
    to_values,
)
from common.errors import LicError


class EntropyBottleneck(TableModel, peer.EntropyBottleneck):
    """The factorised prior of Ballé et al. 2018 (arXiv:1802.01436, appendix 6.1): a density for each channel.

    >>> _ = torch.manual_seed(0)
    >>> bottleneck = EntropyBottleneck(4).eval()
    >>> z = 5 * torch.randn(1, 4, 2, 3)
    >>> z_hat, likelihoods = bottleneck(z)
    >>> strings = bottleneck.compress(z)  # one for each of the batch
    >>> torch.equal(bottleneck.decompress(strings, z.shape[2:]), z_hat)
    True
    """

    def __init__(self, channels: int, *args: Any, **kwargs: Any) -> None:
        super().__init__(channels, *args, **kwargs)
        self.add_digest()

    def _table_parameters(self) -> list[Tensor]:
        return [*self.matrices, *self.biases, *self.factors, self.quantiles]

    def _build_tables(self) -> RawTables:
        return bottleneck_tables(self)

    def update(self, force: bool = False, update_quantiles: bool = False) -> bool:
        """Not needed, as tables are kept fresh; returns whether any were built. May solve for the quantiles."""
        if update_quantiles:
            self._update_quantiles()
        return self._refresh(force)

    def forward(self, x: Tensor, training: bool | None = None) -> tuple[Tensor, Tensor]:
        """x (B, C, ...) -> x as it is quantised, and its likelihoods, both of the same shape."""
        x, medians = single(x), self._medians_like(x).detach()
        if self.training if training is None else training:
            rated, seen = self.quantiser(x, medians)
        else:
            rated = seen = self.quantize(x, "dequantize", medians)
        by_channel = rated.transpose(0, 1)
        likelihood, _, _ = self._likelihood(by_channel.reshape(self.channels, 1, -1))
        return seen, self.bounded(likelihood).reshape(by_channel.shape).transpose(0, 1).contiguous()

    def _logits_cumulative(self, inputs: Tensor, stop_gradient: bool) -> Tensor:
        with torch.autocast(inputs.device.type, enabled=False):  # differences of half-precision sigmoids are noise
            return super()._logits_cumulative(single(inputs), stop_gradient)

    def _medians_like(self, x: Tensor | np.ndarray) -> Tensor:
        return self._get_medians().reshape(1, -1, *[1] * (x.ndim - 2))

    def _channel_indexes(self, shape: Sequence[int]) -> np.ndarray:
        channels = np.arange(self.channels, dtype=np.int32).reshape(1, -1, *[1] * (len(shape) - 2))
        return np.broadcast_to(channels, shape)

    @torch.no_grad()
    def compress(self, x: Tensor) -> list[bytes]:
        """x (B, C, ...) -> one string for each of B; raises `LicError` if x holds what is no number."""
        return self._encode(x, self._channel_indexes(x.shape), self._medians_like(x))

    @torch.no_grad()
    def decompress(self, strings: Sequence[bytes], size: Sequence[int]) -> Tensor:
        """B strings and the spatial size -> (B, C, *size); raises `StreamError` for damaged strings."""
        check_room(self.tables, size, min(map(len, strings), default=0))
        symbols = self._decode(strings, self._channel_indexes((len(strings), self.channels, *size)))
        return to_values(symbols, self._medians_like(symbols).detach())


class GaussianConditional(TableModel, peer.GaussianConditional):
    """Integers under N(0, scale) (or around given means), with one table for each of a list of scales.

    Without a list it has CompressAI's 64 scales from 0.11 to 256.

    >>> _ = torch.manual_seed(0)
    >>> conditional = GaussianConditional().eval()
    >>> scales, means = torch.full((1, 8, 4, 4), 3.0), torch.full((1, 8, 4, 4), 0.25)
    >>> y = means + scales * torch.randn(1, 8, 4, 4)
    >>> strings = conditional.write(y, scales, means)
    >>> y_hat, likelihoods = conditional(y, scales, means)
    >>> torch.allclose(conditional.read(strings, scales, means), y_hat)
    True
    >>> bits = -likelihoods.log2().sum().item()
    >>> bits < 8 * len(strings[0]) < bits + 64
    True
    """

    scale_table: Tensor

    def __init__(self, scale_table: Sequence[float] | None = None, **kwargs: Any) -> None:
        super().__init__(scale_table=list(scale_table) if scale_table else None, **kwargs)
        self.add_digest()
        self.fill_scale_table()

    def fill_scale_table(self) -> None:
        self._has_own_scales = self.scale_table.numel() > 0
        if not self._has_own_scales:
            self.scale_table = get_scale_table().to(self.scale_bound)

    def _table_parameters(self) -> list[Tensor]:
        return [self.scale_table]

    def _build_tables(self) -> RawTables:
        return gaussian_tables(tuple(self.scale_table.tolist()), self.tail_mass)

    def update_scale_table(self, scale_table: Tensor | Sequence[float], force: bool = False) -> bool:
        """Sets the scales; unless forced, those of the constructor, of a checkpoint or set before stay."""
        if self._has_own_scales and not force:
            return self._refresh()
        self.scale_table = self._prepare_scale_table(scale_table).to(self.scale_table.device)
        self._has_own_scales = True
        return self._refresh(force)

    def update(self) -> bool:
        """Never needed, as tables are kept fresh; builds them anew."""
        return self._refresh(force=True)

    def _load_from_state_dict(self, state_dict: dict[str, Any], prefix: str, *args: Any) -> None:
        if prefix + "scale_table" in state_dict:
            self.scale_table = self.scale_table.new_zeros(state_dict[prefix + "scale_table"].shape)
        super()._load_from_state_dict(state_dict, prefix, *args)
        if prefix + "scale_table" in state_dict:
            self.fill_scale_table()

    def _likelihood(self, inputs: Tensor, *parameters: Tensor | None) -> Tensor:
        return super()._likelihood(single(inputs), *(None if p is None else single(p) for p in parameters))

    def forward(
        self, inputs: Tensor, scales: Tensor, means: Tensor | None = None, training: bool | None = None
    ) -> tuple[Tensor, Tensor]:
        """inputs (B, ...) -> inputs as they are quantised, and their likelihoods, both of the same shape."""
        return self._measured(inputs, means, (scales, means), training)

    def _measured(
        self, inputs: Tensor, around: Tensor | None, parameters: tuple[Tensor | None, ...], training: bool | None
    ) -> tuple[Tensor, Tensor]:
        """`forward`, with what is rounded around told apart from the distribution's parameters."""
        inputs, around = single(inputs), None if around is None else single(around)
        if self.training if training is None else training:
            rated, seen = self.quantiser(inputs, around)
        else:
            rated = seen = self.quantize(inputs, "dequantize", around)
        return seen, self.bounded(self._likelihood(rated, *parameters))

    @torch.no_grad()
    def build_indexes(self, scales: Tensor) -> Tensor:
        """For each of `scales` the number of the table's scale that is the smallest ratio away, as int32.

        In files of version 1 that of the next larger one (`rules`).
        """
        values = np.ascontiguousarray(scales.detach().float().cpu().numpy()).view(np.int32)
        _, (lowest, shift, answers), bounds = self._search()
        indexes = np.empty(values.shape, dtype=np.int32)
        if shift:
            kernels.scale_indexes(values.reshape(-1), lowest, shift, answers, indexes.reshape(-1))
        else:
            indexes[...] = np.searchsorted(bounds, np.maximum(values, lowest))
        return torch.from_numpy(indexes).to(scales.device)

    def _search(self) -> tuple[rans.Tables, tuple[np.int32, int, np.ndarray], np.ndarray]:
        """The tables, what `kernels.scale_indexes` needs to find a scale's, and the bounds between their scales."""
        tables = self.tables
        bounds, shift, answers = _search_table(self._tables_of[0], rules().nearest_scale)
        lowest = np.int32(int.from_bytes(to_bytes(self.scale_bound), sys.byteorder))
        return tables, (lowest, shift, answers), bounds

    @torch.no_grad()
    def compress(self, inputs: Tensor, indexes: Tensor, means: Tensor | None = None) -> list[bytes]:
        """inputs and indexes (B, ...), means that broadcast -> B strings; raises `LicError` as above."""
        return self._encode(inputs, indexes.int().cpu().numpy(), means)

    @torch.no_grad()
    def decompress(
        self,
        strings: Sequence[bytes],
        indexes: Tensor,
        dtype: torch.dtype = torch.float,
        means: Tensor | None = None,
    ) -> Tensor:
        """B strings, indexes (B, ...) -> values of that shape; raises `StreamError` for damaged strings."""
        symbols = self._decode(strings, indexes.int().cpu().numpy())
        if means is not None:
            return to_values(symbols, single(means))
        return torch.from_numpy(symbols).to(indexes.device, dtype)

    def write(self, y: Tensor, scales: Tensor, means: Tensor | None = None) -> list[bytes]:
        """y (B, ...) under the Gaussians that `forward` would be given -> B strings."""
        tables, search, _ = self._search()
        parameters = (scales,) if means is None else (means, scales)
        if not (search[1] and all(match(y, p) for p in (y, *parameters))):
            return GaussianConditional.compress(self, y, self.build_indexes(scales), means)
        values, *around, bits = (np.ascontiguousarray(p.detach().numpy()).reshape(len(y), -1) for p in (y, *parameters))
        rows = zip(values, around[0] if around else values[:, :0], bits.view(np.int32))
        return [rans.encode_gaussians(*row, search, tables) for row in rows]

    def read(self, strings: Sequence[bytes], scales: Tensor, means: Tensor | None = None) -> Tensor:
        """B strings and the same Gaussians -> the values that `forward` gives in evaluation."""
        return GaussianConditional.decompress(self, strings, self.build_indexes(scales), means=means)


@lru_cache(maxsize=8)
def _search_table(table: bytes, nearest: bool) -> tuple[np.ndarray, int, np.ndarray]:
    """The bounds between the scales (float32) of `table`, and what `kernels.scale_indexes` needs to find them.

    Bounds are the bits of float32. The rest is the number of lower bits that do not tell bounds apart, 0 if only most
    of them do, and the answers.
    """
    scales = np.frombuffer(table, np.float32).astype(np.float64)
    bounds = (np.sqrt(scales[:-1] * scales[1:]) if nearest else scales[:-1]).astype(np.float32).view(np.int32)
    shift = next((n for n in range(19, 10, -1) if (np.diff(bounds >> n) > 0).all()), 0)
    keys = np.arange(1 << (31 - shift) if shift else 0, dtype=np.int64) << shift
    below = np.searchsorted(bounds, keys)
    left = np.minimum(np.append(bounds, 2**31 - 1).astype(np.int64)[below] - keys, (1 << shift) - 1)
    return bounds, shift, ((below + 1 << shift) - 1 - left).astype(np.uint32)


class GaussianMixtureConditional(GaussianConditional, peer.GaussianMixtureConditional):
    """Integers under mixtures of K Gaussians, coded by `mixture`; K = 1 is `GaussianConditional` to the byte.

    `scales`, `means`, `weights` are (B, K M, H, W), component by component, for y (B, M, H, W). With several
    components there is no one mean to round around: y_hat is round(y).
    """

    def __init__(self, K: int = 3, scale_table: Sequence[float] | None = None, **kwargs: Any) -> None:
        super().__init__(scale_table, **kwargs)
        self.K = K

    def forward(  # type: ignore[override]
        self, y: Tensor, scales: Tensor, means: Tensor, weights: Tensor, training: bool | None = None
    ) -> tuple[Tensor, Tensor]:
        """y -> y as it is quantised, and its likelihoods, both of y's shape."""
        if self.K == 1:
            return self._measured(y, means, (scales, means), training)
        return self._measured(y, None, (scales, means, weights), training)

    def _likelihood(self, inputs: Tensor, *parameters: Tensor | None) -> Tensor:
        if len(parameters) < 3:
            return peer.GaussianConditional._likelihood(
                self, single(inputs), *(single(p) for p in parameters if p is not None)
            )
        return super()._likelihood(inputs, *parameters)

    def _per_component(self, *parameters: Tensor) -> list[np.ndarray]:
        return [p.float().cpu().numpy().reshape(len(p), self.K, -1) for p in parameters]

    @torch.no_grad()
    def compress(self, y: Tensor, scales: Tensor, means: Tensor, weights: Tensor) -> list[bytes]:  # type: ignore[override]
        """One string for each image; raises `LicError` if anything is not finite."""
        if self.K == 1:
            return super().write(y, scales, means)
        symbols = to_int32(y)
        return [mixture.encode(*row) for row in zip(symbols, *self._per_component(scales, means, weights))]

    @torch.no_grad()
    def decompress(  # type: ignore[override]
        self, strings: Sequence[bytes], scales: Tensor, means: Tensor, weights: Tensor
    ) -> Tensor:
        """The rounded y (B, M, H, W), of the means' type; raises `StreamError` for damaged strings."""
        if len(strings) != len(scales):
            raise ValueError(f"{len(strings)} strings for {len(scales)} images")
        if self.K == 1:
            return super().read(strings, scales, means)
        rows = zip(strings, *self._per_component(scales, means, weights))
        symbols = [mixture.decode(*row) for row in rows]
        shape = (len(scales), scales.shape[1] // self.K, *scales.shape[2:])
        return torch.from_numpy(np.stack(symbols).reshape(shape)).to(means)

    write = compress  # type: ignore[assignment]
    read = decompress  # type: ignore[assignment]


def quantise_by(model: nn.Module, quantiser: Quantiser | Assignment) -> None:
    """Let every entropy model inside `model` that rounds, or every codebook, quantise so in training.

    Raises:
        LicError: it is an assignment to centres, and there is no codebook, or another one, and nothing is rounded.
    """
    assigns = isinstance(quantiser, Assignment)
    kinds = (Codebook,) if assigns else (EntropyBottleneck, GaussianConditional)
    models = [module for module in model.modules() if isinstance(module, kinds)]
    if assigns and not models:
        raise LicError(
            "quantiser=binary and quantiser=soft_to_hard are for codecs that take a codebook (model.codec.latent): "
            "factorized, hyperprior, mean_hyperprior, adjacent, channel_postfilter."
        )
    if not models:
        raise LicError("quantiser= stands for rounding in training, and this codec rounds no latent: leave it out.")
    for module in models:
        module.quantiser = quantiser


def adopt(model: nn.Module) -> nn.Module:
    """Turns every CompressAI entropy model inside `model` into ours, in place, and returns the model.

    Parameters, hooks and shared references stay; models that subclass CompressAI's entropy models keep their
    own.
    """
    ours: dict[type, type[TableModel]] = {
        peer.EntropyBottleneck: EntropyBottleneck,
        peer.GaussianConditional: GaussianConditional,
        peer.GaussianMixtureConditional: GaussianMixtureConditional,
    }
    for module in model.modules():
        if type(module) in ours:
            module.__class__ = ours[type(module)]
            assert isinstance(module, TableModel)
            module.add_digest()
            if isinstance(module, GaussianConditional):
                module.fill_scale_table()
    return model
