"""Flow as a picture, uint8 (H, W, 3), by Middlebury's colour wheel.

Flow is an array (2, H, W) in pixels, channel 0 to the right, channel 1 down; a validity is bool (H, W): flow known
there. What is unknown, or not finite, is black.
"""

import numpy as np
import torch
from numpy.typing import NDArray
from torchvision.utils import flow_to_image

Picture = NDArray[np.uint8]
Flow = NDArray[np.floating]
Mask = NDArray[np.bool_]

BEYOND = 0.75  # of the brightness: how Middlebury's code shows what is faster than the wheel's rim


def flow_picture(flow: Flow, valid: Mask | None = None, max_speed: float | None = None) -> Picture:
    """Flow by Middlebury's colour wheel (Baker et al., 2011): hue for direction, saturation for speed, white for rest.

    Args:
        max_speed: px, the speed of full colour; what is faster is darkened. None: the fastest known pixel's.

    Returns:
        uint8 (H, W, 3). The colours are torchvision's; with two pictures of one `max_speed` they may be compared.
    """
    speed, known = speed_of(flow, valid)
    fastest = speed.max(initial=0.0) if max_speed is None else max_speed
    rim = max(float(fastest), 1e-9)
    inside = np.where(known, flow, 0) * np.minimum(1, rim / np.maximum(speed, 1e-9))
    # torchvision takes the fastest pixel for the rim: one is added that is just so fast. It is a rounding faster than
    # the others, as beyond the rim, by any rounding, torchvision's colours would wrap around.
    beside = np.tile(np.array([[[rim * (1 + 1e-6)]], [[0.0]]]), (1, flow.shape[1], 1))
    coloured = flow_to_image(torch.from_numpy(np.concatenate([inside, beside], 2)).float())
    rgb = coloured[..., :-1].permute(1, 2, 0).numpy().copy()
    beyond = speed > rim * (1 + 1e-6)
    rgb[beyond] = (rgb[beyond] * BEYOND).astype(np.uint8)
    rgb[~known] = 0
    return rgb


def legend(size: int = 151) -> Picture:
    """The colour wheel: uint8 (size, size, 3), at each place the colour of the flow that leads there from the centre.

    The rim is `max_speed`; around it is white.
    """
    places = np.linspace(-1, 1, size)
    flow = np.stack(np.meshgrid(places, places))
    wheel = flow_picture(flow, max_speed=1)
    wheel[np.hypot(*flow) > 1] = 255
    return wheel


def centred(rgb: Picture, size: tuple[int, ...]) -> Picture:
    """`rgb` in the middle of white of `size`, (H, W)."""
    paper = np.full((*size, 3), 255, np.uint8)
    top, left = ((outer - inner) // 2 for outer, inner in zip(size, rgb.shape))
    paper[top : top + rgb.shape[0], left : left + rgb.shape[1]] = rgb
    return paper


def speed_of(flow: Flow, valid: Mask | None) -> tuple[NDArray[np.float64], Mask]:
    """Length of the flow (H, W), 0 where it is not known, and where it is known."""
    known = np.isfinite(flow).all(0)
    if valid is not None:
        known = known & valid
    return np.hypot(*np.where(known, flow, 0).astype(np.float64)), known
