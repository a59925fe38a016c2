"""What the multi-channel cost volume finds in a refinement step, as pictures: uint8 (H, W, 3).

A `Step` is one of those that `lic_flow.watch.watching` saw, of a single pair. One of its positions stands for
`stride` x `stride` pixels; a pixel is (x, y).
"""

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from matplotlib import colormaps
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from PIL import Image, ImageDraw
from torch import Tensor
from torch.nn import functional as F

from common.metrics.flow import endpoint_error
from common.viz.flow_colours import Picture, centred, flow_picture, legend
from common.viz.palette import INK, MARK
from common.viz.panels import CELL, Panel, sheet
from lic_flow.figures import in_rows, painted, rgb, signed
from lic_flow.watch import Step

BETWEEN = 18  # pixels, from the costs before the filter to those after it


def search_picture(sample: Mapping[str, Tensor], step: Step, pixel: tuple[int, int]) -> Picture:
    """One position of the first picture, and its candidates in the second, about where the step's flow leads."""
    stride, column, row = _place(step, sample["flow"], pixel)
    side = step.costs.shape[2]
    begun = (stride * step.flow[0, :, row, column]).round().int().tolist()
    left, top = (
        int(np.clip(stride * (p - side // 2) + v, stride * (1 - side), length - stride))  # in the picture, if in part
        for p, v, length in zip((column, row), begun, reversed(sample["flow"].shape[1:]))
    )
    u, v = map(signed, sample["flow"][:, pixel[1], pixel[0]].tolist())
    panels = [
        Panel(f"first: moves by ({u}, {v}) px", rgb(sample["first"]), (stride * column, stride * row, stride)),
        Panel(f"second: {side} x {side} candidates", rgb(sample["second"]), (left, top, side * stride)),
    ]
    return sheet([panels], f"One position of {stride} x {stride} pixels, and those that it is compared with.")


def costs_picture(step: Step, flow: Tensor, pixel: tuple[int, int]) -> Picture:
    """A pixel's costs of all displacements, before and after the 4-D filter, a panel for each hypothesis.

    Args:
        flow: the true one, (2, H, W), px: a square is where it leads, a cross the guess.
    """
    stride, column, row = _place(step, flow, pixel)
    truth = flow[:, pixel[1], pixel[0]] / stride - step.flow[0, :, row, column]
    costs = torch.stack([volume[0, ..., row, column] for volume in (step.similarities, step.costs)], 1)
    guesses, confidences = step.guesses[0, ..., row, column], step.confidences[0, :, row, column]
    colours = ScalarMappable(Normalize(0, 1), colormaps["viridis"])
    dx, dy = map(signed, truth.tolist())
    panels = []
    for k, guess in enumerate(guesses.tolist()):
        before, after = (_window(painted(_spread(part), colours), truth.tolist(), guess) for part in costs[k])
        between = np.full((len(before), BETWEEN, 3), 255, np.uint8)
        title = f"{k + 1}: guess ({signed(guess[0])}, {signed(guess[1])}), confidence {confidences[k]:.2f}"
        panels.append(Panel(title, np.concatenate([before, between, after], 1)))
    caption = (
        f"Costs of one position at 1/{stride}: left the cosine similarities, right what the filter makes of them. "
        f"Square: what is to be found, ({dx}, {dy}) positions; cross: the guess. Every window has its own colours."
    )
    return sheet(in_rows(panels), caption, colours, {0.0: "least alike", 1.0: "most alike"})


def _spread(costs: Tensor) -> Tensor:
    """From 0 for the least to 1 for the most."""
    least, most = costs.aminmax()
    return (costs - least) / (most - least).clamp_min(1e-9)


def _window(rgb: Picture, truth: Sequence[float], guess: Sequence[float]) -> Picture:
    """Coloured costs (side, side, 3), enlarged, with marks at two displacements (dx, dy)."""
    side = len(rgb)
    cell = (CELL - BETWEEN) // 2 // side
    picture = Image.fromarray(rgb.repeat(cell, 0).repeat(cell, 1))
    draw = ImageDraw.Draw(picture)
    x, y = (cell * (v + side / 2) for v in truth)
    draw.rectangle((x - cell / 2, y - cell / 2, x + cell / 2 - 1, y + cell / 2 - 1), outline=MARK, width=2)
    x, y = (cell * (v + side / 2) for v in guess)
    for colour, width in ((INK, 5), ("white", 2)):
        for up in (-1, 1):
            draw.line((x - cell / 3, y - up * cell / 3, x + cell / 3, y + up * cell / 3), colour, width)
    return np.asarray(picture)


def guesses_picture(step: Step, flow: Tensor) -> Picture:
    """Every hypothesis' guess over the whole picture, beside what the true flow (2, H, W) is beyond the step's."""
    stride, radius = flow.shape[1] // step.flow.shape[2], step.costs.shape[2] // 2
    lacking = F.avg_pool2d(flow[None], stride) / stride - step.flow
    h, w = lacking.shape[2:]
    panels = []
    for k, guess in enumerate(step.guesses[0].unbind(), 1):
        error = stride * endpoint_error(guess[None], lacking).mean()
        panels.append(Panel(f"guess {k}: off by {error:.2f} px", _flow(guess, radius)))
    still = stride * lacking.norm(dim=1).mean()
    panels.append(Panel(f"to be found: {still:.2f} px", _flow(lacking[0], radius)))
    panels.append(Panel(f"colours, rim {radius} positions", centred(legend(8 * h), (8 * h, 8 * w))))
    return sheet(in_rows(panels), f"What each hypothesis takes for the motion that is left, at 1/{stride}.")


def _flow(flow: Tensor, rim: float) -> Picture:
    return flow_picture(flow.numpy(), max_speed=rim)


def confidences_picture(step: Step, picture: Tensor) -> Picture:
    """Every hypothesis' confidence over the first picture (3, H, W)."""
    colours = ScalarMappable(Normalize(0, 1), colormaps["viridis"])
    grey = rgb(picture).mean(2, keepdims=True)
    stride = len(grey) // step.flow.shape[2]
    panels = []
    for k, confidence in enumerate(step.confidences[0].unbind(), 1):
        over = painted(confidence, colours).repeat(stride, 0).repeat(stride, 1)
        laid = (0.65 * over + 0.35 * grey).round().astype(np.uint8)
        panels.append(Panel(f"confidence {k}: {confidence.mean():.2f} on average", laid))
    caption = "Confidence: the part of the softmax over all displacements that the best one has with its neighbours."
    return sheet(in_rows(panels), caption, colours, {0.0: "0", 0.5: "0.5", 1.0: "1"})


def _place(step: Step, flow: Tensor, pixel: tuple[int, int]) -> tuple[int, int, int]:
    """Stride, and the position (column, row) of a pixel."""
    stride = flow.shape[1] // step.flow.shape[2]
    return stride, pixel[0] // stride, pixel[1] // stride
