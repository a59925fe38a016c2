"""Flow metrics in two processes that share an uneven set are those of one process."""

import tempfile
from pathlib import Path

import torch
import torch.distributed as dist
from torch import Tensor
from torch.multiprocessing.spawn import spawn

from common.metrics.flow import FlowMetrics

SHARES = ((0, 1), (1, 5))  # pairs of rank 0, of rank 1


def pairs() -> list[tuple[Tensor, ...]]:
    """Five pairs of different sizes, with different parts known."""
    random = torch.Generator().manual_seed(0)
    found = []
    for n in range(5):
        shape = (1, 2, 4 + n, 6)
        flow, flow_hat = (30 * torch.randn(shape, generator=random) for _ in range(2))
        valid, occluded = (torch.rand(1, 4 + n, 6, generator=random) < 0.2 + 0.15 * n for _ in range(2))
        found.append((flow_hat, flow, valid, occluded))
    return found


def measure(first: int, last: int) -> FlowMetrics:
    metrics = FlowMetrics()
    for pair in pairs()[first:last]:
        metrics.update(*pair)
    return metrics


def work(rank: int, folder: str) -> None:
    dist.init_process_group("gloo", init_method=f"file://{folder}/meeting", rank=rank, world_size=2)
    torch.save(measure(*SHARES[rank]).compute(), f"{folder}/{rank}.pt")
    dist.destroy_process_group()


def test_two_processes_are_one() -> None:
    alone = measure(0, 5).compute()
    with tempfile.TemporaryDirectory() as folder:
        spawn(work, (folder,), nprocs=2)
        for rank in range(2):
            together = torch.load(Path(folder, f"{rank}.pt"))
            assert together.keys() == alone.keys()
            for name, value in alone.items():
                torch.testing.assert_close(together[name], value, rtol=1e-12, atol=0)
    assert abs(alone["epe"] - measure(0, 1).compute()["epe"]) > 0.1
