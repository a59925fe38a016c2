"""How much to enlarge what is still missing, told from what is decoded.

    x_hat ─ [3x3 s2 ─ ELU] x 4 ─ 2x2 s2 ─ ELU + 2 ─ gain above 1, one for 32x32 pixels ─ repeated for each pixel

G. Toderici et al.: "Full resolution image compression with recurrent neural networks", CVPR 2017, section 3.2, residual
scaling: residuals get small as iterations go on, and differ from place to place; the encoder sees them enlarged.
"""

from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class ResidualGain(nn.Module):
    """x_hat (B, 3, H, W) -> gains (B, 1, H, W), all 2 at the start. Args: `width`, channels inside, 32 in the paper."""

    def __init__(self, width: int = 32) -> None:
        super().__init__()
        channels = [3, *[width] * 4]
        self.layers = nn.ModuleList(nn.Conv2d(a, b, 3, 2, padding=1) for a, b in pairwise(channels))
        self.leave = nn.Conv2d(width, 1, 2, 2)
        nn.init.zeros_(self.leave.weight)
        nn.init.zeros_(self.leave.bias)  # type: ignore[arg-type]

    def forward(self, x_hat: Tensor) -> Tensor:
        H, W = x_hat.shape[2:]
        h = x_hat - 0.5
        for layer in self.layers:
            h = F.elu(layer(h))
        h = torch.cat([h, h[:, :, -1:]], 2) if h.shape[2] % 2 else h
        h = torch.cat([h, h[:, :, :, -1:]], 3) if h.shape[3] % 2 else h
        gain = F.elu(self.leave(h)) + 2
        return gain.repeat_interleave(32, 2).repeat_interleave(32, 3)[:, :, :H, :W]
