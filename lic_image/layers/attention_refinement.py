"""The attention refinement block (ARB): correlations within and across sub-images, by 3-D convolutions.

    x ─┬─ conv ─ PReLU ─ conv ─ + ─┬─ 3D Res … ─ CA ─ + ─ SA ─┬──────────── trunk ────── · ─ + ─ + ─
       └────────────────────────┘  │                │        ├─ mask ─ 1x1x1 ─ sigmoid ┘   │   │
                                   ├────────────────┘        └──────────────────────────────┘   │
                                   └───────────────────────────────────────────────────────────┘
    CA(r) = r · sigmoid(W_1 relu(W_0 mean(r)))        SA(c) = c · sigmoid(conv7x7([mean of channels, max of channels]))

"Interleaved block-based learned image compression with feature enhancement and quantization error compensation",
section III-C: two convolutions with a shortcut, three 3D Res, channel attention (Y. Zhang et al., RCAN,
ECCV 2018) "with global residual", spatial attention (S. Woo et al., CBAM, ECCV 2018), feature attention (Z. Cheng et
al., CVPR 2020) with trunk and mask of cascaded 3D Res. The order of the shortcuts is our reading. CA's hidden layer has
a quarter of the channels. SA's window spans 7x7 positions of one depth.
"""

import torch
from torch import Tensor, nn

from lic_image.layers.residual_3d import CascadedResidual3d


class ChannelGate3d(nn.Module):
    """CA: (B, C, D, H, W) -> the same shape."""

    def __init__(self, C: int, reduction: int = 4) -> None:
        super().__init__()
        hidden = max(1, C // reduction)
        self.gate = nn.Sequential(nn.Linear(C, hidden), nn.ReLU(), nn.Linear(hidden, C), nn.Sigmoid())

    def forward(self, r: Tensor) -> Tensor:
        return r * self.gate(r.mean((2, 3, 4)))[:, :, None, None, None]


class SpatialGate3d(nn.Module):
    """SA: (B, C, D, H, W) -> the same shape."""

    def __init__(self) -> None:
        super().__init__()
        self.gate = nn.Conv3d(2, 1, (1, 7, 7), padding=(0, 3, 3))

    def forward(self, c: Tensor) -> Tensor:
        seen = torch.cat([c.mean(1, keepdim=True), c.amax(1, keepdim=True)], 1)
        return c * self.gate(seen).sigmoid()


class FeatureAttention3d(nn.Module):
    """x + trunk(x) · sigmoid(1x1x1(mask(x))), of (B, C, D, H, W)."""

    def __init__(self, C: int, hidden: int, levels: int) -> None:
        super().__init__()
        self.trunk = CascadedResidual3d(C, hidden, levels)
        self.mask = nn.Sequential(CascadedResidual3d(C, hidden, levels), nn.Conv3d(C, C, 1))

    def forward(self, x: Tensor) -> Tensor:
        return x + self.trunk(x) * self.mask(x).sigmoid()

    def maps(self, x: Tensor) -> dict[str, Tensor]:
        """The mask (B, H, W), averaged over channels and depths."""
        return {"mask": self.mask(x).sigmoid().mean((1, 2))}


class AttentionRefinement(nn.Module):
    """(B, C, D, H, W) -> the same shape.

    Args:
        C: channels.
        hidden: channels inside of residual blocks.
        convolutions: in front, 1 or 2.
        blocks: 3D Res before the attention.
        levels: of a 3D Res, 1 to 3.
    """

    def __init__(self, C: int, hidden: int, convolutions: int = 2, blocks: int = 3, levels: int = 2) -> None:
        super().__init__()
        first = [nn.Conv3d(C, C, 3, padding=1), nn.PReLU(), nn.Conv3d(C, C, 3, padding=1)][: 2 * convolutions - 1]
        self.first = nn.Sequential(*first)
        self.residuals = nn.Sequential(*(CascadedResidual3d(C, hidden, levels) for _ in range(blocks)))
        self.channel, self.spatial = ChannelGate3d(C), SpatialGate3d()
        self.attention = FeatureAttention3d(C, hidden, levels)

    def forward(self, x: Tensor) -> Tensor:
        x = x + self.first(x)
        attended = x + self.channel(self.residuals(x))
        return x + self.attention(self.spatial(attended))
