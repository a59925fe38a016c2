"""Cost volume: how alike each position of one feature map is to those around it in another.

    volume(d, x) = 1/C Σ_c first_c(x) second_c(x + d),   d = (dy, dx), |dy|, |dx| <= r

D. Sun, X. Yang, M.-Y. Liu, J. Kautz: "PWC-Net", CVPR 2018, equation (3). For each dy, rows of the one are multiplied
with rows of the other as matrices, in blocks of columns, and what is wanted of each product is a band along its
diagonal:

         x + dx ->
      x  * * * . . .          a block of w columns costs w (w + 2r) products where w (2r + 1) are used, but they are
      |  . * * * . .          those of a matrix product, and nothing is gathered, unfolded or sampled
      v  . . * * * .
"""

import torch
from torch import Tensor
from torch.nn import functional as F

BLOCK = 24  # columns: fewer waste less of each product, more make larger ones


def cost_volume(first: Tensor, second: Tensor, radius: int) -> Tensor:
    """first, second (B, C, H, W) -> (B, (2r+1)², H, W), d row by row from (-r, -r); zero where x + d is outside."""
    return _CostVolume.apply(first, second, radius)


class _CostVolume(torch.autograd.Function):
    """With its derivative by the same products: automatic differentiation would keep every product in memory."""

    @staticmethod
    def forward(ctx, first: Tensor, second: Tensor, radius: int) -> Tensor:  # type: ignore[no-untyped-def]
        ctx.save_for_backward(first, second)
        ctx.radius = radius
        B, C, H, W = first.shape
        side = 2 * radius + 1
        a, b = _rows(first, 0), _rows(second, radius)
        out = first.new_empty(side, H * B, W, side)
        for dy in range(side):
            below = b[dy : dy + H].flatten(0, 1)
            for x in range(0, W, BLOCK):
                mine, theirs = a[:H].flatten(0, 1)[:, x : x + BLOCK], below[:, x : x + BLOCK + 2 * radius]
                out[dy, :, x : x + BLOCK] = _band(torch.bmm(mine, theirs.transpose(1, 2)), side)
        return out.reshape(side, H, B, W, side).permute(2, 0, 4, 1, 3).reshape(B, side**2, H, W) / C

    @staticmethod
    def backward(ctx, gradient: Tensor):  # type: ignore[no-untyped-def]
        first, second = ctx.saved_tensors
        radius = ctx.radius
        B, C, H, W = first.shape
        side = 2 * radius + 1
        a, b = _rows(first, 0).flatten(0, 1), _rows(second, radius)
        gradient = (gradient / C).reshape(B, side, side, H, W).permute(1, 3, 0, 4, 2).reshape(side, H * B, W, side)
        of_a, of_b = torch.zeros_like(a), torch.zeros_like(b)
        for dy in range(side):
            below, of_below = b[dy : dy + H].flatten(0, 1), of_b[dy : dy + H].flatten(0, 1)
            for x in range(0, W, BLOCK):
                mine, theirs = a[:, x : x + BLOCK], below[:, x : x + BLOCK + 2 * radius]
                product = gradient.new_zeros(H * B, mine.shape[1], theirs.shape[1])
                _band(product, side).copy_(gradient[dy, :, x : x + BLOCK])
                of_a[:, x : x + BLOCK] += torch.bmm(product, theirs)
                of_below[:, x : x + BLOCK + 2 * radius] += torch.bmm(product.transpose(1, 2), mine)
        of_b = of_b[radius : radius + H, :, radius : radius + W]
        return of_a.reshape(H, B, W, C).permute(1, 3, 0, 2), of_b.permute(1, 3, 0, 2), None


def _rows(x: Tensor, radius: int) -> Tensor:
    """(B, C, H, W) -> (H + 2r, B, W + 2r, C): rows first, so that those of a batch a few rows on are one slice."""
    return F.pad(x.permute(2, 0, 3, 1), (0, 0, radius, radius, 0, 0, radius, radius)).contiguous()


def _band(product: Tensor, side: int) -> Tensor:
    """The view (N, w, side) of product (N, w, w + side - 1) with what stands from the diagonal on."""
    N, w, columns = product.shape
    return product.as_strided((N, w, side), (w * columns, columns + 1, 1))
