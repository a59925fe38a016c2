"""Blocks of the Swin transformer, every second one with windows that are shifted by half of one.

    u ← u + attention(LN(u)),  u ← u + MLP(LN(u))

Z. Liu et al.: "Swin transformer", ICCV 2021, equation (3). The block is torchvision's, with our window attention and
drop path.
"""

from collections.abc import Sequence

from torch import nn
from torchvision.models.swin_transformer import SwinTransformerBlock

from common.layers.drop_path import DropPath
from common.layers.window_attention import WindowAttention


class SwinBlock(SwinTransformerBlock):
    """(B, H, W, C) -> the same shape.

    Args:
        C: channels.
        heads: of the attention.
        window: side of a window, positions.
        shift: of the windows, positions.
        mlp: the width of what follows the attention, over C.
        drop: how often the block's parts are left out in training.
    """

    def __init__(self, C: int, heads: int, window: int, shift: int, mlp: float, drop: float = 0.0) -> None:
        super().__init__(C, heads, [window] * 2, [shift] * 2, mlp, attn_layer=WindowAttention)
        self.stochastic_depth = DropPath(drop)


def swin_blocks(C: int, heads: int, window: int, mlp: float, drops: Sequence[float]) -> nn.Sequential:
    """As many blocks as `drops`, which are theirs; the other arguments are `SwinBlock`'s."""
    shifts = (window // 2 * (i % 2) for i in range(len(drops)))
    return nn.Sequential(*(SwinBlock(C, heads, window, shift, mlp, drop) for shift, drop in zip(shifts, drops)))
