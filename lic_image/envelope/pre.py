"""What is sent of a picture where no hints are: all of it, a smaller one, or a learned compact one."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from lic_image.envelope.contract import Sent


class Whole(nn.Module):
    """The picture as it is."""

    factor = 1
    hint_channels, hint_step = 0, 1

    def forward(self, x: Tensor) -> Sent:
        return Sent(x)


class Downscale(nn.Module):
    """The picture made smaller by a bicubic filter: `SuperResolution` makes it large again."""

    hint_channels, hint_step = 0, 1

    def __init__(self, factor: int = 2) -> None:
        super().__init__()
        self.factor = factor

    def forward(self, x: Tensor) -> Sent:
        return Sent(smaller(x, self.factor))


class Compact(nn.Module):
    """A learned compact representation (ComCNN): half as wide and high, and a picture that any codec can code.

        x ─ conv3 3→N ─ ReLU ─ conv3 s2 N→N ─ ReLU ─ conv3 N→3 ─(+)─ picture
        └────────────────── bicubic ÷ 2 ──────────────────────┘

    F. Jiang, W. Tao, S. Liu, J. Ren, X. Guo, D. Zhao: "An end-to-end compression framework based on convolutional
    neural networks", IEEE TCSVT 2017: three convolutions, N = 64. That what is learned is added to the bicubic picture,
    and starts at 0, is ours: it saves short runs the steps in which the layers find a picture at all.
    """

    factor = 2
    hint_channels, hint_step = 0, 1

    def __init__(self, N: int = 64) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Conv2d(3, N, 3, padding=1),
            nn.ReLU(inplace=True),
            nn.Conv2d(N, N, 3, stride=2, padding=1),
            nn.ReLU(inplace=True),
            nn.Conv2d(N, 3, 3, padding=1),
        )
        starting_at_zero(self.layers[-1])

    def forward(self, x: Tensor) -> Sent:
        return Sent(smaller(x, self.factor) + self.layers(x))


def smaller(x: Tensor, factor: int) -> Tensor:
    """x (B, C, H, W) in [0, 1] -> (B, C, H/factor, W/factor) in [0, 1], by an antialiased bicubic filter."""
    return F.interpolate(x, scale_factor=1 / factor, mode="bicubic", antialias=True).clamp(0, 1)


@torch.no_grad()
def starting_at_zero(layer: nn.Module) -> None:
    """Let a convolution give zeros until it has learned."""
    nn.init.zeros_(layer.weight)  # type: ignore[arg-type]
    nn.init.zeros_(layer.bias)  # type: ignore[arg-type]
