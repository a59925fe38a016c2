"""Motion compensation: the reference warped by the decoded flow, and what convolutions add to it.

    [warped, ref] ─ conv3 ─ block ─┬ ½ ─ block ─┬ ½ ─ block ─ block ─ ↑2 ─ + ─ block ─ ↑2 ─ + ─ block ─ conv3 ─ + ─
                                   │            └──────────────────────────┘                │                  │
                                   └────────────────────────────────────────────────────────┘             warped

A. A. Jeny: thesis, section 5.3, with channel residual blocks; G. Lu et al.: "DVC: An end-to-end deep video compression
framework", CVPR 2019, figure 3, with residual blocks. Where the texts leave it open: ½ is an average pool over 2x2 and
↑2 bilinear; the last convolution starts at zero, so that the prediction starts as the warped reference.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from common.layers.warp import warp
from lic_video.layers.residual_block import closing


class Compensated(NamedTuple):
    """The warped reference and the prediction, both (B, 3, H, W)."""

    warped: Tensor
    prediction: Tensor


class MotionCompensation(nn.Module):
    """reference (B, 3, H, W), flow (B, 2, H, W) -> the prediction; sides multiples of 4 `shuffle`.

    Args:
        block: makes a block from C channels to D.
        widths: channels at full resolution and at half, and at a quarter.
        shuffle: convolve blocks of so many pixels a side as channels: 1 as published; 4 takes a sixteenth of the time.
    """

    def __init__(
        self, block: Callable[[int, int], nn.Module], widths: Sequence[int] = (64, 64, 128), shuffle: int = 1
    ) -> None:
        super().__init__()
        self.shuffle = shuffle
        full, half, quarter = widths
        self.enter = nn.Sequential(nn.Conv2d(6 * shuffle**2, full, 3, padding=1), nn.PReLU())
        self.down1, self.down2, self.down3 = block(full, full), block(full, half), block(half, quarter)
        self.up3, self.up2, self.up1 = block(quarter, half), block(half, full), block(full, full)
        self.leave = nn.Sequential(nn.PReLU(), closing(full, 3 * shuffle**2, 3))

    def forward(self, reference: Tensor, flow: Tensor) -> Compensated:
        warped = warp(reference, flow)
        seen = F.pixel_unshuffle(torch.cat([warped, reference], 1), self.shuffle)
        seen = seen.contiguous(memory_format=torch.channels_last)  # pooling of 3x3 is seven times as fast so
        at1 = self.down1(self.enter(seen))
        at2 = self.down2(F.avg_pool2d(at1, 2))
        at3 = self.up3(self.down3(F.avg_pool2d(at2, 2)))
        at2 = self.up2(at2 + _doubled(at3))
        added = self.leave(self.up1(at1 + _doubled(at2)))
        return Compensated(warped, warped + F.pixel_shuffle(added, self.shuffle))


def _doubled(x: Tensor) -> Tensor:
    return F.interpolate(x, scale_factor=2.0, mode="bilinear", align_corners=False)
