"""Raster order: every position of a latent is predicted from those above it and left of it, within a window.

D. Minnen, J. Ballé, G. Toderici: "Joint autoregressive and hierarchical priors for learned image compression",
NeurIPS 2018. y_hat is round(y), so that nothing rounded depends on what is predicted. And what is predicted is exact
(`common.entropy.exact`), so that one masked convolution over all of y_hat gives, to the last bit, what each position's
neighbours alone give. Hence

* likelihoods and writing take one pass;
* reading goes by wavefronts. A window of radius r reaches r columns to the right in the rows above, so that all
  positions with the same j + (r + 1) i have what they need at the same time: W + (r + 1) (H - 1) steps in place of
  H W, each of a few products of matrices.

Symbols are written in the order in which they are read: wave by wave, from the top, all channels of one position
after the other. Channels may come in groups, each predicted from those before it at the same position, too: then a wave
is read group by group.
"""

from collections.abc import Callable, Sequence
from functools import lru_cache

import numpy as np
import torch
from torch import Tensor

from common.entropy.exact.sums import same_weights
from common.entropy.mixture_packet import MixtureReader, MixtureWriter
from common.entropy.models import GaussianConditional, single
from common.entropy.tables import to_int32
from common.entropy.walks import EVERYTHING, Likelihoods, Visitor

# Scales and means of n positions, (B, n, M) each, or of the M channels of a group.
Told = tuple[Tensor, Tensor]
ONE_GROUP = (EVERYTHING,)


@lru_cache(maxsize=32)
def wavefronts(h: int, w: int, radius: int = 2) -> tuple[np.ndarray, np.ndarray]:
    """The positions i w + j, wave by wave and from the top, (h w,); and where each wave ends."""
    rows, columns = np.divmod(np.arange(h * w), w)
    wave = columns + (radius + 1) * rows
    order = np.lexsort((rows, wave))
    return order, np.flatnonzero(np.diff(wave[order], append=-1)) + 1


def taps(radius: int = 2) -> np.ndarray:
    """The positions of a window, as i (2 r + 1) + j, that come before its centre."""
    return np.arange(2 * radius * (radius + 1))


class RasterLikelihoods(Likelihoods):
    """Measures round(y) under Gaussians of any mean; in training y as the model's quantiser says."""

    def __init__(self, model: GaussianConditional, y: Tensor) -> None:
        super().__init__(model, y)
        y_hat = single(y).round()
        self._rated, self.known = model.quantiser(single(y)) if model.training else (y_hat, y_hat)

    def __call__(self, scales: Tensor, means: Tensor | None = None, *args: object, **kwargs: object) -> Tensor:
        assert self.known is not None
        found = self._model._likelihood(self._rated, single(scales), means)
        self._found[None, None] = self._model.likelihood_lower_bound(found)
        return self.known


class RasterWriter(Visitor):
    """Writes round(y), each image into a writer of its own; `groups` and `radius` as of `raster`."""

    def __init__(
        self, y: Tensor, writers: Sequence[MixtureWriter], radius: int = 2, groups: Sequence[slice] = ONE_GROUP
    ) -> None:
        self.size = (y.shape[2], y.shape[3])
        self.known, self._writers, self._radius, self._groups = y.round(), writers, radius, groups

    def __call__(self, scales: Tensor, means: Tensor | None = None, *args: object, **kwargs: object) -> Tensor:
        assert self.known is not None and means is not None
        symbols = to_int32(self.known)
        told = [p.float().cpu().numpy() for p in (scales, means)]
        for i, writer in enumerate(self._writers):
            integers, scale, mean = (self._in_order(a[i]) for a in (symbols, *told))
            writer.symbols(integers, scale[None], mean[None])
        return self.known

    def _in_order(self, values: np.ndarray) -> np.ndarray:
        """(M, h, w) -> one after the other, as they are read."""
        order, ends = wavefronts(*self.size, self._radius)
        waves = np.split(values.reshape(len(values), -1).T[order], ends[:-1])
        return np.concatenate([wave[:, group].reshape(-1) for wave in waves for group in self._groups])


class RasterReader(Visitor):
    """Reads a latent of M channels, each image from a reader of its own."""

    def __init__(self, M: int, size: tuple[int, int], readers: Sequence[MixtureReader]) -> None:
        self.size, self.M, self._readers = size, M, readers

    def wave(self, scales: Tensor, means: Tensor) -> Tensor:
        """The next n positions' Gaussians (B, n, M) -> their symbols, of the same shape."""
        told = [p.float().contiguous().cpu().numpy() for p in (scales, means)]
        read = [r.symbols(s.reshape(1, -1), m.reshape(1, -1)) for r, s, m in zip(self._readers, *told)]
        return torch.from_numpy(np.stack(read)).to(scales).unflatten(1, (-1, scales.shape[2]))


class Window:
    """A latent's decoded values and, for every position, where its neighbours are; zeros surround the latent.

    Attributes:
        values: (B, places, M): position by position with `radius` zeros around, channels together.
        reach: where the neighbours of a place that come before it are from it, (taps,), in rising order.
    """

    def __init__(self, batch: int, size: tuple[int, int], M: int, radius: int, like: Tensor) -> None:
        (h, self._w), self._radius = size, radius
        self._wide = self._w + 2 * radius
        self.values = like.new_zeros(batch, (h + radius) * self._wide, M)
        rows, columns = np.divmod(taps(radius), 2 * radius + 1)
        self.reach = (rows - radius) * self._wide + columns - radius

    def places(self, positions: np.ndarray) -> np.ndarray:
        """Where in `values` the positions i w + j are."""
        return (positions // self._w + self._radius) * self._wide + positions % self._w + self._radius

    def inside(self) -> Tensor:
        """`values` without what surrounds them: a view (B, h, w, M)."""
        return self.values.unflatten(1, (-1, self._wide))[:, self._radius :, self._radius : self._w + self._radius]

    def neighbours(self, positions: np.ndarray) -> Tensor:
        """Those of n positions, (B, n, taps M)."""
        at = torch.as_tensor((self.places(positions)[:, None] + self.reach).reshape(-1), device=self.values.device)
        return self.values[:, at].unflatten(1, (len(positions), -1)).flatten(2)


# From side information of every position (B, h w, S) and the window: what tells positions i w + j their Gaussians, a
# function for each group of channels.
Predictor = Callable[[Tensor, Window], Sequence[Callable[[np.ndarray], Told]]]
CHUNK = 2048  # positions that are predicted at once, where all are known


def gathered(predict: Callable[[Tensor, Tensor], Told]) -> Predictor:
    """`predict` takes n positions' side information (B, n, S) and neighbours (B, n, taps M)."""

    def begin(side: Tensor, window: Window) -> list[Callable[[np.ndarray], Told]]:
        return [lambda positions: predict(side[:, positions], window.neighbours(positions))]

    return begin


def raster(
    visit: Visitor, side: Tensor, predictor: Predictor, radius: int = 2, groups: Sequence[slice] = ONE_GROUP
) -> Tensor:
    """A walk in raster order; returns y_hat (B, M, h, w).

    Args:
        side: side information of every position, (B, S, h, w).
        predictor: see `gathered`.
        radius: of the window.
        groups: of channels, in coding order: all M, from the first on.
    """
    h, w = visit.size
    M = visit.M if isinstance(visit, RasterReader) else known_of(visit).shape[1]
    window = Window(len(side), visit.size, M, radius, side)
    with same_weights():
        tellers = predictor(side.flatten(2).transpose(1, 2).contiguous(), window)
        if isinstance(visit, RasterReader):
            order, ends = wavefronts(h, w, radius)
            for positions in np.split(order, ends[:-1]):
                places = window.places(positions)
                for told, group in zip(tellers, groups):
                    window.values[:, places, group] = visit.wave(*told(positions))
            return window.inside().permute(0, 3, 1, 2).contiguous()
        window.inside().copy_(known_of(visit).permute(0, 2, 3, 1))
        chunks = [np.arange(i, min(i + CHUNK, h * w)) for i in range(0, h * w, CHUNK)]
        parts = [zip(*(told(positions) for told in tellers)) for positions in chunks]
        scales, means = (
            torch.cat([torch.cat(p, 2) for p in of_all], 1).transpose(1, 2).unflatten(2, (h, w))
            for of_all in zip(*parts)
        )
        return visit(scales, means)


def known_of(visit: Visitor) -> Tensor:
    if visit.known is None:
        raise ValueError("raster order is for visitors that know y, and for RasterReader")
    return visit.known
