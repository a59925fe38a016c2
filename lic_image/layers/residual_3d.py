"""Cascaded residual blocks of 3-D convolutions (3D Res), of one, two or three levels.

    RB(x) = conv(PReLU(conv(x)))
    one level     x + RB_1(x)
    two levels    u = x + RB_1(x),  v = u + RB_2(u),  x + v
    three levels  as two, with w = v + RB_3(v),  x + w

"Interleaved block-based learned image compression with feature enhancement and quantization error compensation",
section III-C and figure 5 (whose picture we do not have). The convolutions are 3x3x3. The layer
between an RB's two has fewer channels, which is ours, to come near the paper's 111 GMACs of all the refinement.
"""

from torch import Tensor, nn


class ResidualBlock3d(nn.Module):
    """x + RB(x), x (B, C, D, H, W). Args: channels, channels between the convolutions."""

    def __init__(self, C: int, hidden: int) -> None:
        super().__init__()
        self.block = nn.Sequential(nn.Conv3d(C, hidden, 3, padding=1), nn.PReLU(), nn.Conv3d(hidden, C, 3, padding=1))

    def forward(self, x: Tensor) -> Tensor:
        return x + self.block(x)


class CascadedResidual3d(nn.Module):
    """(B, C, D, H, W) -> the same shape. Args: channels, channels between the convolutions, levels."""

    def __init__(self, C: int, hidden: int, levels: int) -> None:
        super().__init__()
        self.blocks = nn.Sequential(*(ResidualBlock3d(C, hidden) for _ in range(levels)))

    def forward(self, x: Tensor) -> Tensor:
        y = self.blocks(x)
        return y if len(self.blocks) == 1 else x + y
