"""DRAS: deep residual attention and split, the block of the motion codec.

    x ─┬ conv3 ─ residual GDN ─ split attention ─ s ─┬────────────────────────────────── × ─ p ─ split attention ─ t
       │                                             └ max-pool 2 ─ conv1 ─ GDN ─ conv1 ─ ↑2 ─ sigmoid ┘
       └──────────────────────────────────────────────────────────────────── + ─ conv1 ─ [s, p, t]

A. A. Jeny: thesis, section 5.2 (its figure's number is missing). Where the text leaves it open: the inner attention
gates what the first split attention gave, and its own split attention sees the product; ↑2 repeats values; the last
convolution starts at zero, so that the block starts as the identity.
"""

import torch
from compressai.layers import GDN
from torch import Tensor, nn
from torch.nn import functional as F

from lic_video.layers.residual_gdn import ResidualGDN
from lic_video.layers.split_attention import SplitAttention


class DRAS(nn.Module):
    """(B, C, H, W) -> the same shape; `inverse`: with inverse GDN, as decoders have it."""

    def __init__(self, C: int, inverse: bool = False) -> None:
        super().__init__()
        self.enter = nn.Sequential(nn.Conv2d(C, C, 3, padding=1), ResidualGDN(C, inverse), SplitAttention(C))
        self.gate = nn.Sequential(
            nn.MaxPool2d(2, ceil_mode=True), nn.Conv2d(C, C, 1), GDN(C, inverse=inverse), nn.Conv2d(C, C, 1)
        )
        self.inner = SplitAttention(C)
        self.leave = nn.Conv2d(3 * C, C, 1)
        nn.init.zeros_(self.leave.weight)
        nn.init.zeros_(self.leave.bias)  # type: ignore[arg-type]

    def forward(self, x: Tensor) -> Tensor:
        s = self.enter(x)
        gate = F.interpolate(self.gate(s), scale_factor=2.0, mode="nearest")[..., : s.shape[2], : s.shape[3]]
        p = s * torch.sigmoid(gate)
        return x + self.leave(torch.cat([s, p, self.inner(p)], 1))

    def maps(self, x: Tensor) -> dict[str, Tensor]:
        """How strong the features behind the block are (thesis, figure 7.9): root mean squares over channels."""
        return {"features": self.forward(x).square().mean(1).sqrt()}
