"""Rate-distortion figures, as PNG files for the eye and as PDF and SVG for a paper."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from common.io import written_whole
from common.results.curves import Curve
from common.results.measures import Measure
from common.viz.palette import AXIS, GRID, INK, OTHERS, PAPER, RUNS, SOFT

MARKERS = "osD^v"
VECTOR = (".pdf", ".svg")
# Fonts that journals take, and files that are the same when they are written again.
_FILES: Any = {"pdf.fonttype": 42, "svg.hashsalt": "lic"}
_METADATA: dict[str, dict[str, Any]] = {
    ".png": {"Software": None},
    ".pdf": {"CreationDate": None},
    ".svg": {"Date": None},
}


def rd_figure(
    curves: Sequence[Curve], measure: Measure, path: Path, title: str = "", vector: bool = False
) -> Path | None:
    """Quality over bpp, as `path` and, where wanted, beside it as PDF and SVG: runs bold with markers, baselines
    thin, published curves dashed, names at the lines.

    The view follows the runs, so that baselines up to many bits do not squeeze them into a corner.

    Returns:
        `path`, or None when no curve has that measure.
    """
    lines = []
    for curve in curves:
        known = [(point.bpp, quality) for point in curve.points if (quality := point.quality(measure.key)) is not None]
        known = [(bpp, quality) for bpp, quality in known if np.isfinite(quality)]
        if known:
            lines.append((curve, np.array(known) * (1, measure.sign)))
    if not lines:
        return None
    figure = Figure(figsize=(8, 5.2), dpi=130, facecolor="white")
    FigureCanvasAgg(figure)
    axes = figure.add_axes((0.085, 0.11, 0.72, 0.80))
    styles = _styles([curve for curve, _ in lines])
    for (_, xy), style in zip(lines, styles):
        axes.plot(xy[:, 0], xy[:, 1], **style)
    _view(axes, lines, decibels=measure.unit == "dB")
    _name_lines(axes, lines, styles)
    axes.set_xlabel("bits per pixel", color=INK)
    axes.set_ylabel(measure.axis, color=INK, parse_math=False)
    axes.set_title(title, loc="left", fontsize=11, color=INK, parse_math=False)
    axes.grid(color=GRID, linewidth=0.8)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
    axes.spines[["left", "bottom"]].set_color(AXIS)
    axes.tick_params(colors=SOFT, labelsize=9)
    path.parent.mkdir(parents=True, exist_ok=True)
    with rc_context(_FILES):
        for kind in (path.suffix, *(VECTOR if vector else ())):  # as wide as the names need
            with written_whole(path.with_suffix(kind)) as beside:
                figure.savefig(beside, format=kind[1:], bbox_inches="tight", metadata=_METADATA[kind])
    return path


def _styles(curves: Sequence[Curve]) -> list[dict[str, Any]]:
    styles: list[dict[str, Any]] = []
    runs = others = 0
    for curve in curves:
        if curve.kind == "run":
            turn, place = divmod(runs, len(RUNS))  # with more runs than colours the markers tell them apart
            face = {"markerfacecolor": PAPER} if turn % 2 else {}
            line = {"color": RUNS[place], "linewidth": 2.4, "marker": MARKERS[turn % len(MARKERS)], "markersize": 6}
            styles.append({**line, **face, "zorder": 3})
            runs += 1
        else:
            dash = "--" if curve.kind == "published" else "-"
            marker = {"marker": "."} if curve.kind == "baseline" else {}
            styles.append({"color": OTHERS[others % len(OTHERS)], "linewidth": 1.2, "linestyle": dash, **marker})
            others += 1
    return styles


def _view(axes: Axes, lines: Sequence[tuple[Curve, np.ndarray]], decibels: bool) -> None:
    focus = [xy for curve, xy in lines if curve.kind == "run"] or [xy for _, xy in lines]
    most = max(xy[:, 0].max() for xy in focus)
    right = min(1.35 * most, 1.03 * max(xy[:, 0].max() for _, xy in lines))
    axes.set_xlim(0, right)
    runs = np.concatenate(focus)[:, 1]
    if not decibels:
        seen = np.concatenate([runs, *(xy[xy[:, 0] <= right, 1] for _, xy in lines)])
        axes.set_ylim(seen.min() - 0.06 * (np.ptp(seen) or 1), seen.max() + 0.06 * (np.ptp(seen) or 1))
        return
    beside = [xy for _, xy in lines if xy[0, 0] <= most]
    low = max(min(xy[0, 1] for xy in beside), runs.min() - 6)  # far points would flatten the rest
    high = max(runs.max(), *(np.interp(most, *xy.T) for xy in beside))  # but what the runs' bits buy elsewhere is seen
    margin = 0.06 * max(high - low, 1.0)
    axes.set_ylim(low - margin, high + margin)


def _name_lines(axes: Axes, lines: Sequence[tuple[Curve, np.ndarray]], styles: Sequence[dict[str, Any]]) -> None:
    """Names in the right margin, in the order of the line ends, moved apart where they would collide."""
    right, (low, high) = axes.get_xlim()[1], axes.get_ylim()
    ends = []
    for _, xy in lines:
        x = min(right, xy[-1, 0])
        ends.append((x, float(np.clip(np.interp(x, xy[:, 0], xy[:, 1]), low, high))))
    order = sorted(range(len(ends)), key=lambda i: ends[i][1])
    step = (high - low) * min(0.045, 0.98 / len(ends))
    heights = np.array([ends[i][1] for i in order])
    for _ in range(200):  # push neighbours apart until every name has its line
        gaps = np.maximum(step - np.diff(heights), 0) / 2
        if gaps.max(initial=0) < 1e-3 * step:
            break
        heights[:-1] -= gaps
        heights[1:] += gaps
        heights = np.clip(heights, low, high)
    for i, y in zip(order, heights):
        curve, bold = lines[i][0], lines[i][0].kind == "run"
        colour = styles[i]["color"]
        span = right * 1.03 - ends[i][0]
        axes.annotate(
            curve.name if len(curve.name) <= 30 else curve.name[:29] + "…",
            ends[i],
            (right * 1.04, y),
            annotation_clip=False,
            parse_math=False,  # a name is text, with whatever dollars
            va="center",
            color=colour,
            fontsize=9.5 if bold else 8.5,
            fontweight="bold" if bold else "normal",
            arrowprops={"arrowstyle": "-", "color": colour, "alpha": 0.35, "linewidth": 0.7} if span > 0 else None,
        )
