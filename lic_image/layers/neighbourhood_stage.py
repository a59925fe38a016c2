"""A stage of neighbourhood-attention blocks, with one residual around all of them.

    u ← u + attention(LN(u)),  u ← u + MLP(LN(u))        each block
    x + blocks(x)                                        the stage

M. Lu, P. Guo, H. Shi, C. Cao, Z. Ma: "Transformer-based image compression", DCC 2022, and its successor Tiny-LIC
(M. Lu, F. Chen, S. Pu, Z. Ma, "High-efficiency lossy image coding through adaptive neighborhood information
aggregation", 2022). The MLP has twice the channels, with GELU. In training a block's two parts are left out at random
(`DropPath`).
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from common.layers.drop_path import DropPath
from lic_image.layers.neighbourhood_attention import NeighbourhoodAttention


class NeighbourhoodBlock(nn.Module):
    """(B, H, W, C) -> the same shape. Args: channels, window, how often its parts are left out, channels of a head."""

    def __init__(self, C: int, window: int, drop: float = 0.0, head: int = 16) -> None:
        super().__init__()
        self.norm_attention, self.norm_mlp = nn.LayerNorm(C), nn.LayerNorm(C)
        self.attention = NeighbourhoodAttention(C, window, head)
        self.drop_path = DropPath(drop)
        self.mlp = nn.Sequential(nn.Linear(C, 2 * C), nn.GELU(), nn.Linear(2 * C, C))

    def forward(self, u: Tensor) -> Tensor:
        u = u + self.drop_path(self.attention(self.norm_attention(u)))
        return u + self.drop_path(self.mlp(self.norm_mlp(u)))


class NeighbourhoodStage(nn.Module):
    """(B, C, H, W) -> the same shape. Args: channels, window, how often the parts of each block are left out.

    The blocks keep x, and the stage adds it once more: where they add nothing of their own it is `GAIN`·x.
    """

    GAIN = 2.0

    def __init__(self, C: int, window: int, drops: Sequence[float], head: int = 16) -> None:
        super().__init__()
        self.blocks = nn.Sequential(*(NeighbourhoodBlock(C, window, drop, head) for drop in drops))
        for layer in self.modules():
            if isinstance(layer, nn.Linear):
                nn.init.trunc_normal_(layer.weight, std=0.02)
                nn.init.zeros_(layer.bias)

    @torch.no_grad()
    def start_quietly(self) -> None:
        """Let the blocks add nothing of their own at first: the last layers of their parts start at zero."""
        for block in self.blocks:
            assert isinstance(block, NeighbourhoodBlock)
            for layer in (block.attention.project, block.mlp[-1]):
                nn.init.zeros_(layer.weight)  # type: ignore[arg-type]

    def forward(self, x: Tensor) -> Tensor:
        return x + self.blocks(x.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)

    def maps(self, x: Tensor) -> dict[str, Tensor]:
        """Attention received (B, H, W) in the last block, as `NeighbourhoodAttention.received`."""
        *before, last = self.blocks
        u = nn.Sequential(*before)(x.permute(0, 2, 3, 1))
        assert isinstance(last, NeighbourhoodBlock)
        return {"neighbours": last.attention.received(last.norm_attention(u))}
