"""How a clip is coded, as pictures uint8 (H, W, 3): in which order, and where the bits go."""

import textwrap
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from common.viz.palette import AXIS, BLUE, GREY, INK, SOFT
from common.viz.panels import DPI, GAP, LINE, Panel, sheet
from lic_video.codecs.contract import Coded
from lic_video.gop import Gop, Kind
from lic_video.pictures import COLOURS, MAPS, flow_panels, latent_bits, map_panel, part_bpp

Picture = NDArray[np.uint8]

WIDTH = 1100  # pixels
PARTS = {"intra": GREY, "motion": BLUE, "residual": "#e8890c"}
KINDS = {Kind.INTRA: PARTS["intra"], Kind.FORWARD: BLUE, Kind.BACKWARD: "#c2308a"}
QUALITIES = {
    "psnr_copied": ("reference as it is", GREY, ":"),
    "psnr_warped": ("warped", BLUE, "--"),
    "psnr_predicted": ("prediction", BLUE, "-"),
    "psnr": ("decoded", INK, "-"),
}


def order_picture(gops: Sequence[Gop], frames: int) -> Picture:
    """For each structure the frames of a clip in their order, what each is predicted from, and when it is coded."""
    caption = (
        "Each frame at its place in the clip, numbered by the order in which it is coded and stored; an arrow leads to "
        "it from the decoded frame that it is predicted from. Grey: I frames; blue: predicted from the frame before; "
        "pink: from the one behind."
    )
    figure, rows = _figure([62] * len(gops), caption)
    for axes, gop in zip(rows, gops):
        for number, step in enumerate(gop.order(range(frames))):
            axes.scatter(step.place, 0, s=330, color=KINDS[step.kind], zorder=2)
            axes.text(step.place, 0, str(number), color="white", fontsize=9, ha="center", va="center", zorder=3)
            if step.reference is not None:
                style = {"arrowstyle": "-|>", "color": KINDS[step.kind], "connectionstyle": "arc3,rad=-0.7"}
                side = 0.2 if step.kind == Kind.FORWARD else -0.2
                places = (step.place, side), (step.reference, side)
                axes.annotate("", *places, arrowprops={**style, "shrinkA": 7, "shrinkB": 7}, zorder=1)
        axes.set_title(f"{gop.structure}-IPPP, GOP {gop.size}", fontsize=9, color=INK, loc="left")
        axes.set_xlim(-0.7, frames - 0.3)
        axes.set_ylim(-1, 1)
        axes.set_xticks(range(frames))
        axes.set_yticks([])
        axes.spines[["left", "bottom"]].set_visible(False)
    return _pixels(figure)


def group_picture(rows: Sequence[Mapping[str, Any]]) -> Picture:
    """Bits of every frame by what they are for, and PSNR of what a frame is made from, in the order of the clip.

    Args:
        rows: a sequence's records in an evaluation's frames.csv: frame, kind, bits, bits_motion, psnr, psnr_copied, …
    """
    caption = (
        "Motion and residual of a P frame share one stream: the motion's part is what an ideal coder would take, the "
        "residual's what is left. PSNR against the frame, of its reference as it is, warped by the decoded flow and "
        "compensated, and of what the decoder shows."
    )
    figure, (bits, quality) = _figure([200, 230], caption)
    places = [int(row["frame"]) for row in rows]
    bottom = np.zeros(len(rows))
    for part, colour in PARTS.items():
        heights = np.array([_bits(row, part) for row in rows]) / 8
        share = 100 * heights.sum() / max(sum(float(row["bits"]) for row in rows) / 8, 1)
        bits.bar(places, heights, bottom=bottom, color=colour, label=f"{part}, {share:.0f} %")
        bottom += heights
    bits.set_ylabel("bytes", fontsize=9, color=INK)
    for key, (name, colour, style) in QUALITIES.items():
        values = [float(row[key]) if row.get(key) not in (None, "") else np.nan for row in rows]
        if not np.isnan(values).all():
            quality.plot(places, values, style, color=colour, label=name, marker="o", markersize=3)
    quality.set_ylabel("PSNR, dB", fontsize=9, color=INK)
    quality.set_xlabel("frame", fontsize=9, color=INK)
    for axes in (bits, quality):
        axes.set_xlim(-0.7, len(rows) - 0.3)
        axes.xaxis.set_major_locator(MaxNLocator(integer=True, nbins=20))
        axes.legend(fontsize=9, frameon=False, loc="upper left", bbox_to_anchor=(1, 1), labelcolor=INK)
    return _pixels(figure)


def motion_picture(rgb: Picture, coded: Coded, maps: Mapping[str, Tensor]) -> Picture:
    """How the motion is coded, as in the thesis' figure 7.9: the frame, its flow, the features behind one and two DRAS
    blocks of the encoder, the decoded flow.

    Args:
        rgb: the frame, (H, W, 3).
        coded: its forward pass, of one frame, (1, C, H', W'), H' >= H and W' >= W.
        maps: what `lic_video.watch.watching` saw of it.
    """
    flow, flow_hat = flow_panels(rgb, coded)
    panels = [
        Panel("frame", rgb),
        flow,
        *(map_panel(name, found, rgb, coded) for name, found in maps.items()),
        flow_hat,
    ]
    return sheet([panels], f"Both flows share a colour wheel. {MAPS}", COLOURS)


def bits_picture(rgb: Picture, coded: Coded) -> Picture:
    """The frame, and where on it the bits of its motion and of its residual go, each in a scale of its own.

    Args:
        rgb: the frame, (H, W, 3).
        coded: its forward pass, of one frame, (1, C, H', W'), H' >= H and W' >= W.
    """
    height, width = rgb.shape[:2]
    colours = ScalarMappable(Normalize(0, 1), colormaps["inferno"])
    panels = [Panel("frame", rgb)]
    for part in ("motion", "residual"):
        bits = _spread(coded, part)[:height, :width].cpu().numpy()
        painted = colours.to_rgba(bits / max(bits.max(), 1e-9), bytes=True)[..., :3]
        told = f"{part}: {part_bpp(coded, part, height * width):.4f} bits per pixel on average"
        panels.append(Panel(told, painted, ends=("0", f"{bits.max():.3g} bits per pixel")))
    caption = (
        "Estimated bits per pixel, those of each latent's position spread over the pixels that it stands for, side "
        "information included."
    )
    return sheet([panels], caption, colours)


def _bits(row: Mapping[str, Any], part: str) -> float:
    """Of a frame's bits those of `part`."""
    if row["kind"] == "intra":
        return float(row["bits"]) if part == "intra" else 0.0
    motion = float(row["bits_motion"])
    return {"intra": 0.0, "motion": motion, "residual": float(row["bits"]) - motion}[part]


def _spread(coded: Coded, part: str) -> Tensor:
    """Bits per pixel (H', W')."""
    size = coded.x_hat.shape[-2:]
    total = coded.x_hat.new_zeros(size)
    for bits in latent_bits(coded, part):
        total += F.interpolate(bits, size, mode="nearest")[0, 0] * bits.numel() / total.numel()
    return total


def _figure(heights: Sequence[int], caption: str) -> tuple[Figure, list[Axes]]:
    """Axes below each other, so many pixels high, over a caption."""
    left, right, between = 80, 170, 52
    lines = textwrap.wrap(caption, int(WIDTH / 6.6))
    total = sum(height + between for height in heights) + 2 * GAP + len(lines) * LINE
    figure = Figure((WIDTH / DPI, total / DPI), DPI, facecolor="white")
    rows, top = [], total
    for height in heights:
        top -= height + between
        box = (left / WIDTH, (top + between / 2) / total, (WIDTH - left - right) / WIDTH, height / total)
        axes = figure.add_axes(box)
        axes.spines[["top", "right"]].set_visible(False)
        axes.spines[["left", "bottom"]].set_color(AXIS)
        axes.tick_params(labelsize=9, labelcolor=INK, color=SOFT)
        rows.append(axes)
    for i, line in enumerate(lines[::-1]):
        figure.text(GAP / WIDTH, (GAP / 2 + i * LINE + 4) / total, line, color=SOFT, fontsize=9)
    return figure, rows


def _pixels(figure: Figure) -> Picture:
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    return np.asarray(canvas.buffer_rgba())[..., :3].copy()
