"""Attention within windows, shifted or not: torchvision's, by the fused kernel, on a CPU in half its time.

    out_i = Σ_{j ∈ window of i} softmax_j(q_i · k_j / √d + b_{j - i}) v_j

A shift puts together, in the windows of the last row and column alone, what is from both ends of the picture. A side
that is no multiple of the window's is padded at its end, and no position sees the padding (torchvision's do). Windows
of a kind share a mask, so that no mask of all windows is made, which would be larger than anything else in a decoder.
Where gradients are wanted the bias of positions has one, too, and the kernel is not the fused one.
"""

import torch
from torch import Tensor
from torch.nn import functional as F
from torchvision.models.swin_transformer import ShiftedWindowAttention

# Parts of a shifted and padded side; positions see each other within a part.
INSIDE, WRAPPED, PADDING = 0, 1, 2
Kind = tuple[slice, list[int]]  # some windows along a side, and the parts of the positions in each of them


class WindowAttention(ShiftedWindowAttention):
    """(B, H, W, C) -> the same shape. Same parameters as the parent's and, for whole windows, same results.

    Z. Liu et al.: "Swin transformer", ICCV 2021. Arguments are the parent's; there is no dropout.
    """

    def forward(self, x: Tensor) -> Tensor:
        B, H, W, C = x.shape
        h, w = self.window_size
        down, right = (0 if side <= k else s for side, k, s in zip((H, W), self.window_size, self.shift_size))
        whole = H + -H % h, W + -W % w
        if whole != (H, W):
            x = F.pad(x, (0, 0, 0, whole[1] - W, 0, whole[0] - H))
        if down or right:
            x = torch.roll(x, (-down, -right), (1, 2))
        windows = x.view(B, whole[0] // h, h, whole[1] // w, w, C).transpose(2, 3).flatten(3, 4)
        qkv = self.qkv(windows).unflatten(4, (3, self.num_heads, -1)).permute(4, 0, 1, 2, 5, 3, 6)
        seen = self.attend(qkv, kinds(H, h, down), kinds(W, w, right)).transpose(3, 4).flatten(4)
        seen = self.proj(seen).unflatten(3, (h, w)).transpose(2, 3).reshape(B, *whole, C)
        if down or right:
            seen = torch.roll(seen, (down, right), (1, 2))
        return seen[:, :H, :W]

    def attend(self, qkv: Tensor, rows: list[Kind], columns: list[Kind]) -> Tensor:
        """qkv (3, B, rows, columns, heads, h·w, C/heads) of the windows -> the same without the 3."""
        bias = self.get_relative_position_bias()
        seen = [
            [attention(qkv[:, :, i, j], bias + apart(above, beside).to(bias)) for j, beside in columns]
            for i, above in rows
        ]
        return torch.cat([torch.cat(row, 2) for row in seen], 1)


def attention(qkv: Tensor, mask: Tensor) -> Tensor:
    """(3, B, rows, columns, heads, h·w, c), mask (1, heads, h·w, h·w) -> (B, rows, columns, heads, h·w, c)."""
    q, k, v = qkv.flatten(1, 3)
    return F.scaled_dot_product_attention(q, k, v, mask.to(q)).unflatten(0, qkv.shape[1:4])


def kinds(length: int, window: int, shift: int) -> list[Kind]:
    """The windows along a side of `length`, padded to whole windows and then rolled back by `shift`."""
    whole = length + -length % window
    count = whole // window
    plain = (length - shift) // window if shift or whole != length else count
    found = [(slice(plain), [INSIDE] * window)] if plain else []
    for i in range(plain, count):
        from_there = [(j + shift) % whole for j in range(i * window, (i + 1) * window)]
        parts = [PADDING if j >= length else WRAPPED if j < shift else INSIDE for j in from_there]
        found.append((slice(i, i + 1), parts))
    return found


def apart(rows: list[int], columns: list[int]) -> Tensor:
    """(h·w, h·w) from the parts of a window's rows and columns: -inf between positions of two parts, else 0."""
    part = (3 * torch.tensor(rows)[:, None] + torch.tensor(columns)).flatten()
    return torch.where(part[:, None] != part, -torch.inf, 0.0)
