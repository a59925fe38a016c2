"""Latents that take one of few values, the centres of a codebook, instead of integers.

    y (B, M, h, w) ── G = M / d vectors at every position ── the nearest of the group's L centres ── its number l

The number is coded with

    p(l)  ∝  exp(b_l) · N(c_l; μ, σ)

b being a learned histogram of each group, and N the density that side information tells of the latents, at the centre:
so any codec whose entropy model is told scales (and means) can have a codebook. Without side information p is the
histogram. Numbers are written as binary decisions (`common.entropy.decisions`), whose probabilities are computed in
exact arithmetic from what is decoded already.

`Codebook` learns L centres for each group (E. Agustsson et al., NeurIPS 2017; there vectors are patches of a channel,
here they are neighbouring channels at one position). Its child `Signs` has two centres for each channel. What stands
for the choice in training is an `Assignment`.
"""

import math
from collections.abc import Iterator, Sequence

import numpy as np
import torch
from compressai.ops import LowerBound
from torch import Tensor, nn

from common.entropy import decisions, exact
from common.entropy.assignments import Assignment, SoftToHard, squared_distances
from common.errors import LicError, StreamError

LEAST_SCALE = 0.11  # as of Gaussians over integers
CHUNK = 1 << 22  # probabilities that are computed at once where no gradient is needed
UNITS = 1 << 24  # of probability: what decisions are computed from, in integers


class Codebook(nn.Module):
    """The entropy model of y.

    Args:
        M: channels of y.
        points: values of each component of a centre at the start; L = `points` to the power of `size`.
        size: d, channels of a vector.

    Raises:
        LicError: `size` does not divide M, or there are fewer than 2 or more than 65536 centres.

    >>> _ = torch.manual_seed(0)
    >>> codebook = Codebook(4, points=8, size=2).eval()
    >>> y, scales = 2 * torch.randn(1, 4, 5, 6), torch.full((1, 4, 5, 6), 2.0)
    >>> y_hat, likelihoods = codebook(y, scales)
    >>> strings = codebook.compress(y, scales)
    >>> torch.equal(codebook.decompress(strings, (5, 6), scales), y_hat)
    True
    """

    def __init__(self, M: int, points: int = 16, size: int = 2) -> None:
        super().__init__()
        if size < 1 or M % size:
            raise LicError(f"vectors of {size} channels do not divide the latent's {M}: change size, or model.codec.M.")
        if not 2 <= points**size <= 1 << 16:
            raise LicError(f"a codebook has 2 to 65536 centres, not {points} to the power of {size}.")
        self.M, self.size, self.groups, self.count = M, size, M // size, points**size
        grid = torch.stack(torch.meshgrid(*[torch.arange(points) - points // 2] * size, indexing="ij"), -1)
        self.add_centres(grid.reshape(1, -1, size).float().repeat(self.groups, 1, 1))
        self.histogram = nn.Parameter(torch.zeros(self.groups, self.count))
        self.register_buffer("spread", torch.full((self.groups,), size / 12))
        self.lower_bound_scale = LowerBound(LEAST_SCALE)
        self.lower_bound_log_p = LowerBound(-math.log(UNITS))  # no number costs more than 24 bits, see `_whole`
        self.quantiser: Assignment = self.own_assignment()

    def add_centres(self, centres: Tensor) -> None:
        """Make parameters of the centres (G, L, d)."""
        self.learned_centres = nn.Parameter(centres)

    @property
    def centres(self) -> Tensor:
        """(G, L, d)."""
        return self.learned_centres

    @staticmethod
    def own_assignment() -> Assignment:
        return SoftToHard()

    @torch.no_grad()
    def start_from(self, y: Tensor, told: bool = False) -> None:
        """Start from latents (B, M, h, w): at rounding, in larger steps where y goes far beyond the grid.

        `told`: whether side information tells scales. If not, the histogram starts at their Gaussian.
        """
        vectors = self.vectors(y)
        deviation = vectors.square().mean((0, 2, 3)).sqrt()  # (G, d)
        points = round(self.count ** (1 / self.size))
        self.learned_centres.mul_((6 * deviation / points).clamp_min(1)[:, None])
        self._measure(vectors)
        if not told:
            self.histogram.copy_(-0.5 * (self.centres / deviation.clamp_min(LEAST_SCALE)[:, None]).square().sum(2))

    def _measure(self, vectors: Tensor) -> None:
        nearest = squared_distances(vectors, self.centres).amin(-1)
        self.spread.copy_(nearest.mean((0, 2, 3)).clamp_min(1e-4))  # type: ignore[operator]

    def vectors(self, y: Tensor) -> Tensor:
        """(B, M, h, w) -> (B, G, h, w, d)."""
        return y.unflatten(1, (self.groups, self.size)).permute(0, 1, 3, 4, 2)

    def latents(self, vectors: Tensor) -> Tensor:
        """The inverse of `vectors`."""
        return vectors.permute(0, 1, 4, 2, 3).flatten(1, 2)

    def forward(self, y: Tensor, scales: Tensor | None = None, means: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """y (B, M, h, w) and the Gaussians told of it -> y_hat, and the numbers' likelihoods (B, G, h, w)."""
        if self.training:
            weights = self.assigned(y.float())
            log_p = self.lower_bound_log_p(self.logits(*self._grouped(scales, means)).log_softmax(-1))
            seen = torch.einsum("bghwl,gld->bghwd", weights, self.centres)
            return self.latents(seen), (weights * log_p).sum(-1).exp()
        with torch.no_grad():
            numbers = self.numbers(y)
            found = torch.empty(numbers.shape, dtype=torch.float64)
            for at, units in self._units(numbers.shape, scales, means):
                found[at] = torch.from_numpy(decisions.likelihoods(numbers[at].cpu().numpy(), units))
            return self.values(numbers), found.to(y)

    def assigned(self, y: Tensor) -> Tensor:
        """What stands in training for the choice of a centre: weights (B, G, h, w, L) for y (B, M, h, w)."""
        return self.quantiser(self.vectors(y), self.centres, self.spread)  # type: ignore[arg-type]

    def numbers(self, y: Tensor) -> Tensor:
        """Of the nearest centres of y (B, M, h, w): int64 (B, G, h, w)."""
        if not y.isfinite().all():
            raise LicError("The latent holds NaN or infinite values and cannot be coded: the training diverged.")
        rows = max(CHUNK // (y.shape[0] * self.groups * self.count * y.shape[3]), 1)
        parts = self.vectors(y).split(rows, 2)
        return torch.cat([squared_distances(part, self.centres).argmin(-1) for part in parts], 2)

    def values(self, numbers: Tensor) -> Tensor:
        """y_hat (B, M, h, w) of numbers (B, G, h, w)."""
        group = torch.arange(self.groups, device=numbers.device).reshape(-1, 1, 1)
        return self.latents(self.centres[group, numbers]).contiguous()

    def _grouped(self, scales: Tensor | None, means: Tensor | None) -> tuple[Tensor | None, Tensor | None]:
        scales = None if scales is None else self.vectors(self.lower_bound_scale(scales.float()))
        return scales, None if means is None else self.vectors(means.float())

    def logits(self, scales: Tensor | None, means: Tensor | None) -> Tensor:
        """log p(l) but for a constant, (…, L), of Gaussians (B, G, h, w, d); without these (G, 1, 1, L)."""
        told = self.histogram[:, None, None]
        for i in range(self.size if scales is not None else 0):
            centre = self.centres[:, None, None, :, i]
            away = centre if means is None else centre - means[..., i, None]
            told = told - 0.5 * (away / scales[..., i, None]).square()  # type: ignore[index]
        return told

    @exact.parameters
    def probabilities(self, scales: Tensor | None, means: Tensor | None) -> Tensor:
        """p(l) of every number: as `logits`."""
        return self.logits(scales, means).softmax(-1)

    def _units(
        self, shape: Sequence[int], scales: Tensor | None, means: Tensor | None
    ) -> Iterator[tuple[tuple[int, slice, slice], np.ndarray]]:
        """The probabilities of numbers (B, G, h, w) in whole `UNITS`, (G, rows, w, L), and where they are; in order."""
        scales, means = self._grouped(scales, means)
        B, _, h, w = shape
        always = self._whole(None, None) if scales is None else None
        rows = max(CHUNK // (self.groups * self.count * w), 1)
        for i, first in ((i, first) for i in range(B) for first in range(0, h, rows)):
            at = i, slice(None), slice(first, min(first + rows, h))
            if always is None:
                told = (None if p is None else p[at][None] for p in (scales, means))
                yield at, self._whole(*told)[0]
            else:
                yield at, np.broadcast_to(always, (self.groups, at[2].stop - first, w, self.count))

    def _whole(self, scales: Tensor | None, means: Tensor | None) -> np.ndarray:
        if not all(told is None or bool(told.isfinite().all()) for told in (scales, means)):
            raise LicError("The predicted means or scales are not finite, so that nothing can be coded with them.")
        p = self.probabilities(scales, means).cpu().numpy().astype(np.float64)
        return np.floor(p * UNITS).astype(np.int64) + 1

    @torch.no_grad()
    def compress(self, y: Tensor, scales: Tensor | None = None, means: Tensor | None = None) -> list[bytes]:
        """y (B, M, h, w) and the Gaussians that `forward` would be given -> B strings."""
        numbers = self.numbers(y)
        writers = [decisions.DecisionWriter() for _ in y]
        for at, units in self._units(numbers.shape, scales, means):
            writers[at[0]].numbers(numbers[at].cpu().numpy(), units)
        return [writer.finish() for writer in writers]

    @torch.no_grad()
    def decompress(
        self, strings: Sequence[bytes], size: Sequence[int], scales: Tensor | None = None, means: Tensor | None = None
    ) -> Tensor:
        """B strings, height and width, and the same Gaussians -> y_hat; raises `StreamError` for damaged strings."""
        shape = (len(strings), self.groups, *size)
        if scales is None:
            units = self._whole(None, None)
            decisions.check_room(units.reshape(self.groups, -1), size, min(map(len, strings), default=0))
        numbers = torch.zeros(shape, dtype=torch.int64)
        readers = [decisions.DecisionReader(string) for string in strings]
        for at, units in self._units(shape, scales, means):
            numbers[at] = torch.from_numpy(readers[at[0]].numbers(units))
        for reader in readers:
            reader.finish()
        return self.values(numbers.to(self.histogram.device))


class CodebookWriter:
    """What `common.entropy.walks.Writer` writes one image's latent with, whose model is a codebook."""

    def __init__(self) -> None:
        self._strings: list[bytes] = []

    def gaussians(
        self,
        model: Codebook,
        y: Tensor,
        scales: Tensor,
        means: Tensor | None = None,
        weights: Tensor | None = None,
        positions: Tensor | None = None,
    ) -> Tensor:
        """y (1, M, h, w) -> y_hat; all of it is one part."""
        self._strings += model.compress(_whole_part(y, positions), scales, means)
        return model.values(model.numbers(y))

    def finish(self) -> list[bytes]:
        """The one stream."""
        (string,) = self._strings
        return [string]


class CodebookReader:
    """What `common.entropy.walks.Reader` reads with."""

    def __init__(self, string: bytes) -> None:
        self._string: bytes | None = string

    def gaussians(
        self,
        model: Codebook,
        scales: Tensor,
        means: Tensor | None = None,
        weights: Tensor | None = None,
        positions: Tensor | None = None,
    ) -> Tensor:
        """y_hat (1, M, h, w)."""
        string, self._string = self._string, None
        if string is None:
            raise StreamError("The stream of a codebook's latent is one part.")
        return model.decompress([string], _whole_part(scales, positions).shape[2:], scales, means)

    def finish(self) -> None:
        """Nothing is left: `gaussians` has read all."""


def _whole_part(x: Tensor, positions: Tensor | None) -> Tensor:
    if positions is not None:
        raise ValueError("a codebook's latent is coded in one part")
    return x
