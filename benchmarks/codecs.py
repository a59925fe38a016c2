"""Whole photographs through our codecs and CompressAI's: `python -m benchmarks.codecs [--peer-only | --parts-only]`.

Encode and decode one 512 x 768 scene with real entropy coding, random weights made loud, one process.

The first table has the peer's time over ours: `mean_hyperprior` against CompressAI's mbt2018-mean of the same size and
weights (what our coder is worth in a whole codec), `swift` at both sizes against the same peer (what a newcomer's CPU
feels), and the autoregressive codecs against CompressAI's classes of the same weights, with the transforms and, as the
transforms are the same, without them.

The second table says where our time goes, file bytes to pixels: transform, parameters, coder, and files (all else); and
how far that is from two floors: the convolutions alone, and their operations at the rate of a product of matrices.
"""

import argparse
import copy
import json
from collections.abc import Callable
from typing import Any

import torch
from compressai import models
from compressai.models import CompressionModel
from rich.console import Console
from rich.table import Table
from torch import Tensor, nn

from benchmarks.parts import PARTS, floor, matrix_rate, split
from benchmarks.timing import interleaved_medians
from common.allocator import keep_freed_memory
from common.coding.codec_files import to_input
from common.data.scenes import still
from lic_image.codecs.adjacent import Adjacent
from lic_image.codecs.channel_postfilter import ChannelPostfilter
from lic_image.codecs.compressai_zoo import adopted
from lic_image.codecs.factorized import Factorized
from lic_image.codecs.hyperprior import Hyperprior
from lic_image.codecs.mean_hyperprior import MeanHyperprior
from lic_image.codecs.stf import STF
from lic_image.codecs.swift import Swift
from lic_image.codecs.ticm import TICM
from lic_image.codecs.tinylic import TinyLIC
from lic_image.files import ImageFiles

HEIGHT, WIDTH, ROUNDS = 512, 768, 5
DEVIATION = 4.0  # of latents: random weights give next to nothing to code


def loud(codec: Any, x: Tensor, last: Any = None) -> Any:
    """`codec` in evaluation mode, one layer scaled until latents of `x` deviate by about `DEVIATION`.

    That layer is `last`, or g_a's last convolution.
    """
    codec.eval()
    with torch.inference_mode():
        last = last or [layer for layer in codec.g_a.modules() if isinstance(layer, nn.Conv2d)][-1]
        last.weight.mul_(DEVIATION / codec.g_a(x).std())
    return codec


def published(x: Tensor) -> dict[str, CompressionModel]:
    """CompressAI's classes that ours are timed against."""
    torch.manual_seed(0)
    made = {
        "mean_hyperprior": models.MeanScaleHyperprior(128, 192),
        "mbt2018": models.JointAutoregressiveHierarchicalPriors(192, 192),
        "cheng2020-attn": models.Cheng2020Attention(128),
    }
    for codec in made.values():
        loud(codec, x)
        told = [layer for layer in getattr(codec, "entropy_parameters", codec.h_s) if isinstance(layer, nn.Conv2d)][-1]
        with torch.no_grad():
            told.bias[: told.out_channels // 2] += DEVIATION  # type: ignore[index]  # the scales
        codec.update(force=True)
    return made


def of_ours(peers: dict[str, CompressionModel]) -> dict[str, CompressionModel]:
    """Our codecs; those that have a peer have its weights."""
    mean_hyperprior = MeanHyperprior(128, 192).eval()
    mean_hyperprior.load_state_dict(peers["mean_hyperprior"].state_dict())
    ours: dict[str, Any] = {
        "mean_hyperprior": mean_hyperprior,
        "swift_tiny": Swift(M=96, N=48, Z=16, blocks=2).eval(),
        "swift_base": Swift(M=192, N=128, Z=32, blocks=6).eval(),
    }
    for codec in ours.values():
        if isinstance(codec, Swift):
            codec.start_from(to_input(still(1, 0, 256, 256), 32), 0.013)
    raster = {name: adopted(copy.deepcopy(peers[name])).eval() for name in ("mbt2018", "cheng2020-attn")}
    return ours | raster


def ratios(peer: CompressionModel, ours: list[CompressionModel], x: Tensor, rounds: int) -> list[tuple[float, float]]:
    """The peer's time over that of each of ours, to encode and to decode."""
    codecs = [peer, *ours]
    with torch.inference_mode():
        coded = [codec.compress(x) for codec in codecs]

    def encode(codec: CompressionModel) -> Callable[[], object]:
        return torch.inference_mode()(lambda: codec.compress(x))

    def decode(codec: CompressionModel, out: dict[str, Any]) -> Callable[[], object]:
        return torch.inference_mode()(lambda: codec.decompress(out["strings"], out["shape"]))

    seconds = interleaved_medians(
        *(encode(codec) for codec in codecs),
        *(decode(codec, out) for codec, out in zip(codecs, coded)),
        rounds=rounds,
    )
    encoding, decoding = seconds[: len(codecs)], seconds[len(codecs) :]
    return [(encoding[0] / encoding[i], decoding[0] / decoding[i]) for i in range(1, len(codecs))]


def against_peers(x: Tensor) -> dict[str, float]:
    """Prints the first table; its figures by name."""
    peers = published(x)
    ours = of_ours(peers)
    found: dict[str, tuple[float, float]] = {}
    fast = ["mean_hyperprior", "swift_tiny", "swift_base"]
    found |= zip(fast, ratios(peers["mean_hyperprior"], [ours[name] for name in fast], x, ROUNDS))
    for name in ("mbt2018", "cheng2020-attn"):
        (found[name],) = ratios(peers[name], [ours[name]], x, 1)
        pair: tuple[Any, Any] = peers[name], ours[name]
        with torch.inference_mode():
            y = ours[name].g_a(x)
        for codec in pair:
            codec.g_a = codec.g_s = nn.Identity()
        (found[f"{name} without transforms"],) = ratios(pair[0], [pair[1]], y, 1)
    table = Table(title=f"One {HEIGHT} x {WIDTH} photograph, time of CompressAI's class / ours")
    for heading in ("codec", "encode", "decode"):
        table.add_column(heading)
    for name, (encode, decode) in found.items():
        table.add_row(name, f"{encode:.1f}", f"{decode:.1f}")
    Console().print(table)
    return {
        f"{name.replace(' ', '_')}_{way}_ratio": round(r, 2)
        for name, pair in found.items()
        for way, r in zip(("encode", "decode"), pair)
    }


def where_time_goes(x: Tensor, rgb: Any) -> dict[str, float]:
    """Prints the second table; how far each system is from the convolutions alone."""
    torch.manual_seed(0)
    stf, ticm = STF(), TICM()
    ours = of_ours(published(x)) | {
        "factorized": loud(Factorized(128, 192), x),
        "hyperprior": loud(Hyperprior(128, 192), x),
        "channel_postfilter": loud(ChannelPostfilter(), x),
        "adjacent": loud(Adjacent(), x),
        "tinylic": loud(TinyLIC(), x),
        "stf": loud(stf, x, stf.g_a.layers[-2].reduction),
        "ticm": loud(ticm, x, [layer for layer in ticm.g_a.modules() if isinstance(layer, nn.Linear)][-1]),
    }
    table = Table(title="milliseconds of our coding, and how often they are the floors")
    for heading in ("codec", "way", *PARTS, "all", "/ convolutions", "/ operations"):
        table.add_column(heading)
    rate, found = matrix_rate(), {}
    for name, codec in ours.items():
        files = ImageFiles(codec, name)
        data = files.encode(rgb)
        works: dict[str, Callable[[], object]] = {
            "encode": lambda files=files: files.encode(rgb),  # type: ignore[misc]
            "decode": lambda files=files, data=data: files.decode(data),  # type: ignore[misc]
        }
        for way, work in works.items():
            taken, least = split(codec, work, ROUNDS), floor(codec, work)
            whole, alone = interleaved_medians(work, least.alone, rounds=ROUNDS)
            over = (whole / alone, whole / (least.operations / rate))
            cells = [f"{1000 * taken[part]:.0f}" for part in (*PARTS, "all")]
            table.add_row(name, way, *cells, *(f"{value:.2f}" for value in over))
            found[f"{name}_{way}_over_convolutions"] = round(over[0], 2)
    Console(width=120).print(table)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.codecs", description=__doc__)
    only = parser.add_mutually_exclusive_group()
    only.add_argument("--peer-only", action="store_true", help="the first table")
    only.add_argument("--parts-only", action="store_true", help="the second table")
    arguments = parser.parse_args()
    keep_freed_memory()  # as in every `lic` command
    rgb = still(0, 0, HEIGHT, WIDTH)
    x = to_input(rgb, 64)
    figures = {} if arguments.parts_only else against_peers(x)
    figures |= {} if arguments.peer_only else where_time_goes(x, rgb)
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
