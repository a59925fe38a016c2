"""The papers' figures of what a codec does with one photograph, as pictures: uint8 (H, W, 3).

`out` is what a codec's forward pass gives for the photograph, `seen` what `lic_image.watch.watching` saw of it. A codec
gets sides that are multiples of its `downsampling`, called `padded` here; figures show the photograph's own pixels.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from matplotlib import colormaps
from matplotlib.cm import ScalarMappable
from matplotlib.colors import LogNorm, Normalize
from torch import Tensor
from torch.nn import functional as F

from common.coding.codec_files import to_picture
from common.metrics.image import decibels
from common.report.figures.gallery import worst_crop
from common.viz.panels import Panel, bar_chart, painted, sheet
from lic_image.watch import Refined, Seen

CROP = 96  # pixels of the photograph that are shown enlarged
LATENTS = {"y": "latent y", "z": "hyper latent z"}
TRANSFORMS = {"g_a": "analysis", "g_s": "synthesis", "h_a": "hyper analysis", "h_s": "hyper synthesis"}
DIRECTIONS = {
    "vertical": "attention along columns",
    "horizontal": "attention along rows",
    "neighbours": "attention among neighbours",
    "mask": "mask",
    "importance": "importance map",
}
AXES, LOOKERS = "of its column or its row", {"neighbours": "whose windows it is in"}
GAINS = (1, 2, 5, 10, 20, 50, 100)
RANGES = (1.1, 1.25, 1.5, 2, 4, 8, 16)  # times the average, at the ends of a colour bar


def bit_map(out: Mapping[str, Any]) -> Tensor:
    """Where the bits go: (H, W) bits per pixel, every latent's bits spread evenly over the pixels it stands for.

    `out` holds x_hat (1, 3, H, W) and likelihoods (1, C, h, w).
    """
    height, width = out["x_hat"].shape[-2:]
    total = torch.zeros(1, 1, height, width)
    for bits in latent_bits(out).values():
        spread = F.interpolate(bits[None, None], size=(height, width), mode="nearest")
        total += spread * bits.numel() / (height * width)
    return total[0, 0]


def latent_bits(out: Mapping[str, Any]) -> dict[str, Tensor]:
    """Bits at every position of every latent, all its channels together: {"y": (h, w), …}."""
    return {name: -p[0].detach().float().cpu().log2().sum(0) for name, p in out["likelihoods"].items()}


def bit_picture(out: Mapping[str, Any], height: int, width: int) -> tuple[np.ndarray, float]:
    """The bit map as uint8 (height, width, 3), from black (none) to pale yellow (the most), and those most bits."""
    bits = bit_map(out)[:height, :width]
    most = bits.max().clamp_min(1e-9)
    return (colormaps["inferno"]((bits / most).numpy())[..., :3] * 255).round().astype(np.uint8), most.item()


def latent_picture(out: Mapping[str, Any], rgb: np.ndarray) -> np.ndarray:
    """The photograph beside the bits of each latent, position by position."""
    panels = [Panel("photograph", rgb)]
    pixels = rgb.shape[0] * rgb.shape[1]
    colours = ScalarMappable(Normalize(0, 1), colormaps["inferno"])
    for name, bits in latent_bits(out).items():
        least, most = bits.min().item(), bits.max().item()
        part = (bits - least) / max(most - least, 1e-9)
        picture = painted(part.numpy(), colours, out["x_hat"].shape[-2:], rgb)
        ends = f"{least:.3g}", f"{most:.3g} bits per position"
        title = f"{LATENTS.get(name, name)}: {bits.sum().item() / pixels:.3f} bits per pixel"
        panels.append(Panel(title, picture, ends=ends))
    caption = (
        "Estimated bits at each position of a latent, all channels together; each latent has a scale of its own, "
        "from its cheapest position to its dearest."
    )
    return sheet([panels], caption, colours)


def attention_picture(seen: Seen, rgb: np.ndarray, padded: tuple[int, int]) -> np.ndarray | None:
    """Attention on this photograph: maps over it of the block that sees most of it, else the channels' gates.

    That block is the last one of the analysis transform that has maps, or the first of another.

    None where the codec has no such block.
    """
    if seen.maps:
        name = next((name for name in reversed(seen.maps) if name.startswith("g_a.")), next(iter(seen.maps)))
        return maps_picture(name, seen.maps[name], rgb, padded)
    return gates_picture(seen.gates) if seen.gates else None


def maps_picture(name: str, maps: Mapping[str, Tensor], rgb: np.ndarray, padded: tuple[int, int]) -> np.ndarray:
    """The photograph, and each of a block's maps (1, h, w) over it.

    Attention received ("vertical", "horizontal", "neighbours") is drawn as multiples of the average, a mask and
    importance as they are, in 0 to 1.
    """
    values = {kind: m[0].float().cpu().numpy() for kind, m in maps.items()}
    if "mask" in values:
        colours = ScalarMappable(Normalize(0, 1), colormaps["viridis"])
        ticks = {0.0: "0: closed", 0.5: "0.5", 1.0: "1: open"}
        caption = f"{in_words(name)}: the mask that its trunk is multiplied by, averaged over channels."
    elif "importance" in values:
        colours = ScalarMappable(Normalize(0, 1), colormaps["viridis"])
        ticks = {0.0: "0: none", 0.5: "0.5", 1.0: "1: all"}
        kept = f"{values['importance'].mean():.2f} on average"
        caption = f"The importance map: the part of the latent's channels that is kept at each position, {kept}."
    else:
        end = reach(np.concatenate([value.ravel() for value in values.values()]))
        values = {kind: value.clip(1 / end, end) for kind, value in values.items()}  # a logarithm knows no zero
        colours = ScalarMappable(LogNorm(1 / end, end), colormaps["coolwarm"])
        ticks = {1 / end: f"1/{end:g}", 1.0: "average", end: f"{end:g}×"}
        caption = (
            f"{in_words(name)}: what a position receives from all positions {LOOKERS.get(next(iter(values)), AXES)}, "
            "as a multiple of what it would get if all of them looked everywhere alike. "
            "Red: looked at more, blue: less."
        )
    panels = [Panel("photograph", rgb)]
    panels += [Panel(DIRECTIONS.get(kind, kind), over(rgb, value, colours, padded)) for kind, value in values.items()]
    return sheet([panels], caption, colours, ticks)


def in_words(name: str) -> str:
    """`"g_a.attention"`, a block's name in its codec -> "Attention in the analysis transform"."""
    transform, _, block = name.partition(".")
    if transform not in TRANSFORMS or not block:
        return name
    said = " ".join(part for part in block.split(".") if not part.isdigit()).replace("_", " ") or "block"
    number = " ".join(part for part in block.split(".") if part.isdigit())
    place = f" (layer {number})" if number else ""
    return f"{said[0].upper()}{said[1:]} in the {TRANSFORMS[transform]} transform{place}"


def reach(received: np.ndarray) -> float:
    """How many times the average the ends of the colour bar stand for, so that most values lie between."""
    end = np.percentile(np.abs(np.log(np.maximum(received, 1e-9))), 95)
    return next((r for r in RANGES if end <= np.log(r)), RANGES[-1])


def over(rgb: np.ndarray, value: np.ndarray, colours: ScalarMappable, padded: tuple[int, int]) -> np.ndarray:
    """The colours of a map (h, w) laid over the photograph in grey."""
    grey = rgb @ np.array([0.299, 0.587, 0.114], np.float32)
    return (0.65 * painted(value, colours, padded, rgb) + 0.35 * grey[..., None]).round().astype(np.uint8)


def gates_picture(gates: Mapping[str, Tensor]) -> np.ndarray:
    """The gates (1, C) of every block of channel attention as bars."""
    caption = (
        "Gate of every channel for this photograph: 1 lets it pass, 0 removes it. Bars begin at 0.5, where "
        "training starts."
    )
    return bar_chart({in_words(name): g[0].float().cpu().numpy() for name, g in gates.items()}, caption)


def refinement_picture(refined: Refined, rgb: np.ndarray) -> np.ndarray:
    """The decoded picture before and after its refinement and the difference amplified; below, where it is largest."""
    height, width = rgb.shape[:2]
    before, after = (decoded[..., :height, :width].float().cpu() for decoded in refined)
    gain = fitting_gain(before, after)
    panels = [
        Panel(f"before: {decibels(to_picture(before, height, width), rgb)}", to_picture(before, height, width)),
        Panel(f"after: {decibels(to_picture(after, height, width), rgb)}", to_picture(after, height, width)),
        Panel(f"difference × {gain}", amplified(before, after, gain)),
    ]
    change = 255 * (after - before)[0]
    mean = ", ".join(f"{value:+.2f}" for value in change.mean((1, 2)).tolist())
    caption = (
        f"The decoded picture before and after the refinement block, and 0.5 + {gain} · (after − before): grey is no "
        f"change. Of 255 levels it changes {change.abs().max().item():.1f} at most, and red, green and blue by {mean} "
        "on average."
    ).replace("-", "−")
    rows = [panels]
    if max(height, width) > 1.5 * CROP:
        first, second = (decoded[0].permute(1, 2, 0).numpy() for decoded in (before, after))
        top, left = worst_crop(first, [second], CROP)
        window = (slice(top, top + CROP), slice(left, left + CROP))
        rows = [
            [panel._replace(mark=(left, top, CROP)) for panel in panels],
            [Panel("", panel.rgb[window]) for panel in panels],
        ]
        caption += " Below: where it changes most."
    return sheet(rows, caption)


def amplified(before: Tensor, after: Tensor, gain: float) -> np.ndarray:
    """0.5 + gain · (after - before) of pictures (1, 3, H, W) as uint8 (H, W, 3)."""
    return to_picture(0.5 + gain * (after - before), *before.shape[-2:])


def fitting_gain(before: Tensor, after: Tensor) -> int:
    """The largest gain at which not more than one value in a hundred is cut off."""
    large = np.percentile((after - before).abs().numpy(), 99)
    return max(gain for gain in GAINS if gain == 1 or gain * large <= 0.5)
