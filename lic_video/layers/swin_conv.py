"""SwC: Swin transformer and convolution side by side.

    F ─┬ conv1 ─ split ─┬ residual Swin block ─┬ concatenate ─ conv1 ─ + ─
       │                └ residual conv block ─┘                       │
       └────────────────────────────────────────────────────────────────┘                     (5.2) - (5.4)

A. A. Jeny: thesis, section 5.5 and figure 5.5; the Swin block is that of Z. Liu et al., ICCV 2021, every second layer
with windows shifted by half of one. Attention needs whole windows: maps are padded to them by what they hold at the
border, and cut afterwards. The last convolution starts at zero, so that the block starts as the identity.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from common.layers.swin_blocks import swin_blocks
from lic_video.layers.residual_block import ResidualBlock, closing


class ResidualSwin(nn.Module):
    """x + conv3(layers of Swin attention), (B, C, H, W) -> the same shape.

    Args:
        layers: how many.
        window: side of a window, positions.
        head: channels of an attention head.
        mlp: the width of what follows the attention, over C.
    """

    def __init__(self, C: int, layers: int = 6, window: int = 8, head: int = 16, mlp: float = 2.0) -> None:
        super().__init__()
        self.window = window
        self.layers = swin_blocks(C, max(1, C // head), window, mlp, [0.0] * layers)
        self.leave = nn.Conv2d(C, C, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        H, W = x.shape[2:]
        whole = F.pad(x, (0, -W % self.window, 0, -H % self.window), mode="replicate")
        seen = self.layers(whole.movedim(1, -1)).movedim(-1, 1)[..., :H, :W]
        return x + self.leave(seen)


class SwinConv(nn.Module):
    """(B, C, H, W) -> the same shape; C even. `layers`, `window`, `head` as in `ResidualSwin`."""

    def __init__(self, C: int, layers: int = 6, window: int = 8, head: int = 16) -> None:
        super().__init__()
        self.enter = nn.Conv2d(C, C, 1)
        self.swin = ResidualSwin(C // 2, layers, window, head)
        self.conv = ResidualBlock(C // 2)
        self.leave = closing(C, C, 1)

    def forward(self, x: Tensor) -> Tensor:
        first, second = self.enter(x).chunk(2, 1)
        return x + self.leave(torch.cat([self.swin(first), self.conv(second)], 1))
