"""A training step of an image codec in one process and in two, whose gradients are averaged as DDP does it."""

import tempfile
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import torch
import torch.distributed as dist
from hydra.utils import instantiate
from torch import Tensor
from torch.multiprocessing.spawn import spawn

from support import compose

RANKS = 2


class Step(NamedTuple):
    """What a step comes to."""

    terms: dict[str, Tensor]  # of the loss, the mean over ranks
    gradients: dict[str, Tensor]  # by parameter, the mean over ranks
    buffers: dict[str, Tensor]  # after the step


def step(batch: dict[str, Tensor], overrides: tuple[str, ...]) -> Step:
    """Of this process."""
    torch.manual_seed(0)
    module: Any = instantiate(compose("size=tiny", "lmbda=0.013", *overrides).model, _convert_="object").train()
    torch.manual_seed(1)
    terms = module.losses(batch)
    terms["loss"].backward()
    gradients = {name: p.grad for name, p in module.named_parameters() if p.grad is not None}
    return Step({k: v.detach() for k, v in terms.items()}, gradients, dict(module.named_buffers()))


def _work(rank: int, folder: str, batch: dict[str, Tensor], overrides: tuple[str, ...]) -> None:
    torch.set_num_threads(1)
    dist.init_process_group("gloo", init_method=f"file://{folder}/meeting", rank=rank, world_size=RANKS)
    found = step({name: value.chunk(RANKS)[rank] for name, value in batch.items()}, overrides)
    for value in [*found.terms.values(), *found.gradients.values()]:
        dist.all_reduce(value)
        value /= RANKS
    torch.save(tuple(found), f"{folder}/{rank}.pt")
    dist.destroy_process_group()


def step_in_two(batch: dict[str, Tensor], *overrides: str) -> list[Step]:
    """That of each rank, which has its rows of the batch."""
    with tempfile.TemporaryDirectory() as folder:
        spawn(_work, (folder, batch, overrides), nprocs=RANKS)
        return [Step(*torch.load(Path(folder, f"{rank}.pt"))) for rank in range(RANKS)]


def assert_two_are_one(batch: dict[str, Tensor], *overrides: str) -> Step:
    """Terms, gradients and buffers of a step in two processes are those of one, which is returned."""
    whole = step(batch, overrides)
    for part in step_in_two(batch, *overrides):
        for name, value in whole.terms.items():
            assert name == "psnr" or part.terms[name].item() == pytest.approx(value.item(), rel=1e-5), name
        assert part.gradients.keys() == whole.gradients.keys()
        for name, wanted in whole.gradients.items():
            assert (part.gradients[name] - wanted).norm() <= 1e-4 * wanted.norm() + 1e-7, name
        for name, buffer in whole.buffers.items():
            torch.testing.assert_close(part.buffers[name], buffer, msg=lambda said, name=name: f"{name}: {said}")
    return whole
