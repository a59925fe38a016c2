"""What a training step sees: an endless list of equally large canvases out of several sets, drawn with weights."""

from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F
from torch.utils.data import Dataset

from common.data.random_streams import Stream, generator
from common.errors import LicError


class Pairs(Protocol):
    """What a mixture draws from, such as ``FlowPairs``; endless where it has no ``len``."""

    has_flow: bool
    has_occlusion: bool

    def __getitem__(self, n: int, /) -> dict[str, Any]: ...


class Mixture(Dataset[dict[str, Any]]):
    """Sample ``n`` of the endless list ``seed``: a function of (seed, n) and what it draws from alone.

    Sample ``n`` comes from ``sets[k]`` with probability proportional to ``weights[k]``. A set with a length is read
    in passes, each a permutation of it; one without, by number ``n``. Out of the pair a random part of ``canvas``
    (height, width) pixels is taken, every position alike; one that is smaller is continued by its border, where
    "valid" is false. "index" is ``n``; "occluded" is there when every set has it.
    """

    def __init__(self, sets: Sequence[Pairs], weights: Sequence[float], canvas: Sequence[int], seed: int) -> None:
        if not sets or len(sets) != len(weights):
            raise LicError(f"{len(sets)} sets are mixed with {len(weights)} weights; give one weight to each set.")
        if min(weights) < 0 or not 0 < sum(weights) < float("inf"):
            raise LicError(f"the weights of the mixture are {list(weights)}; none may be negative, nor all be zero.")
        if len(canvas) != 2 or min(canvas) < 1:
            raise LicError(f"the canvas is {tuple(canvas)}; give a height and a width in pixels, each at least 1.")
        for k, pairs in enumerate(sets):
            if not pairs.has_flow:
                raise LicError(f"set {k + 1} of the mixture has no ground truth; train on a split that has.")
        self.sets, self.canvas, self.seed = list(sets), (int(canvas[0]), int(canvas[1])), seed
        self.cumulative = np.cumsum(np.asarray(weights, np.float64)) / sum(weights)
        self.has_flow, self.has_occlusion = True, all(pairs.has_occlusion for pairs in sets)
        self._orders: dict[int, tuple[int, NDArray[np.int64]]] = {}

    def __getitem__(self, n: int) -> dict[str, Any]:
        rng = generator(self.seed, n, Stream.PAIR_SOURCE)
        k = int(np.searchsorted(self.cumulative[:-1], rng.random(), side="right"))
        sample = self.sets[k][self._item(k, n)]
        if not self.has_occlusion:
            sample.pop("occluded", None)
        sides = sample["first"].shape[1:]
        place, padding = zip(*(_span(side, wanted, rng) for side, wanted in zip(sides, self.canvas)))
        return {name: _cut(name, values, place, padding) for name, values in sample.items()} | {"index": n}

    def _item(self, k: int, n: int) -> int:
        if not hasattr(self.sets[k], "__len__"):
            return n
        count = len(self.sets[k])  # type: ignore[arg-type]
        epoch, position = divmod(n, count)
        if self._orders.get(k, (-1,))[0] != epoch:
            rng = generator(self.seed, epoch, Stream.ORDER, k)
            self._orders[k] = epoch, rng.permutation(count)
        return int(self._orders[k][1][position])


def _span(side: int, wanted: int, rng: np.random.Generator) -> tuple[slice, tuple[int, int]]:
    """What to take of an axis, and how much to add before and after it, to have ``wanted`` pixels."""
    start = int(rng.integers(0, max(side - wanted, 0) + 1))
    lacking = max(wanted - side, 0)
    return slice(start, start + wanted), (lacking // 2, lacking - lacking // 2)


def _cut(name: str, values: Tensor, place: Sequence[slice], padding: Sequence[tuple[int, int]]) -> Tensor:
    """``values`` (..., H, W) at ``place``, the pictures continued by their borders and all else by zeros."""
    part = values[..., place[0], place[1]]
    (top, bottom), (left, right) = padding
    if not (top or bottom or left or right):
        return part.contiguous()
    if name not in ("first", "second"):
        return F.pad(part, (left, right, top, bottom))
    rows = torch.arange(-top, part.shape[-2] + bottom).clamp(0, part.shape[-2] - 1)
    columns = torch.arange(-left, part.shape[-1] + right).clamp(0, part.shape[-1] - 1)
    return part[..., rows[:, None], columns]
