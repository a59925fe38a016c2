"""What a codec's blocks do in a forward pass: watched from outside, by forward hooks.

    with watching(codec) as seen:
        out = codec(x)
    seen.maps["g_a.attention"]["vertical"]

A codec without blocks is given no hook.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Protocol, runtime_checkable

import torch
from torch import Tensor, nn

from common.capabilities import Looking

REFINEMENT = "g_s.refinement"  # the block after which the decoded picture is final


@runtime_checkable
class Gating(Protocol):
    """A block that lets some channels pass more than others."""

    def gates(self, x: Tensor) -> Tensor:
        """(B, C) in 0 to 1 when it gets `x` (B, C, h, w)."""


class Refined(NamedTuple):
    """The decoded picture (B, 3, H, W) before the refinement block and after it."""

    before: Tensor
    after: Tensor


@dataclass
class Seen:
    """What the blocks did in the last forward pass, by their names in the codec, in the codec's order."""

    maps: dict[str, dict[str, Tensor]] = field(default_factory=dict)
    gates: dict[str, Tensor] = field(default_factory=dict)
    refined: Refined | None = None

    def note(self, name: str, block: nn.Module, x: Tensor, out: Tensor) -> None:
        """Keep what `block` made of its input; now, since the next layer may work in place.

        A block that is computed in exact arithmetic is shown in floats: pictures do not need more.
        """
        with torch.no_grad(), torch._C.DisableTorchFunction():
            if x.dtype == torch.float64:
                x = x.float()
            if isinstance(block, Looking):
                self.maps[name] = block.maps(x)
            if isinstance(block, Gating):
                self.gates[name] = block.gates(x)
            if name == REFINEMENT:
                self.refined = Refined(x.detach(), out.detach())


@contextmanager
def watching(codec: nn.Module) -> Iterator[Seen]:
    """Collects what the blocks of `codec` do in the forward passes within; afterwards the codec is as before."""
    seen = Seen()

    def hook(name: str) -> Any:
        return lambda block, args, out: seen.note(name, block, args[0], out)

    blocks = [
        (name, module)
        for name, module in codec.named_modules()
        if name == REFINEMENT or isinstance(module, (Looking, Gating))
    ]
    handles = [module.register_forward_hook(hook(name)) for name, module in blocks]
    try:
        yield seen
    finally:
        for handle in handles:
            handle.remove()
