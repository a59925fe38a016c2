"""From a cost volume and what goes with it to a flow, by a chain of 3x3 convolutions.

    plain    x ─ conv ─ conv ─ … ─ conv ──────────────────── features ─ conv3 ─ flow
    dense    x ─┬ conv ─┬ conv ─┬ … each gets all before it ─ features ─ conv3 ─ flow
                └───────┴───────┴───────────────────────────────┘

D. Sun, X. Yang, M.-Y. Liu, J. Kautz: "PWC-Net: CNNs for Optical Flow Using Pyramid, Warping, and Cost Volume", CVPR
2018, section 3, "optical flow estimator", with DenseNet connections and without. The newest features come first, as in
the authors' code, so that its weights need new names only.
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from lic_flow.layers.conv import conv, flow_conv

WIDTHS = (128, 128, 96, 64, 32)


class DenseDecoder(nn.Module):
    """x (B, channels_in, H, W) -> features (B, channels_out, H, W) with x among them, and a flow (B, 2, H, W).

    Args:
        widths: channels of each convolution. `channels_out` is `channels_in` and all of them.
    """

    def __init__(self, channels_in: int, widths: Sequence[int] = WIDTHS) -> None:
        super().__init__()
        self.channels_out = channels_in
        self.layers = nn.ModuleList()
        for width in widths:
            self.layers.append(conv(self.channels_out, width))
            self.channels_out += width
        self.flow = flow_conv(self.channels_out)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        for layer in self.layers:
            x = torch.cat([layer(x), x], 1)
        return x, self.flow(x)


class PlainDecoder(nn.Module):
    """x (B, channels_in, H, W) -> features (B, channels_out, H, W), the last convolution's, and a flow (B, 2, H, W).

    Args:
        widths: channels of each convolution. `channels_out` is the last.
    """

    def __init__(self, channels_in: int, widths: Sequence[int] = WIDTHS) -> None:
        super().__init__()
        inputs = [channels_in, *widths[:-1]]
        self.channels_out = widths[-1]
        self.layers = nn.Sequential(*map(conv, inputs, widths))
        self.flow = flow_conv(self.channels_out)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        x = self.layers(x)
        return x, self.flow(x)
