"""What a training step sees, as a function of (seed, step, rank) alone.

Samples are numbered without end: step ``s`` of a global batch of ``B`` consists of samples ``s B .. s B + B - 1``, of
which rank ``r`` of ``R`` takes the ``r``-th run of ``B / R``. Nothing depends on how many processes or loader workers
there are, nor on what was read before, so a run resumes at any step by counting.
"""

import warnings
from collections import OrderedDict
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch.utils.data import Dataset, Sampler

from common.data.folders import random_crop, resized
from common.data.image_io import read_picture
from common.data.random_streams import Stream, generator
from common.data.regions import read_region, region_file
from common.data.scenes import still
from common.data.shards import ShardError
from common.errors import LicError


class Source(Protocol):
    """Photographs by number, and the order in which training passes through them."""

    def __len__(self) -> int: ...

    def nth(self, seed: int, n: int) -> int:
        """The number of the photograph that sample ``n`` is cut from: pass after pass, each shows every one once."""

    def read(self, number: int) -> NDArray[np.uint8]:
        """(H, W, 3); ``LicError`` says what is damaged, ``ShardError`` that nothing near it can be read either."""

    def said_of(self, number: int) -> dict[str, int]:
        """What else a sample cut from it is to have, such as its label."""


class Files:
    """Photographs that are files; a pass is a permutation of all of them."""

    def __init__(self, paths: Sequence[Path]) -> None:
        self.paths = list(paths)
        self._order: tuple[tuple[int, int], NDArray[np.int64]] | None = None

    def __len__(self) -> int:
        return len(self.paths)

    def nth(self, seed: int, n: int) -> int:
        epoch, position = divmod(n, len(self.paths))
        if self._order is None or self._order[0] != (seed, epoch):
            rng = generator(seed, epoch, Stream.ORDER)
            self._order = (seed, epoch), rng.permutation(len(self.paths))
        return int(self._order[1][position])

    def read(self, number: int) -> NDArray[np.uint8]:
        return read_picture(self.paths[number]).rgb

    def said_of(self, number: int) -> dict[str, int]:
        return {}


class WithLabels(Files):
    """Files of which each has a label, the number of its class."""

    def __init__(self, paths: Sequence[Path], labels: Sequence[int]) -> None:
        super().__init__(paths)
        self.labels = list(labels)

    def said_of(self, number: int) -> dict[str, int]:
        return {"label": self.labels[number]}


class WithRegions(Files):
    """Files with their regions of interest as a fourth channel (`common.data.regions`)."""

    def read(self, number: int) -> NDArray[np.uint8]:
        rgb = super().read(number)
        return np.dstack([rgb, read_region(region_file(self.paths[number]), rgb.shape[:2])])


class Resized:
    """The photographs of ``source``, each whole, ``size`` x ``size``; a random crop of that side is all of it."""

    def __init__(self, source: Source, size: int) -> None:
        self.source, self.size = source, size

    def __len__(self) -> int:
        return len(self.source)

    def nth(self, seed: int, n: int) -> int:
        return self.source.nth(seed, n)

    def read(self, number: int) -> NDArray[np.uint8]:
        return resized(self.source.read(number), self.size)

    def said_of(self, number: int) -> dict[str, int]:
        return self.source.said_of(number)


class TrainingCrops(Dataset[dict[str, Any]]):
    """Sample ``n`` of the endless list ``seed``: ``{"image": uint8 (3, size, size), "index": n}``.

    Photographs with a fourth channel give ``"roi"``, uint8 (1, size, size), too; those with a label ``"label"``.

    With probability ``scenes`` it is a procedural still, else a random crop of a photograph. Photographs come in
    passes, each showing all of them. One that cannot be decoded is replaced by the next in ``photographs`` and its
    number kept in ``broken``, with the reason. Decoded photographs stay in memory; the least recently
    used leave when all of them exceed ``cache_bytes``.
    """

    def __init__(
        self,
        seed: int,
        size: int,
        photographs: Sequence[Path] | Source = (),
        scenes: float = 0.0,
        cache_bytes: int = 1 << 29,
    ) -> None:
        if size < 1:
            raise LicError(f"the crop size is {size}; it must be at least 1.")
        if not 0 <= scenes <= 1:
            raise LicError(f"the share of procedural scenes is {scenes}; it must lie between 0 and 1.")
        self.photographs: Source = Files(photographs) if isinstance(photographs, Sequence) else photographs
        if scenes < 1 and not len(self.photographs):
            raise LicError("there are no photographs to train on; give some, or train on procedural scenes only.")
        self.seed, self.size, self.scenes, self.cache_bytes = seed, size, scenes, cache_bytes
        self.broken: dict[int, str] = {}
        self._decoded: OrderedDict[int, NDArray[np.uint8]] = OrderedDict()
        if scenes > 0:
            still(seed, 0, 8, 8)  # compiles once, before loader workers are forked

    def __getitem__(self, n: int) -> dict[str, Any]:
        rng = generator(self.seed, n, Stream.CROP)
        said: dict[str, int] = {}
        if rng.random() < self.scenes:
            image = still(self.seed, n, self.size, self.size)
        else:
            number, photograph = self._photograph(n)
            image, said = random_crop(photograph, self.size, rng), self.photographs.said_of(number)
        planes = torch.from_numpy(np.ascontiguousarray(image.transpose(2, 0, 1)))
        return {"image": planes[:3], **({"roi": planes[3:]} if len(planes) > 3 else {}), "index": n, **said}

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_decoded": OrderedDict()}  # loader workers fill caches of their own

    def _photograph(self, n: int) -> tuple[int, NDArray[np.uint8]]:
        first = self.photographs.nth(self.seed, n)
        for k in range(len(self.photographs)):
            number = (first + k) % len(self.photographs)
            if number not in self.broken:
                try:
                    return number, self._read(number)
                except ShardError:
                    raise
                except LicError as error:
                    self.broken[number] = str(error)
                    warnings.warn(
                        f"{error} Another photograph takes its place ({len(self.broken)} so far).",
                        stacklevel=2,
                    )
        reason = next(iter(self.broken.values()))
        raise LicError(f"none of the {len(self.photographs)} photographs can be decoded; first: {reason}")

    def _read(self, number: int) -> NDArray[np.uint8]:
        if number in self._decoded:
            self._decoded.move_to_end(number)
            return self._decoded[number]
        rgb = self.photographs.read(number)
        self._decoded[number] = rgb
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
