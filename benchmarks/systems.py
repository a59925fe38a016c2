"""Every image codec at its published size, on one 512x768 photograph: `python -m benchmarks.systems [MODEL …]`.

Each is encoded and decoded to and from bytes in a process of its own, whose peak memory is then known: the median of
`--rounds`, after one that does not count. Weights are those that `lic conform` gives untrained codecs. Beside them
CompressAI's own classes with their own coder.
"""

import argparse
import json
import statistics
import time
from collections.abc import Callable
from tempfile import TemporaryDirectory
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


class Measured(NamedTuple):
    """Of one codec: parameters, seconds and peak memory in GiB."""

    millions: float
    encode: float
    decode: float
    peak: float
    bpp: float


def timed(work: Callable[[], Any], rounds: int) -> tuple[float, Any]:
    times = []
    for _ in range(rounds + 1):
        begin = time.perf_counter()
        result = work()
        times.append(time.perf_counter() - begin)
    return statistics.median(times[1:]), result


def built(name: str) -> tuple[Any, torch.Tensor, Any]:
    """The codec, untrained, the photograph as its input and as pixels."""
    from common.coding.codec_files import to_input
    from common.data.scenes import still

    torch.manual_seed(0)
    rgb = still(0, 0, 512, 768)
    if name in THEIRS:
        from compressai.zoo import image_models

        codec = image_models[name](quality=4, pretrained=False).eval()
        return codec, to_input(rgb, 64), rgb
    from hydra import compose, initialize_config_module
    from hydra.utils import instantiate

    from common.run import resolvers

    resolvers.register()
    with initialize_config_module("conf", version_base="1.3"):
        cfg = compose("train", overrides=[f"model=image/{name}", "size=base"])
    codec = instantiate(cfg.model.codec).eval()
    return codec, to_input(rgb, codec.downsampling), rgb


def prepare(name: str, file: str) -> None:
    """Weights with which there is something to code, into `file`; elsewhere, as it takes memory."""
    from lic_image.conform.calibration import calibrate

    codec, x, _ = built(name)
    calibrate(codec, x[..., :256, :256])
    torch.save(codec.state_dict(), file)


def ours(name: str, file: str, rounds: int) -> Measured:
    from common.allocator import keep_freed_memory
    from lic_image.files import ImageFiles

    keep_freed_memory()
    codec, _, rgb = built(name)
    codec.load_state_dict(torch.load(file))
    files = ImageFiles(codec, name)
    encode, data = timed(lambda: files.encode(rgb), rounds)
    decode, _ = timed(lambda: files.decode(data), rounds)
    return measured(codec, encode, decode, len(data))


def theirs(name: str, file: str, rounds: int) -> Measured:
    codec, x, _ = built(name)
    codec.load_state_dict(torch.load(file))
    codec.update(force=True)
    with torch.inference_mode():
        encode, out = timed(lambda: codec.compress(x), rounds)
        decode, _ = timed(lambda: codec.decompress(out["strings"], out["shape"]), rounds)
    return measured(codec, encode, decode, sum(len(string) for strings in out["strings"] for string in strings))


def measured(codec: Any, encode: float, decode: float, size: int) -> Measured:
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
        with TemporaryDirectory() as folder:
            model, file = name.rpartition(" ")[2], f"{folder}/weights"
            in_fresh_process(prepare, model, file)
            m = in_fresh_process(measure, model, file, rounds)
        found[name] = m._asdict()
        figures = (f"{value:.2f}" for value in (m.encode, m.decode, m.decode / m.encode, m.peak, m.bpp))
        table.add_row(name, f"{m.millions:.1f}", *figures)
        print(name, m, flush=True)
    Console(width=110).print(table)
    print(json.dumps(found))


if __name__ == "__main__":
    main()
