"""What ranks tell each other within a step, in two real processes."""

import tempfile
from pathlib import Path

import torch
import torch.distributed as dist
from torch.multiprocessing.spawn import spawn

from common.distributed.shared import of_all_ranks, of_first_rank


def work(rank: int, folder: str) -> None:
    torch.set_num_threads(1)
    dist.init_process_group("gloo", init_method=f"file://{folder}/meeting", rank=rank, world_size=2)
    rows = torch.arange(6.0).reshape(2, 3)[rank : rank + 1].requires_grad_()
    found = of_all_ranks(rows)
    found.square().sum().backward()
    torch.save((of_first_rank(torch.tensor([rank + 5.0])), found.detach(), rows.grad), f"{folder}/{rank}.pt")
    dist.destroy_process_group()


def test_rows_of_all_and_the_value_of_the_first() -> None:
    with tempfile.TemporaryDirectory() as folder:
        spawn(work, (folder,), nprocs=2)
        told = [torch.load(Path(folder, f"{rank}.pt")) for rank in range(2)]
    whole = torch.arange(6.0).reshape(2, 3)
    for rank, (first, rows, gradient) in enumerate(told):
        assert first.tolist() == [5.0] and torch.equal(rows, whole)
        assert torch.equal(gradient, 2 * 2 * whole[rank : rank + 1]), "DDP's mean over 2 ranks gives 2 x of one process"


def test_one_process_has_all() -> None:
    rows = torch.rand(2, 3, requires_grad=True)
    assert of_all_ranks(rows) is rows
    assert torch.equal(of_first_rank(rows), rows) and not of_first_rank(rows).requires_grad
