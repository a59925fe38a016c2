"""Figures drawn into an array: panels side by side, what their colours mean, a caption; light, sized for a report."""

import textwrap
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.cm import ScalarMappable
from matplotlib.figure import Figure
from PIL import Image, ImageDraw

from common.viz.palette import AXIS, BLUE, INK, MARK, SOFT

CELL = 360  # pixels, largest side of a panel
NARROWEST = 250  # pixels that a panel's title needs
BAR_WIDTH, BAR_HEIGHT = 104, 80  # of a colour bar with its labels; it is no shorter beside flat panels
GAP, TITLE, LINE = 14, 24, 18
ENDS = 30  # pixels below a row for the colour bars of its panels
DPI = 100


class Panel(NamedTuple):
    """A picture uint8 (H, W, 3) under its title; `mark` is a square on it: left, top, side.

    `ends`: what the first and the last of the sheet's colours stand for on this panel, with units.
    """

    title: str
    rgb: np.ndarray
    mark: tuple[int, int, int] | None = None
    ends: tuple[str, str] | None = None


def sheet(
    rows: Sequence[Sequence[Panel]],
    caption: str,
    colours: ScalarMappable | None = None,
    ticks: Mapping[float, str] | None = None,
) -> np.ndarray:
    """uint8 (H, W, 3): rows of panels, a colour bar on the right where there are `ticks`, the caption below.

    A panel with `ends` has a colour bar of its own below it.
    """
    sizes = [_size(row[0].rgb) for row in rows]
    heights = [max(height, BAR_HEIGHT if ticks else 0) for _, height in sizes]
    cell = max(NARROWEST, *(width for width, _ in sizes))
    canvas = _Canvas(
        GAP + len(rows[0]) * (cell + GAP) + (BAR_WIDTH if ticks else 0),
        sum(GAP + _title(row) + height + _ends(row) for row, height in zip(rows, heights)),
        caption,
    )
    y = 0
    for row, (width, height), space in zip(rows, sizes, heights):
        y += GAP + _title(row)
        for i, panel in enumerate(row):
            x = GAP + i * (cell + GAP)
            if panel.title:
                canvas.text(x, y - 8, panel.title)
            canvas.paste(x, y, _shown(panel, width, height))
            if panel.ends and colours is not None:
                canvas.bar(x, y + height + 5, width, colours, panel.ends)
        if colours is not None and ticks is not None:
            axes = canvas.axes(GAP + len(row) * (cell + GAP), y, 14, space)
            bar = canvas.figure.colorbar(colours, cax=axes, ticks=list(ticks))
            bar.ax.set_yticklabels(list(ticks.values()))
            bar.ax.minorticks_off()
            bar.ax.tick_params(labelsize=9, labelcolor=INK, color=SOFT)
            bar.outline.set_visible(False)
        y += space + _ends(row)
    return canvas.pixels()


def painted(value: np.ndarray, colours: ScalarMappable, padded: tuple[int, int], rgb: np.ndarray) -> np.ndarray:
    """A map (h, w) in colours where the picture is; a position is a rectangle, all cover the `padded` sides."""
    small = colours.to_rgba(value, bytes=True)[..., :3]
    rows = np.arange(rgb.shape[0]) * small.shape[0] // padded[0]
    columns = np.arange(rgb.shape[1]) * small.shape[1] // padded[1]
    return small[rows[:, None], columns]


def bar_chart(values: Mapping[str, np.ndarray], caption: str) -> np.ndarray:
    """uint8 (H, W, 3): for each name its values (C,) in 0 to 1 as bars up or down from 0.5, by number."""
    height, left = 96, 34
    canvas = _Canvas(3 * CELL + GAP, len(values) * (GAP + TITLE + height + LINE), caption)
    y = 0
    for name, v in values.items():
        y += GAP + TITLE
        canvas.text(
            left, y - 8, f"{name}: {len(v)} channels, gates {v.min():.2f} to {v.max():.2f}, mean {v.mean():.2f}"
        )
        axes = canvas.axes(left, y, canvas.width - left - GAP, height)
        axes.stairs(v, np.arange(len(v) + 1), baseline=0.5, fill=True, color=BLUE)
        axes.axhline(0.5, color=SOFT, linewidth=0.8)
        axes.set_xlim(0, len(v))
        axes.set_ylim(0, 1)
        axes.set_yticks([0, 0.5, 1])
        axes.spines[["top", "right"]].set_visible(False)
        axes.spines[["left", "bottom"]].set_color(AXIS)
        axes.tick_params(labelsize=9, labelcolor=INK, color=SOFT)
        y += height + LINE
    return canvas.pixels()


def _size(rgb: np.ndarray) -> tuple[int, int]:
    """Width and height at which a picture is shown."""
    scale = CELL / max(rgb.shape[:2])
    return max(1, round(rgb.shape[1] * scale)), max(1, round(rgb.shape[0] * scale))


def _shown(panel: Panel, width: int, height: int) -> np.ndarray:
    """The panel's picture at the size at which it is shown; pixels that are enlarged stay squares."""
    larger = width > panel.rgb.shape[1]
    picture = Image.fromarray(panel.rgb)
    shown = picture.resize((width, height), Image.Resampling.NEAREST if larger else Image.Resampling.LANCZOS)
    if panel.mark:
        left, top, side = (round(v * width / panel.rgb.shape[1]) for v in panel.mark)
        corner = (min(left + side, width - 1), min(top + side, height - 1))
        ImageDraw.Draw(shown).rectangle(((left, top), corner), outline=MARK, width=2)
    return np.asarray(shown)


def _title(row: Sequence[Panel]) -> int:
    return TITLE if any(panel.title for panel in row) else 0


def _ends(row: Sequence[Panel]) -> int:
    return ENDS if any(panel.ends for panel in row) else 0


class _Canvas:
    """A white figure measured in pixels from its upper left corner, `height` of them above the caption."""

    def __init__(self, width: int, height: int, caption: str) -> None:
        lines = textwrap.wrap(caption, int(width / 6.6))
        self.width, self.height = width, height + GAP + len(lines) * LINE + GAP
        self.figure = Figure((self.width / DPI, self.height / DPI), DPI, facecolor="white")
        self.canvas = FigureCanvasAgg(self.figure)
        self.pasted: list[tuple[int, int, np.ndarray]] = []
        for i, line in enumerate(lines):
            self.text(GAP, height + GAP + (i + 1) * LINE - 4, line, SOFT)

    def axes(self, x: int, y: int, width: int, height: int):  # type: ignore[no-untyped-def]
        box = (x / self.width, 1 - (y + height) / self.height, width / self.width, height / self.height)
        return self.figure.add_axes(box)

    def text(self, x: int, y: int, text: str, colour: str = INK, ha: str = "left") -> None:
        place = x / self.width, 1 - y / self.height
        self.figure.text(*place, text, color=colour, fontsize=9, va="baseline", ha=ha, parse_math=False)

    def bar(self, x: int, y: int, width: int, colours: ScalarMappable, ends: tuple[str, str]) -> None:
        """All colours from left to right, what the first and the last of them stand for below them."""
        strip = colours.get_cmap()(np.linspace(0, 1, width), bytes=True)[None, :, :3]
        self.paste(x, y, np.repeat(strip, 8, 0))
        self.text(x, y + 21, ends[0], SOFT)
        self.text(x + width, y + 21, ends[1], SOFT, "right")

    def paste(self, x: int, y: int, rgb: np.ndarray) -> None:
        """Put `rgb` there as it is, which is faster than drawing it."""
        self.pasted.append((x, y, rgb))

    def pixels(self) -> np.ndarray:
        self.canvas.draw()
        pixels = np.asarray(self.canvas.buffer_rgba())[..., :3].copy()
        for x, y, rgb in self.pasted:
            pixels[y : y + rgb.shape[0], x : x + rgb.shape[1]] = rgb
        return pixels
