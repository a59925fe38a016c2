"""What the papers' blocks cost: `python -m benchmarks.blocks`.

1. Adjacent attention beside attention from every position to every other, on growing feature maps: arithmetic, counted,
   and time, fitted to a · H·W + b · H·W·(H + W).
2. The refinement of the decoded picture: peak memory of a fresh process and time, on growing pictures.
3. Every attention block on y of a 512 x 768 photograph, beside CompressAI's `AttentionBlock`.
4. A latent of that photograph coded under mixtures of three Gaussians, beside CompressAI's coder.

Ratios are the peer's figure over ours; times are one thread's processor time, as what counts here is the work itself.
"""

import argparse
import json
import time
from functools import partial
from typing import Any

import compressai.entropy_models as peer
import numpy as np
import torch
from compressai.layers import AttentionBlock
from rich.console import Console
from rich.table import Table
from torch import Tensor, nn

from benchmarks.memory import in_fresh_process, memory
from benchmarks.timing import interleaved_medians
from common.entropy.models import GaussianMixtureConditional
from common.metrics.complexity import gmacs
from lic_image.layers.adjacent_attention import AdjacentAttention
from lic_image.layers.channel_attention import ChannelAttention
from lic_image.layers.decoded_refinement import DecodedRefinement
from lic_image.layers.nonlocal_attention import NonLocalAttention
from lic_image.layers.nonlocal_block import NonLocal
from lic_image.layers.simplified_attention import SimplifiedAttention

C = 192
MAPS = [(16, 16), (32, 32), (64, 64), (64, 256), (128, 128)]
PICTURES = [256, 512, 1024, 2048]
LATENT = (1, 320, 32, 48)
console = Console()


def show(title: str, headings: list[str], rows: list[list[str]]) -> None:
    table = Table(*headings, title=title)
    for row in rows:
        table.add_row(*row)
    console.print(table)


def growth() -> dict[str, float]:
    """Part 1."""
    adjacent = AdjacentAttention(C).eval()
    rows, seconds, attending = [], [], []
    for H, W in MAPS:
        full = NonLocal(C, C // 2, keys=H * W).eval()
        x = torch.randn(1, C, H, W)
        ours, theirs = interleaved_medians(partial(adjacent, x), partial(full, x), rounds=5, clock=time.process_time)
        products, everywhere = (gmacs(block, (1, C, H, W)) for block in (adjacent, full))
        convolutions = H * W * (2 * (2 * (C // 8) + C) * C + 4 * C * C) / 1e9
        seconds.append((ours, theirs))
        attending.append((products - convolutions) * 1e9 / (H * W * (H + W)))
        milliseconds = [f"{1e3 * ours:.1f}", f"{1e3 * theirs:.1f}", f"{theirs / ours:.1f}"]
        rows.append([f"{H} x {W}", f"{products:.3f}", f"{everywhere:.3f}", f"{attending[-1]:.1f}", *milliseconds])
    headings = ["map", "GMACs", "GMACs, everywhere", "of it / HW(H+W)", "ms", "ms, everywhere", "everywhere / ours"]
    show(f"Adjacent attention and attention everywhere, {C} channels", headings, rows)
    areas = np.array([H * W for H, W in MAPS])
    terms = np.stack([areas, areas * [H + W for H, W in MAPS]], 1).astype(float)
    measured = np.array(seconds)
    a, b = np.linalg.lstsq(terms / measured[:, :1], np.ones(len(MAPS)), rcond=None)[0]  # relative errors count
    error = np.abs(terms @ [a, b] / measured[:, 0] - 1).max()
    first, last = MAPS.index((32, 32)), MAPS.index((128, 128))
    powers = np.log(measured[last] / measured[first]) / np.log(areas[last] / areas[first])
    console.print(
        f"Time of ours: {1e9 * a:.0f} ns · HW + {1e9 * b:.2f} ns · HW(H+W), at most {100 * error:.0f} % off. "
        f"From 32 x 32 to 128 x 128 it grows with HW to the power {powers[0]:.2f}, everywhere with {powers[1]:.2f}."
    )
    return {
        "aab_macs_per_hw_h_plus_w": float(np.mean(attending)),
        "aab_macs_per_hw_h_plus_w_spread": max(attending) / min(attending) - 1,
        "aab_fit_error": float(error),
        "aab_power_of_area": float(powers[0]),
        "everywhere_power_of_area": float(powers[1]),
        "everywhere_over_aab_128x128": float(measured[last, 1] / measured[last, 0]),
    }


@torch.inference_mode()
def refinement(settings: dict[str, Any]) -> list[tuple[int, float]]:
    """Of each picture peak bytes above an idle process with torch and the block, the picture included, and seconds.

    To be called in a process of its own. A peak does not come down again: the pictures grow, so that each has its own.
    """
    torch.set_num_threads(1)
    block = DecodedRefinement(**settings).eval()
    nn.init.normal_(block.similar.output.weight, std=0.01)
    block(torch.rand(1, 3, 64, 64))
    before, figures = memory("VmRSS"), []
    for side in PICTURES:
        x = torch.rand(1, 3, side, side)
        begin = time.process_time()
        block(x)
        figures.append((memory("VmHWM") - before, time.process_time() - begin))
    return figures


def refinements() -> dict[str, float]:
    """Part 2."""
    readings: dict[str, dict[str, Any]] = {"dirb": {}, "dirb_printed": {"similarity": "product", "window": None}}
    measured = {name: in_fresh_process(refinement, settings) for name, settings in readings.items()}
    rows, figures = [], {}
    for side, *found in zip(PICTURES, *measured.values()):
        row = [f"{side} x {side}"]
        for name, (peak, seconds) in zip(measured, found):
            figures[f"{name}_peak_gb_{side}"] = peak / 1e9
            row += [f"{peak / 1e9:.3f}", f"{seconds:.2f}"]
        scores = [4 * float(side * side // patch**2) ** 2 / 1e9 for patch in (1, 8)]
        rows.append([*row, *(f"{s:,.2f}" for s in scores)])
    headings = [
        "picture",
        "peak, GB",
        "s",
        "as printed: peak, GB",
        "s",
        "scores of pixels, GB",
        "scores of patches, GB",
    ]
    show("The decoded picture's refinement; a matrix of scores is computed, not measured", headings, rows)
    return figures | {"dirb_under_2_gb": float(max(figures[f"{name}_peak_gb_2048"] for name in readings) < 2)}


def attentions() -> dict[str, float]:
    """Part 3."""
    channels = LATENT[1]
    blocks: dict[str, nn.Module] = {
        "CompressAI": AttentionBlock(channels),
        "simplified": SimplifiedAttention(channels),
        "nonlocal": NonLocalAttention(channels),
        "adjacent": AdjacentAttention(channels),
        "channel": ChannelAttention(channels),
    }
    x = torch.randn(LATENT)
    seconds = interleaved_medians(
        *(partial(block.eval(), x) for block in blocks.values()), rounds=9, clock=time.process_time
    )
    rows, ratios = [], {}
    for (name, block), mine in zip(blocks.items(), seconds):
        ratios[f"{name}_attention_ratio"] = seconds[0] / mine
        weights = sum(p.numel() for p in block.parameters())
        cost = [f"{gmacs(block, LATENT):.2f}", f"{1e3 * mine:.1f}", f"{seconds[0] / mine:.2f}"]
        rows.append([name, f"{weights / 1e6:.2f}", *cost])
    show(f"Attention on y {LATENT}", ["block", "M parameters", "GMACs", "ms", "CompressAI / ours"], rows)
    del ratios["CompressAI_attention_ratio"]
    return ratios


def mixtures(seed: int = 0) -> tuple[Tensor, ...]:
    """y, scales, means, weights of three components: most channels nearly silent, none louder than 3.

    CompressAI's tables reach as far as the latent's largest value, so that louder ones would slow it down further.
    """
    random = torch.Generator().manual_seed(seed)
    _, M, H, W = LATENT
    loudness = 1.5 * torch.randn(1, 1, M, 1, 1, generator=random) - 1.5
    scales = torch.exp(loudness + 0.6 * torch.randn(1, 3, M, H, W, generator=random)).clamp(0.11, 3)
    means = scales * torch.randn(1, 3, M, H, W, generator=random)
    weights = torch.softmax(2 * torch.randn(1, 3, M, H, W, generator=random), 1)
    drawn = (torch.rand(1, 1, M, H, W, generator=random) > weights.cumsum(1)[:, :2]).sum(1, keepdim=True)
    y = (means + scales * torch.randn(scales.shape, generator=random)).gather(1, drawn)[:, 0]
    return y, *(part.flatten(1, 2) for part in (scales, means, weights))


def mixture_coding() -> dict[str, float]:
    """Part 4."""
    y, *parameters = mixtures()
    ours, theirs = GaussianMixtureConditional(3), peer.GaussianMixtureConditional(3)
    (string,) = strings = ours.compress(y, *parameters)
    (their_string, *side), _ = theirs.compress(y, *parameters)
    same = torch.equal(ours.decompress(strings, *parameters), theirs.decompress(their_string, *side, *parameters))
    seconds = interleaved_medians(
        lambda: theirs.compress(y, *parameters),
        lambda: ours.compress(y, *parameters),
        lambda: theirs.decompress(their_string, *side, *parameters),
        lambda: ours.decompress(strings, *parameters),
        rounds=3,
        clock=time.process_time,
    )
    ratios = {
        "mixture_encode_ratio": seconds[0] / seconds[1],
        "mixture_decode_ratio": seconds[2] / seconds[3],
        "mixture_bytes_ratio": len(their_string) / len(string),
    }
    rows = [[name, f"{value:.4g}"] for name, value in ratios.items()]
    title = f"{LATENT} under mixtures of 3, |y| up to {y.round().abs().max().item():.0f}: CompressAI / ours"
    show(title, ["", "ratio"], [*rows, ["same symbols", str(same)]])
    return ratios | {"mixture_same_symbols": float(same)}


def main() -> None:
    argparse.ArgumentParser(prog="python -m benchmarks.blocks", description=__doc__).parse_args()
    torch.set_num_threads(1)
    figures: dict[str, float] = {}
    with torch.inference_mode():
        for part in (growth, refinements, attentions, mixture_coding):
            figures |= part()
    print(json.dumps({name: round(value, 4) for name, value in figures.items()}))


if __name__ == "__main__":
    main()
