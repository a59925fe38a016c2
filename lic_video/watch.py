"""What the parts of a codec do in a forward pass, and how long it takes: watched from outside, by forward hooks.

with watching(codec) as seen:
    coded = codec(frame, reference)
seen["DRAS 1: features"]
"""

import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from common.capabilities import Looking

ENCODER = "motion_codec.g_a"


@contextmanager
def watching(codec: nn.Module) -> Iterator[dict[str, Tensor]]:
    """Collects the maps (B, h, w) of the blocks of the motion codec's encoder in the last forward pass within.

    They go by the block's class, its number among those of its class, and what it calls the map. Empty for a codec
    whose motion codec has no block with `maps`.
    """
    seen: dict[str, Tensor] = {}
    numbers: dict[str, int] = {}

    def hook(name: str) -> Any:
        def note(block: Any, args: tuple[Tensor], out: Tensor) -> None:
            with torch.no_grad():
                seen.update({f"{name}: {kind}": each for kind, each in block.maps(args[0]).items()})

        return note

    with ExitStack() as hooks:
        for name, block in codec.named_modules():
            if name.startswith(f"{ENCODER}.") and isinstance(block, Looking):
                called = type(block).__name__
                numbers[called] = numbers.get(called, 0) + 1
                hooks.enter_context(block.register_forward_hook(hook(f"{called} {numbers[called]}")))  # type: ignore
        yield seen


@contextmanager
def seconds_of_motion_encoder(codec: nn.Module) -> Iterator[list[float]]:
    """The seconds of every call of the motion codec's encoder within; none where the codec has no such part."""
    found: list[float] = []
    encoder = getattr(getattr(codec, "motion_codec", None), "g_a", None)

    def now() -> float:
        if torch.cuda.is_initialized():
            torch.cuda.synchronize()  # what was asked of the device before is not done yet
        return time.perf_counter()

    with ExitStack() as hooks:
        if isinstance(encoder, nn.Module):
            started: list[float] = []
            hooks.enter_context(encoder.register_forward_pre_hook(lambda *_: started.append(now())))
            hooks.enter_context(encoder.register_forward_hook(lambda *_: found.append(now() - started.pop())))
        yield found
