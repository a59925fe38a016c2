"""What a pair is, what `deeppynet`'s pyramids see of it and how its flow is refined, as pictures: uint8 (H, W, 3).

A sample is a data set's, a dict of tensors (`lic_flow.datasets`), with sides that are multiples of the network's
`multiple`; `seen` is what `lic_flow.watch.watching` saw of it.
"""

from collections.abc import Mapping, Sequence
from itertools import pairwise

import numpy as np
import torch
from matplotlib import colormaps
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from numpy.typing import NDArray
from torch import Tensor

from common.layers.warp import warp
from common.metrics.flow import endpoint_error
from common.viz.flow_colours import Picture, centred, flow_picture, legend
from common.viz.panels import Panel, sheet
from lic_flow.pictures import ERROR_CAPTION, error_picture
from lic_flow.watch import Seen

ROW = 4  # panels beside each other
PYRAMIDS = ("left", "middle", "right")
HIDDEN = (230, 30, 40)  # over what the second picture does not show


def pair_picture(sample: Mapping[str, Tensor]) -> Picture:
    """A pair and what is known of it: the second warped back by the true flow, the flow, what is hidden afterwards."""
    first, second = rgb(sample["first"]), rgb(sample["second"])
    flow, hidden = sample["flow"], sample["occluded"].numpy()
    speed = flow.norm(dim=0)
    back = rgb(warp(sample["second"][None] / 255, flow[None])[0])
    covered = np.where(hidden[..., None], (0.3 * first + 0.7 * np.array(HIDDEN)).astype(np.uint8), first)
    wheel = centred(legend(min(first.shape[:2])), first.shape[:2])
    rows = [
        [Panel("first", first), Panel("second", second), Panel("second, warped back by the true flow", back)],
        [
            Panel(f"true flow, {speed.min():.1f} to {speed.max():.1f} px", flow_picture(flow.numpy())),
            Panel(f"colours of flow, rim {speed.max():.3g} px", wheel),
            Panel(f"not in the second picture: {100 * hidden.mean():.1f} %", covered),
        ],
    ]
    return sheet(rows, "In red what the second picture does not show: warped back, something else is in its place.")


def features_picture(seen: Seen) -> Picture:
    """Every level of every pyramid, of the first picture."""
    rows = [
        [
            Panel(f"level {level}, {name}: {C} channels of {w} x {h}", principal(pyramid[0]))
            for name, pyramid in zip(PYRAMIDS, pyramids)
            for C, h, w in (pyramid.shape[1:],)
        ]
        for level, pyramids in seen.features.items()
    ]
    caption = (
        "Features of the first picture, as red, green and blue the three directions in which they vary most. Every "
        "panel has its own: places of one colour are alike to that pyramid, panels cannot be compared."
    )
    return sheet(rows, caption)


def principal(features: Tensor) -> Picture:
    """The first three principal components of features (C, h, w), C >= 3: (h, w, 3), black to white 5 deviations."""
    x = features.float().flatten(1).T
    x = x - x.mean(0)
    _, directions = torch.linalg.eigh(x.T @ x)
    first = directions[:, -3:].flip(1)
    components = x @ (first * first.sum(0).sign())  # an eigenvector's own sign is arbitrary
    scaled = 0.5 + components / (5 * components.std(0).clamp_min(1e-9))
    return rgb(scaled.T.reshape(3, *features.shape[1:]))


def mask_picture(seen: Seen, level: int) -> Picture:
    """MAF at a level of the first picture: what is let pass of a pyramid's features."""
    caption = "MAF: what features are multiplied by, sigmoid(conv(those of the pyramid before)); 0 removes, 1 keeps."
    return _repairs([repair.mask[0] for repair in seen.repairs[level]], 0.5, "PuOr_r", caption)


def correction_picture(seen: Seen, level: int) -> Picture:
    """ABF at a level of the first picture: what is added to a pyramid's features."""
    caption = "ABF: what is then added, tanh(conv(features of the pyramid before))."
    return _repairs([repair.added[0] for repair in seen.repairs[level]], 0.0, "coolwarm", caption)


def _repairs(maps: Sequence[Tensor], centre: float, colours: str, caption: str) -> Picture:
    """A row for each repair (C, h, w): the mean of its channels, and the two that vary most over the picture."""
    reach = max(max((m - centre).abs().max().item() for m in maps), 1e-3)
    scale = ScalarMappable(Normalize(centre - reach, centre + reach), colormaps[colours])
    ticks = {value: signed(value) for value in (centre - reach, centre, centre + reach)}
    rows = []
    for (before, after), m in zip(pairwise(PYRAMIDS), maps):
        varied = m.flatten(1).std(1).argsort(descending=True)[:2].tolist()
        shown = {f"mean of {len(m)} channels": m.mean(0), **{f"channel {n}": m[n] for n in varied}}
        panels = {f"{before} → {after}, {what}": painted(value, scale) for what, value in shown.items()}
        rows.append([Panel(title, picture) for title, picture in panels.items()])
    return sheet(rows, f"{caption} Beside the mean the two channels that vary most over the picture.", scale, ticks)


def steps_picture(flows: Sequence[Tensor], seen: Seen, sample: Mapping[str, Tensor]) -> Picture:
    """The flow (1, 2, H, W) after every refinement, and its errors below it."""
    flow, valid = sample["flow"], sample["valid"]
    speed = flow.norm(dim=0)[valid]
    panels, errors = [], []
    for n, (flow_hat, step) in enumerate(zip(flows, seen.steps), 1):
        epe = endpoint_error(flow_hat, flow[None])[0][valid].mean()
        title = f"step {n}, at 1/{flow.shape[1] // step.flow.shape[2]}: EPE {epe:.2f} px"
        found = flow_hat[0].numpy()
        panels.append(Panel(title, flow_picture(found, max_speed=speed.max().item())))
        errors.append(Panel("", error_picture(found, flow.numpy(), valid.numpy())))
    caption = f"The flow after every step; before the first there is none, and the EPE is {speed.mean():.2f} px."
    return sheet([row for pair in zip(in_rows(panels), in_rows(errors)) for row in pair], f"{caption} {ERROR_CAPTION}")


def augmented_picture(batch: Mapping[str, Tensor]) -> Picture:
    """Every pair of an augmented batch in a column of its own: first, second, flow."""
    speeds = [flow.norm(dim=0).max().item() for flow in batch["flow"]]
    rows = [[Panel(name, rgb(picture)) for picture in batch[name]] for name in ("first", "second")]
    flows = [flow_picture(flow.numpy(), max_speed=max(speeds)) for flow in batch["flow"]]
    rows.append([Panel(f"flow, up to {speed:.1f} px", flow) for speed, flow in zip(speeds, flows)])
    return sheet(rows, f"Colours of flow: the wheel's rim is {max(speeds):.1f} px in every column.")


def rgb(picture: Tensor) -> Picture:
    """(3, H, W), uint8 or in [0, 1], as (H, W, 3)."""
    x = picture if picture.dtype == torch.uint8 else (255 * picture).round().clamp(0, 255).byte()
    return x.permute(1, 2, 0).numpy().copy()


def painted(values: Tensor, colours: ScalarMappable) -> Picture:
    """(h, w) in colours, (h, w, 3)."""
    rgba: NDArray[np.uint8] = colours.to_rgba(values.numpy(), bytes=True)
    return rgba[..., :3]


def in_rows(panels: Sequence[Panel]) -> list[Sequence[Panel]]:
    """Panels in rows of `ROW`."""
    return [panels[i : i + ROW] for i in range(0, len(panels), ROW)]


def signed(value: float) -> str:
    """With two decimals and a minus sign that is one."""
    return f"{value:.2f}".replace("-", "−")
