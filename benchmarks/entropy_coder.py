"""Our entropy coder against CompressAI's: `python -m benchmarks.entropy_coder`.

Both code the same (1, 192, 32, 48) latent, as of a 512 x 768 photograph, around the same means, and both begin with the
predicted scales: building the table indexes is part of the work. Ratios are CompressAI's figure over ours. The mixture
coder codes the rounded latent under Gaussians of any mean: its ratios are CompressAI's `GaussianConditional` over ours
for one Gaussian (what autoregressive codecs use), and its speed is told for one and three. Where `constriction` is
installed (extra `bench`), its ANS coder codes the same rounded residuals under Gaussians of the same
scales, in Rust and without tables, and a second set of ratios says how ours stands to it.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from functools import partial
from importlib.util import find_spec
from typing import Any

import compressai.entropy_models as peer
import numpy as np
import torch
from compressai.models.base import get_scale_table
from rich.console import Console
from rich.table import Table
from torch import Tensor

from benchmarks.timing import interleaved_medians
from common.allocator import keep_freed_memory
from common.entropy import mixture
from common.entropy.models import GaussianConditional
from common.entropy.tables import to_int32

SHAPE = (1, 192, 32, 48)
PORTION = 16 * 192  # symbols: what a wavefront of raster order may decode at once


def latent(seed: int = 0) -> tuple[Tensor, Tensor, Tensor]:
    """y, scales and means as a trained hyperprior has them: most channels nearly silent, a few loud."""
    random = torch.Generator().manual_seed(seed)
    loudness = 1.5 * torch.randn(1, SHAPE[1], 1, 1, generator=random) - 1.5
    scales = torch.exp(loudness + 0.6 * torch.randn(SHAPE, generator=random)).clamp_min(0.11)
    means = scales * torch.randn(SHAPE, generator=random)
    return means + scales * torch.randn(SHAPE, generator=random), scales, means


def measure(rounds: int) -> dict[str, float | bool]:
    """Ratios of the times and of the bytes, and whether both decoders return the same latent."""
    y, scales, means = latent()
    theirs, ours = peer.GaussianConditional(None), GaussianConditional()
    theirs.update_scale_table(get_scale_table())

    def encode() -> list[bytes]:
        return theirs.compress(y, theirs.build_indexes(scales), means)

    def decode() -> Tensor:
        return theirs.decompress(their_strings, theirs.build_indexes(scales), means=means)

    their_strings, our_strings = encode(), ours.write(y, scales, means)
    same = torch.equal(decode(), ours.read(our_strings, scales, means))
    their_encode, our_encode, their_decode, our_decode = interleaved_medians(
        encode,
        lambda: ours.write(y, scales, means),
        decode,
        lambda: ours.read(our_strings, scales, means),
        rounds=rounds,
    )
    return {
        "encode_ratio": their_encode / our_encode,
        "decode_ratio": their_decode / our_decode,
        "bytes_ratio": len(their_strings[0]) / len(our_strings[0]),
        "same_symbols": same,
    }


def measure_mixtures(rounds: int) -> dict[str, float | bool]:
    """Ratios for one Gaussian, in one call and as raster order decodes it; symbols a second of one and of three."""
    y, scales, means = latent()
    theirs = peer.GaussianConditional(None)
    theirs.update_scale_table(get_scale_table())
    symbols, same = to_int32(y).reshape(-1), True
    result: dict[str, float | bool] = {}
    strings = theirs.compress(y, theirs.build_indexes(scales), means)
    peers: list[Callable[[], Any]] = [
        lambda: theirs.compress(y, theirs.build_indexes(scales), means),
        lambda: theirs.decompress(strings, theirs.build_indexes(scales), means=means),
    ]
    for components in (1, 3):
        s, m = (p.reshape(1, -1).repeat(components, 1).numpy() for p in (scales, means))
        m = m + np.linspace(-1, 1, components, dtype=np.float32)[:, None] * (components > 1)
        w = np.full_like(m, 1 / components)
        stream = mixture.encode(symbols, s, m, w)

        def in_portions(s: np.ndarray = s, m: np.ndarray = m, stream: bytes = stream) -> np.ndarray:
            decoder, portions = mixture.SequentialDecoder(stream), range(0, symbols.size, PORTION)
            parts = [decoder.decode(s[:, at : at + PORTION], m[:, at : at + PORTION]) for at in portions]
            decoder.finish()
            return np.concatenate(parts)

        same = same and np.array_equal(mixture.decode(stream, s, m, w), symbols)
        functions: list[Callable[[], Any]] = [
            partial(mixture.encode, symbols, s, m, w),
            partial(mixture.decode, stream, s, m, w),
        ]
        if components == 1:
            same = same and np.array_equal(in_portions(), symbols)
            times = interleaved_medians(*peers, *functions, in_portions, rounds=rounds)
            result["mixture_encode_ratio"] = times[0] / times[2]
            result["mixture_decode_ratio"] = times[1] / times[3]
            result["mixture_portions_decode_ratio"] = times[1] / times[4]
            encode, decode = times[2:4]
        else:
            encode, decode = interleaved_medians(*functions, rounds=rounds)
        result[f"mixture_{components}_encode_msymbols"] = symbols.size / encode / 1e6
        result[f"mixture_{components}_decode_msymbols"] = symbols.size / decode / 1e6
    return {**result, "mixture_same_symbols": bool(same)}


def measure_constriction(rounds: int) -> dict[str, float]:
    """Ratios against constriction's `AnsCoder` and `QuantizedGaussian`, bits exact on both sides."""
    import constriction

    y, scales, means = latent()
    ours = GaussianConditional()
    residual = (y - means).round().numpy().astype(np.int32).reshape(-1)
    deviation, zero = scales.double().numpy().reshape(-1), np.zeros(residual.size)
    gaussian = constriction.stream.model.QuantizedGaussian(-2048, 2048)

    def encode() -> np.ndarray:
        coder = constriction.stream.stack.AnsCoder()
        coder.encode_reverse(residual, gaussian, zero, deviation)
        return coder.get_compressed()

    theirs, strings = encode(), ours.write(y, scales, means)
    seconds = interleaved_medians(
        encode,
        lambda: ours.write(y, scales, means),
        lambda: constriction.stream.stack.AnsCoder(theirs).decode(gaussian, zero, deviation),
        lambda: ours.read(strings, scales, means),
        rounds=rounds,
    )
    return {
        "constriction_encode_ratio": seconds[0] / seconds[1],
        "constriction_decode_ratio": seconds[2] / seconds[3],
        "constriction_bytes_ratio": 4 * len(theirs) / len(strings[0]),
    }


def main() -> None:
    """Measures with as many threads as torch chooses, and with one, where CompressAI's index building does better."""
    argparse.ArgumentParser(prog="python -m benchmarks.entropy_coder", description=__doc__).parse_args()
    keep_freed_memory()  # as in every `lic` command, and here for both
    threads = torch.get_num_threads()
    result = measure(rounds=15) | measure_mixtures(rounds=7)
    torch.set_num_threads(1)
    single = measure(rounds=15) | measure_mixtures(rounds=7)
    rust = measure_constriction(rounds=9) if find_spec("constriction") else {}
    table = Table(title=f"A {SHAPE} latent, CompressAI / ours")
    for heading in ("", f"{threads} threads", "1 thread"):
        table.add_column(heading)
    labels = {
        "encode_ratio": "time to encode",
        "decode_ratio": "time to decode",
        "bytes_ratio": "bytes",
        "mixture_encode_ratio": "time to encode, one Gaussian each without tables",
        "mixture_decode_ratio": "time to decode, one Gaussian each without tables",
        "mixture_portions_decode_ratio": f"the same, in portions of {PORTION} symbols",
    }
    speeds = {
        f"mixture_{k}_{way}_msymbols": f"million symbols a second, K = {k}, {way}"
        for k in (1, 3)
        for way in ("encode", "decode")
    }
    for name, label in labels.items():
        table.add_row(label, f"{result[name]:.4g}", f"{single[name]:.4g}")
    table.add_section()
    for name, label in speeds.items():
        table.add_row(f"ours: {label}", f"{result[name]:.3g}", f"{single[name]:.3g}")
    Console().print(table)
    for name, value in rust.items():
        print(f"{name.replace('_', ' ')}, 1 thread: {value:.4g}")
    for name in ("same_symbols", "mixture_same_symbols"):
        result[name] = bool(result[name] and single[name])
    one = {f"{name}_one_thread": round(single[name], 4) for name in labels if name.endswith("code_ratio")}
    print(json.dumps({name: round(value, 5) for name, value in result.items()} | one | rust))


if __name__ == "__main__":
    main()
