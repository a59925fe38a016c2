"""The context network: a flow's correction from far around, by dilated convolutions.

    features ─ conv d1 ─ d2 ─ d4 ─ d8 ─ d16 ─ d1 ─ conv3 d1 ─ what to add to the flow

D. Sun, X. Yang, M.-Y. Liu, J. Kautz: "PWC-Net", CVPR 2018, section 3, "context network". Seven 3x3 convolutions of
dilations 1, 2, 4, 8, 16, 1, 1 see 67 x 67 positions.
"""

from collections.abc import Sequence

from torch import Tensor, nn

from lic_flow.layers.conv import conv, flow_conv

WIDTHS = (128, 128, 128, 96, 64, 32)
DILATIONS = (1, 2, 4, 8, 16, 1)


class ContextNetwork(nn.Module):
    """features (B, channels_in, H, W) -> a residual flow (B, 2, H, W).

    Args:
        widths: channels of each dilated convolution; that which gives the flow comes after them.
        dilations: of each of `widths`.
    """

    def __init__(self, channels_in: int, widths: Sequence[int] = WIDTHS, dilations: Sequence[int] = DILATIONS) -> None:
        super().__init__()
        inputs = [channels_in, *widths[:-1]]
        layers = [conv(before, n, dilation=d) for before, n, d in zip(inputs, widths, dilations, strict=True)]
        self.layers = nn.Sequential(*layers)
        self.flow = flow_conv(widths[-1])

    def forward(self, features: Tensor) -> Tensor:
        return self.flow(self.layers(features))
