"""What ranks tell each other within a training step, so that it is the step of one process with the whole batch."""

import torch
from torch import Tensor, distributed

from common.randomness import world


@torch.no_grad()
def of_first_rank(value: Tensor) -> Tensor:
    """`value` as the first rank has it, without a gradient; every rank must ask."""
    if world()[0] == 1:
        return value.detach()
    told = value.detach().clone(memory_format=torch.contiguous_format)
    distributed.broadcast(told, src=0)
    return told


def of_all_ranks(rows: Tensor) -> Tensor:
    """Rows (B, …) of this process -> those of all ranks, (W·B, …), in the order of the ranks. Every rank must ask.

    For a loss of the whole batch, which each rank computes alike. A rank's own rows alone have a gradient, W times as
    large as one process has it: DDP takes the mean over ranks, where the sum of their parts is meant.
    """
    size, rank = world()
    if size == 1:
        return rows
    own = rows.detach().contiguous()
    found = [torch.empty_like(own) for _ in range(size)]
    distributed.all_gather(found, own)
    if rows.requires_grad:
        found[rank] = own + size * (rows - own)
    return torch.cat(found)
