"""Where the time of coding a photograph goes: transform, parameters, coder, files; and how far that is from a floor.

Parts are told apart by a stopwatch around the functions that do them; a part that calls another stands still
meanwhile. Two floors: the convolutions alone, called again on the inputs they had, and their operations over the rate
at which this machine multiplies matrices of float32.
"""

import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from typing import Any, NamedTuple
from unittest.mock import patch

import numpy as np
import torch
from compressai.layers import GDN
from torch import Tensor, nn
from torch.nn import functional as F

from benchmarks.timing import interleaved_medians
from common.entropy import mixture, rans
from common.entropy.exact import mode
from common.entropy.exact.positions import AtPositions
from common.entropy.models import EntropyBottleneck, GaussianConditional
from common.entropy.packet import PacketReader, PacketWriter

PARTS = ("transform", "parameters", "coder", "files")
_LAYERS = (nn.Conv2d, nn.ConvTranspose2d, nn.Conv3d, nn.Linear, GDN)
_CODER: list[tuple[Any, str]] = [
    *((module, name) for module in (rans, mixture) for name in ("encode", "decode")),
    *((kind, "encode") for kind in (rans.SequentialEncoder, mixture.SequentialEncoder)),
    *((kind, "decode") for kind in (rans.SequentialDecoder, mixture.SequentialDecoder)),
    *((kind, name) for kind in (EntropyBottleneck, GaussianConditional) for name in ("compress", "decompress")),
    *((GaussianConditional, name) for name in ("write", "read")),
    *((PacketWriter, name) for name in ("channels", "gaussians", "finish")),
    *((PacketReader, name) for name in ("channels", "gaussians", "finish")),
]


class Stopwatch:
    """Seconds by part, of which only the innermost runs."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = defaultdict(float)
        self._running: list[str] = []
        self._since = 0.0

    @contextmanager
    def part(self, name: str) -> Iterator[None]:
        self._note()
        self._running.append(name)
        try:
            yield
        finally:
            self._note()
            self._running.pop()

    def _note(self) -> None:
        now = time.perf_counter()
        if self._running:
            self.seconds[self._running[-1]] += now - self._since
        self._since = now

    def around(self, name: str, function: Callable[..., Any]) -> Callable[..., Any]:
        def timed(*args: Any, **kwargs: Any) -> Any:
            with self.part(name):
                return function(*args, **kwargs)

        return timed


@contextmanager
def watched(codec: Any) -> Iterator[Stopwatch]:
    """A stopwatch that runs by part while `codec` codes."""
    watch = Stopwatch()
    with ExitStack() as stack:
        for owner, name in _CODER:
            stack.enter_context(patch.object(owner, name, watch.around("coder", getattr(owner, name))))
        for owner, name in ((mode, "run"), (AtPositions, "__call__")):
            stack.enter_context(patch.object(owner, name, watch.around("parameters", getattr(owner, name))))
        for name in ("g_a", "g_s", "hyper_analysis", "h_a"):
            if (part := getattr(codec, name, None)) is not None:
                target, attribute = (part, "forward") if isinstance(part, nn.Module) else (codec, name)
                whole = watch.around("transform", getattr(target, attribute))
                stack.enter_context(patch.object(target, attribute, whole))
        yield watch


def split(codec: nn.Module, work: Callable[[], object], rounds: int) -> dict[str, float]:
    """Median seconds of `work` by part, and "all"."""
    taken: dict[str, list[float]] = {name: [] for name in (*PARTS, "all")}
    work()
    for _ in range(rounds):
        begin = time.perf_counter()
        with watched(codec) as watch, watch.part("files"):
            work()
        taken["all"].append(time.perf_counter() - begin)
        for name in PARTS:
            taken[name].append(watch.seconds[name])
    return {name: sorted(values)[len(values) // 2] for name, values in taken.items()}


class Floor(NamedTuple):
    """The convolutions alone, to be timed, and their multiplications and additions."""

    alone: Callable[[], None]
    operations: float


def floor(codec: nn.Module, work: Callable[[], object]) -> Floor:
    """Of all convolutions and linear layers that `work` calls, in float32; GDN's sum over channels is one of them."""
    calls: list[tuple[Callable[[Tensor], object], Tensor]] = []
    operations = 0

    def note(layer: nn.Module, inputs: tuple[Any, ...], out: Any) -> None:
        nonlocal operations
        x, weight = inputs[0], getattr(layer, "gamma", getattr(layer, "weight", None))
        assert isinstance(weight, Tensor)
        alone: Any = partial(_kind(layer).forward, layer)
        if isinstance(layer, GDN):
            alone = partial(F.conv2d, weight=weight[:, :, None, None])
        calls.append((alone, x.clone()))
        operations += 2 * weight[0].numel() * (x if isinstance(layer, nn.ConvTranspose2d) else out).numel()

    def at_positions(self: AtPositions, positions: np.ndarray, *rest: Any) -> Tensor:
        nonlocal operations
        for weight in self.weights():
            calls.append((partial(F.linear, weight=weight), torch.randn(len(positions), weight.shape[1])))
            operations += 2 * len(positions) * weight.numel()
        return told(self, positions, *rest)

    told = AtPositions.__call__
    hooks = [layer.register_forward_hook(note) for layer in codec.modules() if isinstance(layer, _LAYERS)]
    try:
        with patch.object(AtPositions, "__call__", at_positions):
            work()
    finally:
        for hook in hooks:
            hook.remove()
    with torch.inference_mode():
        calls = [(function, x.float()) for function, x in calls]  # exact arithmetic would keep float64

    @torch.inference_mode()
    def alone() -> None:
        for function, x in calls:
            function(x)

    return Floor(alone, operations)


def _kind(layer: nn.Module) -> Any:
    """torch's class of a layer, whose forward pass is the convolution and nothing else."""
    return next(kind for kind in type(layer).__mro__ if kind in _LAYERS)


def matrix_rate(side: int = 1536) -> float:
    """Operations a second of a product of float32 matrices."""
    a, b = torch.randn(2, side, side)
    return 2 * side**3 / interleaved_medians(lambda: a @ b, rounds=9)[0]
