"""Whole photographs through our codecs and CompressAI's: `python -m benchmarks.codecs`.

Encode and decode one 512 x 768 scene with real entropy coding, random weights, one process. Ratios are the peer's
time over ours: `mean_hyperprior` against CompressAI's mbt2018-mean of the same size and the same weights (what our
coder is worth in a whole codec), and `swift` at both sizes against the same peer (what a newcomer's CPU feels).
"""

import json
from collections.abc import Callable

import torch
from compressai import models
from compressai.models import CompressionModel
from rich.console import Console
from rich.table import Table

from benchmarks.timing import interleaved_medians
from common.coding import to_input
from common.data.scenes import still
from lic_image.codecs.mean_hyperprior import MeanHyperprior
from lic_image.codecs.swift import Swift

HEIGHT, WIDTH, ROUNDS = 512, 768, 5


def prepared() -> tuple[CompressionModel, dict[str, CompressionModel]]:
    """The peer and our codecs; latents are made loud enough that there is something to code."""
    torch.manual_seed(0)
    peer = models.MeanScaleHyperprior(128, 192)
    with torch.no_grad():
        peer.g_a[6].weight *= 30
        peer.h_s[4].bias[:192] = 1.0
    peer.update()
    mean_hyperprior = MeanHyperprior(128, 192)
    mean_hyperprior.load_state_dict(peer.state_dict())
    ours: dict[str, CompressionModel] = {
        "mean_hyperprior": mean_hyperprior,
        "swift_tiny": Swift(M=96, N=48, Z=16, blocks=2),
        "swift_base": Swift(M=192, N=128, Z=32, blocks=6),
    }
    for codec in ours.values():
        if isinstance(codec, Swift):
            codec.start_from(to_input(still(1, 0, 256, 256), 32), 0.013)
    return peer.eval(), {name: codec.eval() for name, codec in ours.items()}


@torch.inference_mode()
def measure() -> dict[str, tuple[float, float]]:
    """name -> (encode ratio, decode ratio)."""
    x = to_input(still(0, 0, HEIGHT, WIDTH), 64)
    peer, ours = prepared()
    codecs = [peer, *ours.values()]
    coded = [codec.compress(x) for codec in codecs]

    def encode(codec: CompressionModel) -> Callable[[], object]:
        return lambda: codec.compress(x)

    def decode(codec: CompressionModel, out: dict) -> Callable[[], object]:
        return lambda: codec.decompress(out["strings"], out["shape"])

    seconds = interleaved_medians(
        *(encode(codec) for codec in codecs),
        *(decode(codec, out) for codec, out in zip(codecs, coded)),
        rounds=ROUNDS,
    )
    encoding, decoding = seconds[: len(codecs)], seconds[len(codecs) :]
    return {name: (encoding[0] / encoding[i], decoding[0] / decoding[i]) for i, name in enumerate(ours, start=1)}


def main() -> None:
    ratios = measure()
    table = Table(title=f"One {HEIGHT} x {WIDTH} photograph, time of CompressAI's mbt2018-mean / ours")
    for heading in ("codec", "encode", "decode"):
        table.add_column(heading)
    for name, (encode, decode) in ratios.items():
        table.add_row(name, f"{encode:.1f}", f"{decode:.1f}")
    Console().print(table)
    flat = {
        f"{name}_{way}_ratio": round(r, 2)
        for name, pair in ratios.items()
        for way, r in zip(("encode", "decode"), pair)
    }
    print(json.dumps(flat))


if __name__ == "__main__":
    main()
