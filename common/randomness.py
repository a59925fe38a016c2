"""Random numbers for a batch that do not depend on how the batch is split over processes.

Under distributed data parallelism every process draws for the whole global batch and keeps its own rows, so
that two processes train on the same numbers as one. This needs the same generator state in every process
(seed them alike) and local batches of equal size; the order of the rows is process 0's batch, then process
1's, ...
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor


def world() -> tuple[int, int]:
    """The number of processes in the default process group and this one's rank; (1, 0) without one."""
    if torch.distributed.is_available() and torch.distributed.is_initialized():
        return torch.distributed.get_world_size(), torch.distributed.get_rank()
    return 1, 0


def rand_for_batch(
    shape: Sequence[int], device: torch.device | str | None = None, dtype: torch.dtype | None = None
) -> Tensor:
    """Uniform numbers in [0, 1) of the local shape (B, ...), from the device's default generator."""
    size, rank = world()
    batch, rest = shape[0], tuple(shape[1:])
    drawn = torch.rand((size * batch, *rest), device=device, dtype=dtype)
    return drawn if size == 1 else drawn[rank * batch : (rank + 1) * batch]


def spread_for_batch(count: int, device: torch.device | str | None = None) -> Tensor:
    """(B,) numbers in [0, 1) for the `count` samples of this process, one in each of the equal parts that [0, 1) has
    for the samples of all processes: each is uniform, and no batch leaves a range out (stratified sampling)."""
    size, rank = world()
    part = torch.arange(rank * count, (rank + 1) * count, device=device)
    return (part + rand_for_batch((count,), device)) / (size * count)


def uniform_noise(like: Tensor) -> Tensor:
    """What stands for rounding in training: uniform in [-1/2, 1/2), of `like`'s shape (B, ...) and type."""
    return rand_for_batch(like.shape, like.device, like.dtype) - 0.5
