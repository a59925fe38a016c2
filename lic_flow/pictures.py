"""Flow and its errors as pictures: uint8 (H, W, 3).

Flow is an array (2, H, W) in pixels, channel 0 to the right, channel 1 down; a validity is bool (H, W): flow known
there. The pictures of a pair are uint8 (H, W, 3). What is unknown, or not finite, is black.
"""

import math

import numpy as np
import torch
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from scipy.ndimage import distance_transform_edt
from torch import Tensor

from common.layers.warp import warp
from common.metrics.flow import FlowMetrics
from common.viz.flow_colours import Flow, Mask, Picture, centred, flow_picture, legend, speed_of
from common.viz.palette import INK, MARK
from common.viz.panels import CELL, Panel
from common.viz.panels import sheet as arranged

# ColorBrewer's RdYlBu of ten classes from its blue end: five below KITTI's bound of an outlier, five above
ERROR_COLOURS = np.array(
    [[int(c[i : i + 2], 16) for i in (0, 2, 4)] for c in (
        "313695", "4575b4", "74add1", "abd9e9", "e0f3f8", "fee090", "fdae61", "f46d43", "d73027", "a50026",
    )],
    np.uint8,
)  # fmt: skip
ERROR_BOUNDS = 2.0 ** np.arange(-4, 5)
ERROR_CAPTION = (
    "Errors: blue is within 3 px or 5 % of the true speed, red an outlier of Fl-all; every step of colour is a factor "
    "of 2, black is unknown. A flow faster than the wheel's rim is darkened."
)
ARROWS = 512  # pixels, the longer side of a picture with arrows at the least
DPI = 128  # a power of two: sides come out exactly


def error_picture(flow_hat: Flow, flow: Flow, valid: Mask | None = None) -> Picture:
    """Endpoint errors in KITTI's colours (Menze and Geiger, 2015): blue is within, red an outlier, in steps of 2.

    The scale is the smaller of error / 3 px and error / 5 % of the true speed: its 1, where blue turns into red, is
    where `common.metrics.flow.fl_outlier` begins. A prediction that is not finite is of the darkest red.
    """
    speed, known = speed_of(flow, valid)
    error = np.hypot(*np.where(known, flow_hat - flow, 0))
    scale = np.minimum(error / 3, error / np.maximum(0.05 * speed, 1e-9))
    scale = np.nan_to_num(scale, nan=np.inf)
    rgb = ERROR_COLOURS[np.searchsorted(ERROR_BOUNDS, scale)]
    rgb[~known] = 0
    return rgb


def quiver(picture: Picture, flow: Flow, step: int = 16) -> Picture:
    """Arrows of the flow over a picture (H, W, 3), one at every `step` pixels in both directions.

    An arrow begins at its pixel and points where that goes. Lengths are in proportion, so that all but the fastest
    twentieth are at most 1.5 steps long, and none is longer than 6; where next to nothing moves is no arrow. A picture
    with both sides under 512 pixels comes back enlarged by a whole number.
    """
    height, width = picture.shape[:2]
    scale = math.ceil(ARROWS / max(height, width))
    figure = Figure((width * scale / DPI, height * scale / DPI), DPI)
    canvas = FigureCanvasAgg(figure)
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set_axis_off()
    axes.imshow(picture, interpolation="nearest", aspect="auto")
    rows, columns = (np.arange(min(step // 2, side // 2), side, step) for side in (height, width))
    u, v = flow[:, rows[:, None], columns]
    speed, _ = speed_of(np.stack([u, v]), None)
    length = 1.5 * step / max(np.quantile(speed, 0.95), speed.max() / 4, 1e-9)  # picture's pixels for one of flow
    moving = speed * length * scale >= 2
    places = (np.broadcast_to(grid, speed.shape)[moving] for grid in (columns, rows[:, None]))
    axes.quiver(
        *(*places, u[moving], v[moving]),
        angles="xy",
        scale_units="xy",
        scale=1 / length,
        units="dots",
        width=max(1.6, 0.1 * step * scale),
        color=MARK,
        edgecolor=INK,
        linewidth=0.5,
    )
    canvas.draw()
    return np.asarray(canvas.buffer_rgba())[..., :3].copy()


def sheet(
    first: Picture,
    second: Picture,
    flow_hat: Flow,
    flow: Flow | None = None,
    valid: Mask | None = None,
    title: str = "",
) -> Picture:
    """A pair, its predicted flow and, where the true flow is there, that and the error: panels with a caption.

    The second picture is shown warped back by the prediction: where that is right, and nothing is hidden, it is the
    first. Both flows share the wheel, whose rim is the fastest true flow's.

    Raises:
        LicError: there is a true flow, but no EPE: the prediction, or it where it is known, is not finite.
    """
    speed, _ = speed_of(flow_hat, None) if flow is None else speed_of(flow, valid)
    rim = float(speed.max(initial=0.0))
    pictures = [Panel("first", first), Panel("second, warped back", _warped(second, flow_hat))]
    flows = [Panel("predicted flow", flow_picture(flow_hat, max_speed=rim))]
    wheel = Panel(f"colours of flow, rim {rim:.3g} px", centred(legend(min(first.shape[:2])), first.shape[:2]))
    if flow is None:
        return arranged([pictures, [*flows, wheel]], title)
    figures = _figures(flow_hat, flow, valid)
    _, known = speed_of(flow, valid)
    errors = error_picture(flow_hat, flow, valid)
    flows += [
        Panel("true flow", _joined(flow_picture(flow, valid, rim), known)),
        Panel(f"EPE {figures['epe']:.2f} px, Fl-all {figures['fl_all']:.1f} %", _joined(errors, known)),
    ]
    return arranged([[*pictures, wheel], flows], f"{title} {ERROR_CAPTION}".strip())


def _figures(flow_hat: Flow, flow: Flow, valid: Mask | None) -> dict[str, Tensor]:
    known = np.ones(flow.shape[1:], np.bool_) if valid is None else valid
    metrics = FlowMetrics(sync_on_compute=False)
    metrics.update(*(torch.tensor(part)[None] for part in (flow_hat, flow, known)))
    return metrics.compute()


def _warped(second: Picture, flow_hat: Flow) -> Picture:
    x = torch.tensor(second).permute(2, 0, 1)[None].float()
    warped = warp(x, torch.tensor(np.nan_to_num(flow_hat))[None])
    return warped[0].permute(1, 2, 0).round().byte().numpy()


def _joined(rgb: Picture, known: Mask) -> Picture:
    """What is unknown between known pixels takes the nearest one's colour: the dots of a laser would be shrunk away."""
    if not known.any():
        return rgb
    distance, (rows, columns) = distance_transform_edt(~known, return_indices=True)
    near = distance <= max(known.shape) / CELL  # within a pixel of the sheet
    return np.where(near[..., None], rgb[rows, columns], rgb)
