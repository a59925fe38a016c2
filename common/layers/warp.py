"""Backward warping: what a picture or a feature map looks like where the flow points."""

import torch
from torch import Tensor
from torch.nn import functional as F


def warp(x: Tensor, flow: Tensor) -> Tensor:
    """x (B, C, H, W) at (column + flow[:, 0], row + flow[:, 1]), bilinearly; outside, the border is repeated.

    Args:
        flow: (B, 2, H, W) in pixels of x, channel 0 to the right, channel 1 down.

    Returns:
        (B, C, H, W), of x's type. With the flow from the first of two pictures to the second, `warp(second, flow)`
        resembles the first.
    """
    H, W = x.shape[-2:]
    with torch.autocast(x.device.type, enabled=False):  # a half-precision coordinate is wrong by pixels
        rows = torch.arange(H, device=x.device, dtype=torch.float32)[:, None]
        columns = torch.arange(W, device=x.device, dtype=torch.float32)
        u, v = flow.float().unbind(1)
        grid = torch.stack([2 * (columns + u) / max(W - 1, 1) - 1, 2 * (rows + v) / max(H - 1, 1) - 1], 3)
        # A map of one row or column has nothing to interpolate: every coordinate means that row or column.
        return F.grid_sample(x.float(), grid, padding_mode="border", align_corners=True).to(x.dtype)
