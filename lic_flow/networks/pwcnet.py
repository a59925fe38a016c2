"""PWC-Net, the plain baseline: pyramid, warping, cost volume.

    level 6      c6 of both ─ cost volume ─ decoder ─┬ flow6
    l = 5 … 3    flow(l+1), features(l+1) ─ deconv ─┐└ features6
                 c_l of the second ─ warp by flow ──┴ cost volume with c_l of the first ─ decoder ─ flow_l, features_l
    level 2      the same, then flow2 + context network(features2)

Level l has 1/2^l of the resolution; a decoder gets the cost volume, c_l of the first picture, the flow and the
features. Inside, a flow is in units of 20 pixels of the full resolution at every level, so that c_l is warped by
flow · 20 / 2^l.

D. Sun, X. Yang, M.-Y. Liu, J. Kautz: "PWC-Net: CNNs for Optical Flow Using Pyramid, Warping, and Cost Volume", CVPR
2018, arXiv:1709.02371, in its largest form: DenseNet decoders and a context network. Where the authors' code and the
paper differ, this follows the code: level 2 of 32 channels and three convolutions a level, a cost volume that is a mean
over channels and goes through LeakyReLU, features of two channels passed up, Kaiming's initialisation. Outside the
picture warping repeats the border, as everywhere here; the authors' has zeros.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from common.layers.warp import warp
from lic_flow.layers.context_network import WIDTHS as CONTEXT
from lic_flow.layers.context_network import ContextNetwork
from lic_flow.layers.conv import conv, leaky
from lic_flow.layers.cost_volume import cost_volume
from lic_flow.layers.dense_decoder import WIDTHS as DECODER
from lic_flow.layers.dense_decoder import DenseDecoder

PYRAMID = (16, 32, 64, 96, 128, 196)
RADIUS = 4
UNIT = 20.0  # pixels


class PWCNet(nn.Module):
    """9.37 M parameters.

    Args:
        width: factor on all channel counts; below 1 for machines of few cores.
    """

    multiple = 64

    def __init__(self, width: float = 1.0) -> None:
        super().__init__()
        pyramid, decoder, context = ([round(width * n) for n in widths] for widths in (PYRAMID, DECODER, CONTEXT))
        self.pyramid = nn.ModuleList(
            nn.Sequential(conv(before, n, stride=2), conv(n, n), conv(n, n))
            for before, n in zip([3, *pyramid], pyramid)
        )
        volume = (2 * RADIUS + 1) ** 2
        channels = [volume] + [volume + n + 4 for n in pyramid[-2:0:-1]]  # levels 6, then 5 to 2
        self.decoders = nn.ModuleList(DenseDecoder(n, decoder) for n in channels)
        finest = channels[-1] + sum(decoder)
        coarser = [n + sum(decoder) for n in channels[:-1]]
        self.flows_up = nn.ModuleList(_deconv(2) for _ in coarser)
        self.features_up = nn.ModuleList(_deconv(n) for n in coarser)
        self.context = ContextNetwork(finest, context)
        for layer in self.modules():
            if isinstance(layer, (nn.Conv2d, nn.ConvTranspose2d)):
                nn.init.kaiming_normal_(layer.weight)
                nn.init.zeros_(layer.bias)  # type: ignore[arg-type]

    def forward(self, first: Tensor, second: Tensor) -> list[Tensor]:
        """first, second (B, 3, H, W) in [0, 1], H and W multiples of 64 -> flows of levels 6 to 2, (B, 2, H, W) each,
        in pixels."""
        pyramid, flows = self._features(torch.cat([first, second])), []
        decoded: tuple[Tensor, Tensor] | None = None  # features and flow of the level before
        for step, level in enumerate(range(6, 1, -1)):
            c1, c2 = pyramid[level - 1].chunk(2)
            if decoded is None:
                x = _matches(c1, c2)
            else:
                features, flow = self.features_up[step - 1](decoded[0]), self.flows_up[step - 1](decoded[1])
                x = torch.cat([_matches(c1, warp(c2, flow * (UNIT / 2**level))), c1, flow, features], 1)
            decoded = features, flow = self.decoders[step](x)
            if level == 2:
                flow = flow + self.context(features)
            flows.append(UNIT * F.interpolate(flow.float(), scale_factor=2.0**level, mode="bilinear"))
        return flows

    def _features(self, x: Tensor) -> list[Tensor]:
        """Levels 1 to 6 of x."""
        levels = []
        for level in self.pyramid:
            levels.append(x := level(x))
        return levels


def _matches(c1: Tensor, c2: Tensor) -> Tensor:
    return leaky(cost_volume(c1, c2, RADIUS))


def _deconv(channels_in: int) -> nn.ConvTranspose2d:
    """(B, channels_in, H, W) -> (B, 2, 2 H, 2 W)."""
    return nn.ConvTranspose2d(channels_in, 2, 4, stride=2, padding=1)
