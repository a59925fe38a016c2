"""What a training step sees, as a function of (seed, step, rank) alone.

Samples are numbered without end: step ``s`` of a global batch of ``B`` consists of samples ``s B .. s B + B - 1``, of
which rank ``r`` of ``R`` takes the ``r``-th run of ``B / R``. Nothing depends on how many processes or loader workers
there are, nor on what was read before, so a run resumes at any step by counting.
"""

import warnings
from collections import OrderedDict
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch.utils.data import Dataset, Sampler

from common.data.folders import random_crop
from common.data.pictures import read_picture
from common.data.scenes import still
from common.errors import LicError

_CROP, _ORDER = 2, 3  # streams of random numbers beside the scene's own


class TrainingCrops(Dataset[dict[str, Any]]):
    """Sample ``n`` of the endless list ``seed``: ``{"image": uint8 (3, size, size), "index": n}``.

    With probability ``scenes`` it is a procedural still, else a random crop of a photograph. Photographs come in
    passes, each a permutation of all of them. One that cannot be decoded is replaced by the next in
    ``photographs`` and kept in ``broken``, with the reason. Decoded photographs stay in memory; the least recently
    used leave when all of them exceed ``cache_bytes``.
    """

    def __init__(
        self,
        seed: int,
        size: int,
        photographs: Sequence[Path] = (),
        scenes: float = 0.0,
        cache_bytes: int = 1 << 29,
    ) -> None:
        if size < 1:
            raise LicError(f"the crop size is {size}; it must be at least 1.")
        if not 0 <= scenes <= 1:
            raise LicError(f"the share of procedural scenes is {scenes}; it must lie between 0 and 1.")
        if scenes < 1 and not photographs:
            raise LicError("there are no photographs to train on; give some, or train on procedural scenes only.")
        self.seed, self.size, self.scenes, self.cache_bytes = seed, size, scenes, cache_bytes
        self.photographs = list(photographs)
        self.broken: dict[Path, str] = {}
        self._decoded: OrderedDict[Path, NDArray[np.uint8]] = OrderedDict()
        self._order: tuple[int, NDArray[np.int64]] = (-1, np.empty(0, np.int64))
        if scenes > 0:
            still(seed, 0, 8, 8)  # compiles once, before loader workers are forked

    def __getitem__(self, n: int) -> dict[str, Any]:
        rng = np.random.Generator(np.random.PCG64(np.random.SeedSequence([self.seed, n, _CROP])))
        if rng.random() < self.scenes:
            image = still(self.seed, n, self.size, self.size)
        else:
            image = random_crop(self._photograph(n), self.size, rng)
        return {"image": torch.from_numpy(np.ascontiguousarray(image.transpose(2, 0, 1))), "index": n}

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_decoded": OrderedDict()}  # loader workers fill caches of their own

    def _photograph(self, n: int) -> NDArray[np.uint8]:
        epoch, position = divmod(n, len(self.photographs))
        if self._order[0] != epoch:
            rng = np.random.Generator(np.random.PCG64(np.random.SeedSequence([self.seed, epoch, _ORDER])))
            self._order = epoch, rng.permutation(len(self.photographs))
        first = int(self._order[1][position])
        for k in range(len(self.photographs)):
            path = self.photographs[(first + k) % len(self.photographs)]
            if path not in self.broken:
                try:
                    return self._read(path)
                except LicError as error:
                    self.broken[path] = str(error)
                    warnings.warn(
                        f"{error} Another photograph takes its place ({len(self.broken)} so far).",
                        stacklevel=2,
                    )
        reason = next(iter(self.broken.values()))
        raise LicError(f"none of the {len(self.photographs)} photographs can be decoded; first: {reason}")

    def _read(self, path: Path) -> NDArray[np.uint8]:
        if path in self._decoded:
            self._decoded.move_to_end(path)
            return self._decoded[path]
        rgb = read_picture(path).rgb
        self._decoded[path] = rgb
        while sum(kept.nbytes for kept in self._decoded.values()) > self.cache_bytes:
            self._decoded.popitem(last=False)
        return rgb


class StepBatches(Sampler[list[int]]):
    """Batch sampler: the sample numbers of one rank, step after step without end, from step ``start()`` on.

    Args:
        batch_size: of all ranks together; a multiple of ``world``.
        rank, world: this process, and how many there are.
        start: asked at the beginning of each iteration for the step to begin at.
        steps: what ``len`` says.
    """

    def __init__(self, batch_size: int, rank: int, world: int, start: Callable[[], int], steps: int) -> None:
        if batch_size < 1 or batch_size % world:
            raise LicError(
                f"a batch of {batch_size} cannot be shared evenly by {world} processes; make it a multiple of {world}."
            )
        self.batch_size, self.rank, self.world, self.start, self.steps = batch_size, rank, world, start, steps

    def __iter__(self) -> Iterator[list[int]]:
        share = self.batch_size // self.world
        step = self.start()
        while True:
            first = step * self.batch_size + self.rank * share
            yield list(range(first, first + share))
            step += 1

    def __len__(self) -> int:
        return self.steps
