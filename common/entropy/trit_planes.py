"""Integers under Gaussians, told trit by trit, so that a stream may end anywhere: nested quantisers of step …, 9, 3, 1.

    q = round(y - mean) = m_L,   m_k = 3 m_(k-1) + d_k,   d_k in {-1, 0, 1},   m_0 = 0

After k of its L trits, q is known to lie in an interval of width 3^(L-k) around 3^(L-k) m_k. The probabilities of the
next trit are those of a Gaussian within this interval, and y is reconstructed at its mean there. So the bits of all
trits together are those of q, but for the roundings of tables. L is the least for which 3^L spans ±4.25 deviations;
what lies beyond is an escape of the first trit.

J.-H. Lee, S. Jeon, K. P. Choi, Y. Park, C.-S. Kim: "DPICT: Deep progressive image compression using trit-planes", CVPR
2022, section 3; Y. Lu, Y. Zhu, Y. Yang, A. Said, T. S. Cohen: "Progressive neural image compression with nested
quantization and latent ordering", ICIP 2021, section 3: there planes of steps 3^j are nested quantisers.

The order. A trit's slope is what it is expected to take off the squared error, by what it is expected to cost:

    slope = (Var(y | m_k) - E Var(y | m_(k+1))) / H(d_(k+1))

(DPICT, equations 6 to 8.) Each depends only on what was decoded before, so a decoder knows the order.

Everything that a decoder does follows from integers and from `exact` functions, the same on every machine.
"""

from abc import ABC, abstractmethod
from functools import lru_cache
from typing import NamedTuple

import numpy as np
import torch
from compressai.models.base import get_scale_table
from torch import Tensor

from common.entropy import rans
from common.entropy.exact import functions
from common.entropy.tables import RawTables, TableModel, quantised, to_int32

REACH = 4.25  # deviations on either side that the trits span
BEYOND = 1e9  # the slope where numbers are beyond it


class Tree(NamedTuple):
    """What may be known of a number, for every scale: T nodes, number 0 for all numbers beyond the trits' reach.

    Only intervals around 0 and above are listed: those below are their mirror images.
    """

    planes: np.ndarray  # int64 (S,): trits L of a number of this scale
    first: np.ndarray  # int64 (S, most planes): the node of m_k = 0, by scale and k
    pmf: np.ndarray  # float64 (T, 3): of the next trit
    tail: np.ndarray  # float64 (T,): that it is none of them
    slope: np.ndarray  # float64 (T,): of the next trit
    mean: np.ndarray  # float64 (T,): of y within the interval


@lru_cache(maxsize=4)
def tree(scales: tuple[float, ...]) -> Tree:
    """The tree of Gaussians of these deviations."""
    planes = np.array([int(np.ceil(np.log(2 * REACH * s) / np.log(3) - 1e-9)) for s in scales]).clip(1)
    first = np.zeros((len(scales), planes.max()), np.int64)
    parts: list[tuple[np.ndarray, ...]] = [(np.full((1, 3), 1 / 3), np.zeros(1), np.full(1, BEYOND), np.zeros(1))]
    count = 1
    for row, (scale, depth) in enumerate(zip(scales, planes)):
        for k in range(depth):
            parts.append(_nodes(scale, 3.0 ** (depth - k), (3**k + 1) // 2))
            first[row, k] = count
            count += len(parts[-1][1])
    return Tree(planes, first, *(np.concatenate(each) for each in zip(*parts)))


def _nodes(scale: float, width: float, count: int) -> tuple[np.ndarray, ...]:
    """pmf, tail, slope and mean of the intervals of `width` around 0, width, …, (count - 1) width."""
    m = np.arange(count)
    mass, moment = _moments(scale, width / 3, 3 * m[:, None] + np.array([-1, 0, 1]))
    total, first = (p[:, 0] + p[:, 1] + p[:, 2] for p in (mass, moment))
    mean, square = first / total, 0.0
    pmf = mass / total[:, None]
    entropy = -pmf * functions.log(torch.from_numpy(pmf)).numpy() / np.log(2)
    for d in range(3):
        square = square + pmf[:, d] * (moment[:, d] / mass[:, d] - mean) ** 2
    slope = square / np.maximum(entropy[:, 0] + entropy[:, 1] + entropy[:, 2], 1e-12)
    tail = np.zeros(count)
    if count == 1:  # the first trit alone may be none of three
        tail[0], pmf = max(1 - total[0], 0.0), mass
    return pmf, tail, slope, mean


def _moments(scale: float, width: float, m: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mass, and mass times mean, of the intervals of `width` around `width` m."""
    ends = torch.from_numpy((np.abs(m) + np.array([-0.5, 0.5])[:, None, None]) * width / scale)
    below = functions.normal_below(-ends).numpy()
    density = functions.exp(-ends * ends / 2).numpy() / np.sqrt(2 * np.pi)
    return below[0] - below[1], np.sign(m) * scale * (density[0] - density[1])


class Known(NamedTuple):
    """What is known of numbers, all int64 (…): the rows of their scales, how many trits, and which interval."""

    scale: Tensor
    trits: Tensor
    m: Tensor


class TritPlanes(TableModel):
    """The tree as a part of a codec, with the coder's tables; it has no parameters of its own."""

    tail_mass = 0.0  # the tables have none of their own
    planes: Tensor
    first: Tensor
    slope: Tensor
    mean: Tensor
    bounds: Tensor

    def __init__(self) -> None:
        super().__init__(likelihood_bound=0)
        self.add_digest()
        scales = get_scale_table().double()
        self._scales = tuple(scales.tolist())
        told = tree(self._scales)
        for name in ("planes", "first", "slope", "mean"):
            self.register_buffer(name, torch.from_numpy(getattr(told, name)), persistent=False)
        self.register_buffer("bounds", (scales[:-1] * scales[1:]).sqrt().float(), persistent=False)

    def _table_parameters(self) -> list[Tensor]:
        return [torch.tensor(self._scales)]

    def _build_tables(self) -> RawTables:
        told = tree(self._scales)
        ones = np.ones(len(told.pmf), np.int64)
        return quantised(told.pmf, ones, ones, told.tail)  # of -1, 0, 1 and the escape

    def nothing_known(self, scales: Tensor) -> Known:
        """Of numbers of these deviations (…), exact float32: each is coded with the table's nearest, as ratios go."""
        row = torch.bucketize(scales.contiguous(), self.bounds)
        return Known(row, torch.zeros_like(row), torch.zeros_like(row))

    def nodes(self, known: Known) -> Tensor:
        """Where in the tree numbers are, (…); of no meaning where all trits are known."""
        row = self.first[known.scale, known.trits.clamp_max(self.first.shape[1] - 1)]
        inside = 2 * known.m.abs() < 3**known.trits
        return torch.where(inside, row + known.m.abs(), 0)

    def expected(self, known: Known) -> Tensor:
        """The numbers where all trits are known, elsewhere their means in their intervals, float32 (…)."""
        left = self.planes[known.scale] - known.trits
        nodes = self.nodes(known)
        within = torch.where(nodes == 0, known.m.abs() * 3**left, self.mean[nodes])
        return torch.where(left == 0, known.m, known.m.sign() * within).float()


class TritVisitor(ABC):
    """Goes through the trits of a latent y in their order; what it does at each, its subclasses tell.

    Args:
        model: of the trits.
        scales, means: of the Gaussians, (B, M, h, w), exact.
        gains: by what a channel's squared error is multiplied in the picture, (M, 1, 1), exact.
    """

    def __init__(self, model: TritPlanes, scales: Tensor, means: Tensor, gains: Tensor) -> None:
        self.model, self._means, self._gains = model, means, gains
        self.known = model.nothing_known(scales)

    def refine(self, least: float) -> None:
        """All trits that are worth `least` or more, slope times gain, but for those behind one that is worth less."""
        model, known = self.model, self.known
        while True:
            nodes = model.nodes(known)
            due = (known.trits < model.planes[known.scale]) & (self._gains * model.slope[nodes] >= least)
            if not due.any():
                return
            m = known.m[due]
            mirrored = torch.where(m < 0, -1, 1)
            known.m[due] = 3 * m + mirrored * self.trits(due, nodes[due], mirrored)
            known.trits[due] += 1

    @abstractmethod
    def trits(self, due: Tensor, nodes: Tensor, mirrored: Tensor) -> Tensor:
        """The next trits, int64 (n,), times `mirrored`.

        Args:
            due: bool (B, M, h, w), n times true.
            nodes: of these n in the tree, and whether their intervals are `mirrored`, -1, or not, 1.
        """

    def y_hat(self) -> Tensor:
        """What is expected of y by now, (B, M, h, w)."""
        return self._means + self.model.expected(self.known)


class TritTeller(TritVisitor):
    """Knows y (B, M, h, w) itself."""

    def __init__(self, model: TritPlanes, scales: Tensor, means: Tensor, y: Tensor, gains: Tensor) -> None:
        super().__init__(model, scales, means, gains)
        self._q = torch.from_numpy(to_int32(y, means)).to(y.device, torch.int64)

    def trits(self, due: Tensor, nodes: Tensor, mirrored: Tensor) -> Tensor:
        known = self.known
        width = 3 ** (self.model.planes[known.scale[due]] - known.trits[due] - 1)
        return mirrored * ((self._q[due] + width // 2).div(width, rounding_mode="floor") - 3 * known.m[due])


class TritLikelihoods(TritTeller):
    """Measures; `likelihoods` (B, M, h, w) are those of the trits so far, by the coder's tables."""

    def __init__(self, model: TritPlanes, scales: Tensor, means: Tensor, y: Tensor, gains: Tensor) -> None:
        super().__init__(model, scales, means, y, gains)
        self.likelihoods = torch.ones_like(y)
        shares = np.diff(model.tables.cdf[:, :5].astype(np.float32)) / 2**16
        self._shares = torch.from_numpy(shares).to(y.device)

    def trits(self, due: Tensor, nodes: Tensor, mirrored: Tensor) -> Tensor:
        told = super().trits(due, nodes, mirrored)
        outside = told.abs() > 1
        share = self._shares[nodes, torch.where(outside, 2, told) + 1]
        self.likelihoods[due] *= torch.where(outside, share * _of_escaped(told), share)
        return told


def _of_escaped(told: Tensor) -> Tensor:
    """The part of an escape's share that the coder leaves to a number beyond ±1, see `kernels.push_number`."""
    number = torch.where(told < 0, -2 * told - 3, 2 * told - 4).clamp_min(0)
    return 2.0 ** -(6 + (number + 1).double().log2().floor()).float()


class TritWriter(TritTeller):
    """Writes y (1, M, h, w)."""

    def level(self, least: float) -> bytes:
        """The stream of `refine(least)`."""
        self._encoder = rans.SequentialEncoder(self.model.tables)
        self.refine(least)
        return self._encoder.finish(short=True)

    def trits(self, due: Tensor, nodes: Tensor, mirrored: Tensor) -> Tensor:
        told = super().trits(due, nodes, mirrored)
        self._encoder.encode(told.cpu().numpy(), nodes.cpu().numpy())
        return told


class TritReader(TritVisitor):
    """Reads a latent of the size of its scales, (1, M, h, w); raises `StreamError` for damaged streams."""

    def level(self, least: float, stream: bytes) -> None:
        """Take `stream`, which `TritWriter.level(least)` wrote, for `refine(least)`."""
        self._decoder = rans.SequentialDecoder(stream, self.model.tables, short=True)
        self.refine(least)
        self._decoder.finish()

    def trits(self, due: Tensor, nodes: Tensor, mirrored: Tensor) -> Tensor:
        return torch.from_numpy(self._decoder.decode(nodes.cpu().numpy())).to(nodes)
