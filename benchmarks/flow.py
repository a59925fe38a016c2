"""Optical flow beside its peers: `python -m benchmarks.flow`.

1. The cost volume beside two others that are usually written, by `unfold` and by `grid_sample`: the same figures first,
   then time and peak memory, forward alone and with gradients.
2. Whole networks on a pair of 448 x 256, weights random: ours beside torchvision's RAFT (12 iterations) and, where it
   is installed (`pip install lic[bench]`), ptlflow's PWC-Net.

Ratios are the peer's figure over ours. Times are one thread's processor time, interleaved, medians; memory is the peak
of a fresh process above what it held before, weights among that.
"""

import argparse
import json
import time
from collections.abc import Callable
from functools import partial
from importlib.util import find_spec

import hydra
import torch
from hydra import initialize_config_module
from hydra.utils import instantiate
from rich.console import Console
from rich.table import Column, Table
from torch import Tensor, nn
from torch.nn import functional as F
from torchvision.models.optical_flow import raft_large, raft_small

from benchmarks.memory import in_fresh_process, memory
from benchmarks.timing import interleaved_medians
from common.run import resolvers
from lic_flow.layers.cost_volume import cost_volume

MAPS, RADIUS = (1, 96, 28, 64), 4
HEIGHT, WIDTH = 256, 448
OURS = ("deeppynet_small", "deeppynet", "pwcnet")
ROUNDS = 7
console = Console()


def by_unfold(first: Tensor, second: Tensor, radius: int) -> Tensor:
    """Every position's neighbourhood as a column, times the position."""
    B, C, H, W = first.shape
    around = F.unfold(second, 2 * radius + 1, padding=radius).view(B, C, -1, H, W)
    return (first[:, :, None] * around).mean(1)


def by_grid_sample(first: Tensor, second: Tensor, radius: int) -> Tensor:
    """The second map, sampled at every displacement in one call, times the first."""
    B, C, H, W = first.shape
    d = torch.arange(-radius, radius + 1.0)
    y = 2 * (torch.arange(H)[:, None] + d.view(-1, 1, 1, 1)) / (H - 1) - 1
    x = 2 * (torch.arange(W) + d.view(-1, 1, 1)) / (W - 1) - 1
    grid = torch.stack(torch.broadcast_tensors(x, y), -1).view(1, -1, W, 2).expand(B, -1, -1, -1)
    sampled = F.grid_sample(second, grid, align_corners=True).view(B, C, -1, H, W)
    return (first[:, :, None] * sampled).mean(1)


VERSIONS = {"ours": cost_volume, "unfold": by_unfold, "grid_sample": by_grid_sample}


def maps() -> tuple[Tensor, Tensor]:
    random = torch.Generator().manual_seed(0)
    first, second = torch.randn(2, *MAPS, generator=random)
    return first.requires_grad_(), second.requires_grad_()


def trained(version: Callable[[Tensor, Tensor, int], Tensor], first: Tensor, second: Tensor) -> tuple[Tensor, ...]:
    """The gradients of the sum of the volume's squares."""
    return torch.autograd.grad(version(first, second, RADIUS).square().sum(), (first, second))


def volume_peaks(name: str) -> tuple[int, int]:
    """Bytes above those held before: forward, and with gradients. To be called in a process of its own."""
    torch.set_num_threads(1)
    version, (first, second) = VERSIONS[name], maps()
    trained(version, first[..., :8, :8], second[..., :8, :8])
    before = memory("VmRSS")
    with torch.inference_mode():
        version(first, second, RADIUS)
    forward = memory("VmHWM") - before
    trained(version, first, second)
    return forward, memory("VmHWM") - before


def cost_volumes() -> dict[str, float]:
    """Part 1."""
    first, second = maps()
    for other in (by_unfold, by_grid_sample):
        torch.testing.assert_close(other(first, second, RADIUS), cost_volume(first, second, RADIUS), rtol=0, atol=1e-4)
        torch.testing.assert_close(
            trained(other, first, second), trained(cost_volume, first, second), rtol=0, atol=1e-5
        )
    versions = VERSIONS.values()
    with torch.inference_mode():
        forward = interleaved_medians(
            *(partial(version, first, second, RADIUS) for version in versions), rounds=ROUNDS, clock=time.process_time
        )
    training = interleaved_medians(
        *(partial(trained, version, first, second) for version in versions), rounds=ROUNDS, clock=time.process_time
    )
    peaks = [in_fresh_process(volume_peaks, name) for name in VERSIONS]
    rows, ratios = [], dict[str, float]()
    for name, *seconds, peak in zip(VERSIONS, forward, training, peaks):
        rows.append([name, *(f"{1e3 * s:.2f}" for s in seconds), *(f"{p / 1e6:.1f}" for p in peak)])
        figures = zip(("time", "training_time", "memory", "training_memory"), (*seconds, *peak))
        ours = (forward[0], training[0], *peaks[0])
        if name != "ours":
            ratios |= {f"cost_volume_{name}_{what}_ratio": figure / mine for (what, figure), mine in zip(figures, ours)}
    headings = ["version", "ms", "ms, with gradients", "MB", "MB, with gradients"]
    show(f"Cost volume of {MAPS}, radius {RADIUS}", headings, rows)
    return ratios


def network(name: str) -> Callable[[Tensor, Tensor], object]:
    """The network of that name, ready for two pictures in [0, 1]."""
    torch.manual_seed(0)
    if name in OURS:
        resolvers.register()
        with initialize_config_module("conf", version_base="1.3"):
            cfg = hydra.compose("train", overrides=[f"model=flow/{name}"])
        return instantiate(cfg.model.network).eval()
    if name == "ptlflow_pwcnet":
        from ptlflow.models.pwcnet.pwcnet import pwcnet

        peer: nn.Module = pwcnet().eval()
        return lambda first, second: peer({"images": torch.stack([first, second], 1)})
    raft = {"raft_small": raft_small, "raft_large": raft_large}[name]().eval()
    return lambda first, second: raft(2 * first - 1, 2 * second - 1)


def pair(height: int, width: int) -> tuple[Tensor, Tensor]:
    first, second = torch.rand(2, 1, 3, height, width, generator=torch.Generator().manual_seed(0))
    return first, second


@torch.inference_mode()
def network_peak(name: str) -> int:
    """Bytes above those held before. To be called in a process of its own."""
    torch.set_num_threads(1)
    flow = network(name)
    flow(*pair(128, 128))
    before = memory("VmRSS")
    flow(*pair(HEIGHT, WIDTH))
    return memory("VmHWM") - before


@torch.inference_mode()
def networks() -> dict[str, float]:
    """Part 2."""
    peers = ["raft_small", "raft_large"]
    if find_spec("ptlflow"):
        peers.append("ptlflow_pwcnet")
    else:
        console.print("ptlflow is not installed: its PWC-Net is left out.")
    names, pictures = [*OURS, *peers], pair(HEIGHT, WIDTH)
    flows = [partial(network(name), *pictures) for name in names]
    seconds = dict(zip(names, interleaved_medians(*flows, rounds=ROUNDS, clock=time.process_time)))
    peaks = {name: in_fresh_process(network_peak, name) for name in names}
    rows, ratios = [], dict[str, float]()
    for name in names:
        over = [f"{seconds[peer] / seconds[name]:.2f}, {peaks[peer] / peaks[name]:.2f}" for peer in peers]
        rows.append([name, f"{1e3 * seconds[name]:.0f}", f"{peaks[name] / 1e6:.0f}", *over])
    for name in OURS:
        for peer in peers:
            ratios[f"{name}_{peer}_time_ratio"] = seconds[peer] / seconds[name]
            ratios[f"{name}_{peer}_memory_ratio"] = peaks[peer] / peaks[name]
    headings = ["network", "ms", "MB", *(f"{peer} / it" for peer in peers)]
    show(f"A pair of {WIDTH} x {HEIGHT}, one thread; ratios of time, of memory", headings, rows)
    return ratios


def show(title: str, headings: list[str], rows: list[list[str]]) -> None:
    table = Table(Column(headings[0], no_wrap=True), *headings[1:], title=title)
    for row in rows:
        table.add_row(*row)
    console.print(table)


def main() -> None:
    argparse.ArgumentParser(prog="python -m benchmarks.flow", description=__doc__).parse_args()
    torch.set_num_threads(1)
    figures = cost_volumes() | networks()
    print(json.dumps({name: round(value, 4) for name, value in figures.items()}))


if __name__ == "__main__":
    main()
