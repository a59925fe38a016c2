"""Every image codec at its published size, on one 512x768 photograph: `python -m benchmarks.systems [MODEL …]`.

Each is encoded and decoded to and from bytes in a process of its own, whose peak memory is then known: the median of
`--rounds`, after one that does not count. Weights are as they start, the last layer of the analysis scaled until there
is something to code. Beside them CompressAI's own classes with their own coder.
"""

import argparse
import json
import statistics
import time
from collections.abc import Callable
from typing import Any, NamedTuple

import torch
from rich.console import Console
from rich.table import Table

from benchmarks.memory import in_fresh_process, memory

OURS = (
    "mean_hyperprior", "adjacent", "channel_postfilter", "swift", "tinylic", "stf", "interleaved", "interleaved_tiny",
    "interleaved_stf", "ticm", "compressai/mbt2018", "compressai/cheng2020-attn",
)  # fmt: skip
THEIRS = ("mbt2018", "cheng2020-attn")
DEVIATION = 4.0  # of latents


class Measured(NamedTuple):
    """Of one codec: parameters, seconds and peak memory in GiB."""

    millions: float
    encode: float
    decode: float
    peak: float
    bpp: float


def loud(codec: Any, x: torch.Tensor) -> Any:
    """`codec`, its latents of `x` scaled to deviate by about `DEVIATION`, where its last layer allows it."""
    with torch.inference_mode():
        for layer in reversed([m for m in codec.g_a.modules() if getattr(m, "weight", None) is not None]):
            before, weight = codec.g_a(x).std(), layer.weight.clone()
            layer.weight.mul_(2)
            grown = codec.g_a(x).std() / before
            layer.weight.copy_(weight)
            if weight.ndim > 1 and grown > 1.5:
                layer.weight.mul_(DEVIATION / before)
                break
    return codec


def timed(work: Callable[[], Any], rounds: int) -> tuple[float, Any]:
    times = []
    for _ in range(rounds + 1):
        begin = time.perf_counter()
        result = work()
        times.append(time.perf_counter() - begin)
    return statistics.median(times[1:]), result


def ours(model: str, rounds: int) -> Measured:
    from hydra import compose, initialize_config_module
    from hydra.utils import instantiate

    from common.allocator import keep_freed_memory
    from common.coding import to_input
    from common.data.scenes import still
    from common.launch import resolvers
    from lic_image.files import ImageFiles

    keep_freed_memory()
    resolvers.register()
    torch.manual_seed(0)
    with initialize_config_module("conf", version_base="1.3"):
        cfg = compose("train", overrides=[f"model=image/{model}", "size=base"])
    codec = instantiate(cfg.model.codec).eval()
    rgb = still(0, 0, 512, 768)
    files = ImageFiles(codec, model)
    loud(codec, to_input(rgb, codec.downsampling))
    encode, data = timed(lambda: files.encode(rgb), rounds)
    decode, _ = timed(lambda: files.decode(data), rounds)
    millions = sum(p.numel() for p in codec.parameters()) / 1e6
    return Measured(millions, encode, decode, memory("VmHWM") / 2**30, 8 * len(data) / rgb[..., 0].size)


def theirs(model: str, rounds: int) -> Measured:
    from compressai.zoo import image_models

    from common.coding import to_input
    from common.data.scenes import still

    torch.manual_seed(0)
    codec = image_models[model](quality=4, pretrained=False).eval()
    x = to_input(still(0, 0, 512, 768), 64)
    loud(codec, x)
    codec.update(force=True)
    with torch.inference_mode():
        encode, out = timed(lambda: codec.compress(x), rounds)
        decode, _ = timed(lambda: codec.decompress(out["strings"], out["shape"]), rounds)
    size = sum(len(string) for strings in out["strings"] for string in strings)
    millions = sum(p.numel() for p in codec.parameters()) / 1e6
    return Measured(millions, encode, decode, memory("VmHWM") / 2**30, 8 * size / (512 * 768))


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.systems", description=__doc__)
    parser.add_argument("models", nargs="*", default=list(OURS), help="of conf/model/image (default: all)")
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    table = Table(title="one 512x768 photograph, two threads, size=base")
    for heading in ("codec", "M parameters", "encode s", "decode s", "decode / encode", "peak GiB", "bpp"):
        table.add_column(heading)
    found = {}
    jobs = [(model, ours, arguments.rounds) for model in arguments.models]
    jobs += [(f"CompressAI's {model}", theirs, 1) for model in THEIRS]
    for name, measure, rounds in jobs:
        m = in_fresh_process(measure, name.rpartition(" ")[2], rounds)
        found[name] = m._asdict()
        figures = (f"{value:.2f}" for value in (m.encode, m.decode, m.decode / m.encode, m.peak, m.bpp))
        table.add_row(name, f"{m.millions:.1f}", *figures)
        print(name, m, flush=True)
    Console(width=110).print(table)
    print(json.dumps(found))


if __name__ == "__main__":
    main()
