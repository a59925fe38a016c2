"""Attention within windows, shifted or not: torchvision's, by the fused kernel, on a CPU in half its time.

A shift puts together, in the windows of the last row and column alone, what is from both ends of the picture. Windows
of a kind share a mask, so that no mask of all windows is made, which would be larger than anything else in a decoder.
Where gradients are wanted the bias of positions has one, too, and the kernel is not the fused one.
"""

import torch
from torch import Tensor
from torch.nn import functional as F
from torchvision.models.swin_transformer import ShiftedWindowAttention


class WindowAttention(ShiftedWindowAttention):
    """(B, H, W, C) -> the same shape; H and W multiples of `window_size`. Same parameters and results as the parent's.

    Z. Liu et al.: "Swin transformer", ICCV 2021. Arguments are the parent's; there is no dropout.
    """

    def forward(self, x: Tensor) -> Tensor:
        B, H, W, C = x.shape
        h, w = self.window_size
        down, right = (0 if side <= k else s for side, k, s in zip((H, W), self.window_size, self.shift_size))
        if down or right:
            x = torch.roll(x, (-down, -right), (1, 2))
        windows = x.view(B, H // h, h, W // w, w, C).transpose(2, 3).flatten(3, 4)
        qkv = self.qkv(windows).unflatten(4, (3, self.num_heads, -1)).permute(4, 0, 1, 2, 5, 3, 6)
        seen = self.attend(qkv, down, right).transpose(3, 4).flatten(4)
        seen = self.proj(seen).unflatten(3, (h, w)).transpose(2, 3).reshape(B, H, W, C)
        return torch.roll(seen, (down, right), (1, 2)) if down or right else seen

    def attend(self, qkv: Tensor, down: int, right: int) -> Tensor:
        """qkv (3, B, rows, columns, heads, h·w, C/heads) of the windows -> the same without the 3."""
        bias = self.get_relative_position_bias()
        h, w = self.window_size
        rows = [
            [attention(qkv[:, :, i, j], bias + apart(h, w, a, b).to(bias)) for j, b in kinds(right)]
            for i, a in kinds(down)
        ]
        return torch.cat([torch.cat(row, 2) for row in rows], 1)


def attention(qkv: Tensor, mask: Tensor) -> Tensor:
    """(3, B, rows, columns, heads, h·w, c), mask (1, heads, h·w, h·w) -> (B, rows, columns, heads, h·w, c)."""
    q, k, v = qkv.flatten(1, 3)
    return F.scaled_dot_product_attention(q, k, v, mask.to(q)).unflatten(0, qkv.shape[1:4])


def kinds(shift: int) -> list[tuple[slice, int]]:
    """The windows along a side, and what of `shift` is to be seen in them: in the last alone all of it."""
    return [(slice(-1), 0), (slice(-1, None), shift)] if shift else [(slice(None), 0)]


def apart(h: int, w: int, down: int, right: int) -> Tensor:
    """(h·w, h·w): -inf between positions that a shift by (down, right) has made neighbours in a window, else 0."""
    below, behind = (torch.arange(side) >= side - shift for side, shift in ((h, down), (w, right)))
    part = (2 * below[:, None] + behind.int()).flatten()
    return torch.where(part[:, None] != part, -torch.inf, 0.0)
