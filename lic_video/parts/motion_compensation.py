"""Motion compensation: the reference warped by the decoded flow, and what convolutions add to it.

    [warped, ref] ─ conv3 ─ block ─┬ ½ ─ block ─┬ ½ ─ block ─ block ─ ↑2 ─ + ─ block ─ ↑2 ─ + ─ block ─ conv3 ─ + ─
                                   │            └──────────────────────────┘                │                  │
                                   └────────────────────────────────────────────────────────┘             warped

A. A. Jeny: thesis, section 5.3, with channel residual blocks; G. Lu et al.: "DVC: An end-to-end deep video compression
framework", CVPR 2019, figure 3, with residual blocks. Where the texts leave it open: ↑2 is bilinear; the last
convolution starts at zero, so that the prediction starts as the warped reference.

The thesis calls ½ "global average pooling", beside "two up-sampling layers" and in the place where DVC halves the size
by an average pool. Both readings are here, as `pooling`; they have the same parameters:

    local     ½ is an average pool over 2x2, as in DVC: with it, up-sampling by 2 comes back to the size before
    global    ½ is the mean over the frame, one value a channel, and ↑2 repeats it at every position; the second ½ has
              one position left to average
"""

from collections.abc import Callable, Sequence
from typing import Literal, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from common.errors import LicError
from common.layers.warp import warp
from lic_video.layers.residual_block import closing

POOLINGS = ("local", "global")


class Compensated(NamedTuple):
    """The warped reference and the prediction, both (B, 3, H, W)."""

    warped: Tensor
    prediction: Tensor


class MotionCompensation(nn.Module):
    """reference (B, 3, H, W), flow (B, 2, H, W) -> the prediction.

    Sides are multiples of `shuffle`, with local pooling of 4 `shuffle`.

    Args:
        block: makes a block from C channels to D.
        widths: channels at full resolution and at half, and at a quarter.
        shuffle: convolve blocks of so many pixels a side as channels: 1 as published; 4 takes a sixteenth of the time.
        pooling: "local" or "global", what ½ is.

    Raises:
        LicError: there is no such pooling.
    """

    def __init__(
        self,
        block: Callable[[int, int], nn.Module],
        widths: Sequence[int] = (64, 64, 128),
        shuffle: int = 1,
        pooling: Literal["local", "global"] = "local",
    ) -> None:
        super().__init__()
        if pooling not in POOLINGS:
            raise LicError(f"the pooling of a motion compensation must be one of {', '.join(POOLINGS)}, not {pooling}.")
        self.pooling = pooling
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
        at2 = self.down2(self._pooled(at1))
        at3 = self.up3(self.down3(self._pooled(at2)))
        at2 = self.up2(at2 + self._upsampled(at3))
        added = self.leave(self.up1(at1 + self._upsampled(at2)))
        return Compensated(warped, warped + F.pixel_shuffle(added, self.shuffle))

    def _pooled(self, x: Tensor) -> Tensor:
        return x.mean((2, 3), keepdim=True) if self.pooling == "global" else F.avg_pool2d(x, 2)

    def _upsampled(self, x: Tensor) -> Tensor:
        if self.pooling == "global":
            return x  # the sum repeats its one position
        return F.interpolate(x, scale_factor=2.0, mode="bilinear", align_corners=False)
