"""CRB: channel residual block, of the motion compensation.

    x ─┬ norm ─ conv 2x2, D ──────────────────── a ┐
       ├ ½ (average pool + max pool), padded to D ─ b ├ conv1, D ─ + ─
       ├ norm ─ conv1, 32 ─ PReLU ─────────────── c ┘            │
       └ padded to D ─────────────────────────────────────────────┘

A. A. Jeny: thesis, section 5.3 and figure 5.3 (b). Where the text leaves it open: stride 1 throughout (it prints 2 for
one branch, whose output could then not be concatenated); the pools are 3x3; "normalization" is over the channels of
each position, so that nothing depends on a frame's size; the 2x2 convolution sees the position, and those to the right
and below; the last convolution starts at zero, so that the block starts as the identity. Where D is smaller than C,
padding means the first D channels.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from lic_video.layers.residual_block import closing

NARROW = 32  # channels of the third branch


class ChannelNorm(nn.Module):
    """(B, C, H, W) -> the same shape, normalised over the channels of each position."""

    def __init__(self, C: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(C)

    def forward(self, x: Tensor) -> Tensor:
        return self.norm(x.movedim(1, -1)).movedim(-1, 1)


def with_channels(x: Tensor, D: int) -> Tensor:
    """x (B, C, H, W) -> (B, D, H, W): channels of zeros added, or those beyond D left out."""
    return F.pad(x, (0, 0, 0, 0, 0, D - x.shape[1]))


class ChannelResidualBlock(nn.Module):
    """(B, C, H, W) -> (B, D, H, W); D is C if not given."""

    def __init__(self, C: int, D: int | None = None) -> None:
        super().__init__()
        self.D = C if D is None else D
        narrow = min(NARROW, self.D)
        self.a = nn.Sequential(ChannelNorm(C), nn.ZeroPad2d((0, 1, 0, 1)), nn.Conv2d(C, self.D, 2))
        self.c = nn.Sequential(ChannelNorm(C), nn.Conv2d(C, narrow, 1), nn.PReLU())
        self.leave = closing(2 * self.D + narrow, self.D, 1)

    def forward(self, x: Tensor) -> Tensor:
        average = F.avg_pool2d(x, 3, 1, 1, count_include_pad=False)
        b = (average + F.max_pool2d(x, 3, 1, 1)) / 2
        told = torch.cat([self.a(x), with_channels(b, self.D), self.c(x)], 1)
        return with_channels(x, self.D) + self.leave(told)
