"""Residual GDN: x + GDN(x).

A. A. Jeny: "Optical flow-based media compression", thesis, Istanbul 2022, section 5.2: "identity shortcut connection …
added to certain GDN layers". GDN is CompressAI's.
"""

from compressai.layers import GDN
from torch import Tensor, nn


class ResidualGDN(nn.Module):
    """(B, C, H, W) -> the same shape; `inverse` for decoders."""

    def __init__(self, C: int, inverse: bool = False) -> None:
        super().__init__()
        self.gdn = GDN(C, inverse=inverse)

    def forward(self, x: Tensor) -> Tensor:
        return x + self.gdn(x)
