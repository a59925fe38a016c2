"""What the blocks of `deeppynet` do in a forward pass: watched from outside, by forward hooks.

with watching(network) as seen:
    flows = network(first, second)
seen.features[4][0]     what the left pyramid sees at level 4
seen.steps[-1].guesses
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from common.errors import LicError
from lic_flow.layers.multi_channel_cost_volume import MultiChannelCostVolume
from lic_flow.networks.deeppynet import DeepPyNet


class Repaired(NamedTuple):
    """What features are multiplied by, in 0 to 1 (MAF), and what is added, in -1 to 1 (ABF): (N, C, h, w)."""

    mask: Tensor
    added: Tensor


class Step(NamedTuple):
    """One refinement's look at the cost volume, in positions of its level.

    flow: (B, 2, h, w), what it begins with; the second picture's features are warped by it.
    similarities, costs: (B, K, 2r+1, 2r+1, h, w), before the 4-D filter and after it, dy before dx.
    guesses: (B, K, 2, h, w), dx and dy, of what `flow` still lacks. confidences: (B, K, h, w), in 0 to 1.
    """

    flow: Tensor
    similarities: Tensor
    costs: Tensor
    guesses: Tensor
    confidences: Tensor


@dataclass
class Seen:
    """What the blocks did in the last forward pass; N are the B first pictures and then the B second ones.

    features: level, from 1 -> what the left, the middle and the right pyramid have of it (N, C, h, w).
    repairs: level -> how the middle and the right one were repaired there.
    """

    features: dict[int, list[Tensor]] = field(default_factory=dict)
    repairs: dict[int, list[Repaired]] = field(default_factory=dict)
    steps: list[Step] = field(default_factory=list)

    def clear(self) -> None:
        for kept in (self.features, self.repairs, self.steps):
            kept.clear()


@contextmanager
def watching(network: nn.Module) -> Iterator[Seen]:
    """Collects what the blocks of `network` do in the last forward pass within; afterwards it is as before.

    Raises:
        LicError: the network has other blocks than these.
    """
    if not isinstance(network, DeepPyNet):
        name = type(network).__name__
        raise LicError(
            f"{name} is not built of blocks that can be watched: give a run of deeppynet or deeppynet_small."
        )
    seen, volumes = Seen(), []

    def feature(level: int) -> Any:
        return lambda block, args, out: seen.features.setdefault(level, []).append(out.detach())

    def repair(level: int) -> Any:
        return lambda block, args, out: seen.repairs.setdefault(level, []).append(repaired(block, args[1]))

    handles = [
        network.register_forward_pre_hook(lambda block, args: seen.clear()),
        network.cost_volume.register_forward_hook(lambda block, args, out: volumes.append((*args, *out))),
        network.decoder.register_forward_hook(
            lambda block, args, out: seen.steps.append(step(network.cost_volume, args[0][:, -2:], *volumes.pop()))
        ),
    ]
    pyramids: Any = network.pyramids.pyramids
    for pyramid in pyramids:
        for number, level in enumerate(pyramid, 1):
            handles.append(level.register_forward_hook(feature(number)))
            if level.repair is not None:
                handles.append(level.repair.register_forward_hook(repair(number)))
    try:
        yield seen
    finally:
        for handle in handles:
            handle.remove()


@torch.no_grad()
def repaired(block: Any, before: Tensor) -> Repaired:
    """What a `Repair` takes from the pyramid before."""
    return Repaired(torch.sigmoid(block.maf(before)), torch.tanh(block.abf(before)))


@torch.no_grad()
def step(
    block: MultiChannelCostVolume, flow: Tensor, first: Tensor, second: Tensor, guesses: Tensor, rest: Tensor
) -> Step:
    """What a cost volume gave for features, and the costs that it had on the way, filtered once more."""
    similarities = block.similarities(first, second)
    costs = block.filtered(similarities)
    return Step(*(part.detach() for part in (flow, similarities, costs, guesses, rest[:, : block.K])))
