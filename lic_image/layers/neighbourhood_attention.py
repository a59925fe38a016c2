"""Neighbourhood attention: every position attends to the k x k positions around it.

    out_i = Σ_{j ∈ N(i)} softmax_j(q_i · k_j / √d + b_{j - i}) v_j         N(i): the window around i

A. Hassani, S. Walton, J. Li, S. Li, H. Shi: "Neighborhood Attention Transformer", CVPR 2023. At borders the window is
moved inwards, not cut, so that it always has k x k positions: along each axis it starts at clamp(i - ⌊k/2⌋, 0, L - k).
Where a side L is shorter than k, the window is that side. b is learned for each head and each offset, (2 k - 1)².

Computed tile by tile: `TILE` x `TILE` queries share the keys that any of them sees, and a mask hides those that one
does not see. That is up to (TILE + k - 1)² / k² times the products of the definition, all of them products of matrices,
and a memory of (1 + (k - 1) / TILE)² times keys and values instead of k² times. Tiles that see alike are computed
together: those inside, and those at each border. They are read as overlapping slices, not by index: the gradient of
reading by index sorts all indices on a GPU.
"""

from functools import lru_cache
from itertools import pairwise
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

TILE = 8


class Tiles(NamedTuple):
    """n neighbouring tiles along one axis that see alike: one tile every t positions."""

    n: int
    query: int  # the first query of the first tile
    key: int  # its first key
    done: int  # how many of its queries are in the tile before, too
    offsets: tuple[tuple[int | None, ...], ...]  # t x s: from a query to a key; None where the query does not see it

    def queries(self, x: Tensor, axis: int) -> Tensor:
        """(…, L, …) -> (…, n, t, …)."""
        t = len(self.offsets)
        return x.narrow(axis, self.query, self.n * t).unflatten(axis, (self.n, t))

    def keys(self, x: Tensor, axis: int) -> Tensor:
        """(…, L, …) -> (…, n, s, …), a view: tiles share keys."""
        t, s = len(self.offsets), len(self.offsets[0])
        return x.narrow(axis, self.key, (self.n - 1) * t + s).unfold(axis, s, t).movedim(-1, axis + 1)


@lru_cache(256)
def tiles(length: int, window: int) -> list[Tiles]:
    """All tiles along an axis, in order. The last one may overlap the one before."""
    k, t = min(window, length), min(TILE, length)
    s = min(t + k - 1, length)
    found: list[Tiles] = []
    for before, begin in pairwise([-t, *sorted({min(i, length - t) for i in range(0, length, t)})]):
        first = min(max(begin - k // 2, 0), length - s)
        offsets = []
        for i in range(begin, begin + t):
            start = min(max(i - k // 2, 0), length - k)
            offsets.append(tuple(j - i if start <= j < start + k else None for j in range(first, first + s)))
        tile = Tiles(1, begin, first, before + t - begin, tuple(offsets))
        if found and found[-1].offsets == tile.offsets and tile.done == 0:
            found[-1] = found[-1]._replace(n=found[-1].n + 1)
        else:
            found.append(tile)
    return found


@torch.inference_mode(False)
def places(rows: Tiles, columns: Tiles, window: int, device: torch.device) -> Tensor:
    """Index of the bias of each of t u queries and s r keys, (t u s r); keys that are not seen have the last index."""
    side = 2 * window - 1
    down, right = (
        torch.tensor([[-1 if j is None else j + window - 1 for j in row] for row in each.offsets])
        for each in (rows, columns)
    )
    down, right = down[:, None, :, None], right[:, None]
    return torch.where((down < 0) | (right < 0), side**2, down * side + right).flatten().to(device)


_kept_places = lru_cache(256)(places)


def neighbourhood_attention(q: Tensor, k: Tensor, v: Tensor, bias: Tensor) -> Tensor:
    """q, k, v (B, H, W, h, d) of h heads, bias (h, 2 window - 1, 2 window - 1) -> (B, H, W, h, d)."""
    B, H, W = q.shape[:3]
    window = (bias.shape[1] + 1) // 2
    pairs, told = torch.cat([k, v], 4), F.pad(bias.flatten(1), (0, 1), value=float("-inf")).to(q.dtype)
    index_of = _kept_places if type(q) is Tensor else places  # tensors of other classes, without values, are not kept
    bands = []
    for rows in tiles(H, window):
        queries, keys, band = rows.queries(q, 1), rows.keys(pairs, 1), []
        for columns in tiles(W, window):
            t, u = len(rows.offsets), len(columns.offsets)
            mask = told.index_select(1, index_of(rows, columns, window, q.device)).unflatten(1, (t * u, -1))
            mine, (theirs, values) = together(columns.queries(queries, 3)), together(columns.keys(keys, 3)).chunk(2, 3)
            part = F.scaled_dot_product_attention(mine, theirs, values, attn_mask=mask[None])
            part = part.transpose(1, 2).unflatten(1, (t, u)).unflatten(0, (B, rows.n, columns.n))
            part = part.transpose(2, 3).flatten(3, 4).flatten(1, 2)  # (B, n t, m u, h, d)
            band.append(part[:, rows.done :, columns.done :])
        bands.append(torch.cat(band, 2))
    return torch.cat(bands, 1).to(v.dtype)


def together(x: Tensor) -> Tensor:
    """(B, n, t, m, u, h, d) -> (B n m, h, t u, d)."""
    return x.transpose(2, 3).flatten(3, 4).flatten(0, 2).transpose(1, 2)


class NeighbourhoodAttention(nn.Module):
    """(B, H, W, C) -> the same shape.

    Args:
        C: channels, a multiple of `head`.
        window: k, odd.
        head: channels of a head.
    """

    def __init__(self, C: int, window: int = 7, head: int = 16) -> None:
        super().__init__()
        if window % 2 == 0 or C % head:
            raise ValueError(f"the window must be odd, not {window}, and {C} channels a multiple of {head}")
        self.heads = C // head
        self.qkv = nn.Linear(C, 3 * C)
        self.relative = nn.Parameter(torch.empty(self.heads, 2 * window - 1, 2 * window - 1))
        self.project = nn.Linear(C, C)
        nn.init.trunc_normal_(self.relative, std=0.02)

    def forward(self, x: Tensor) -> Tensor:
        q, k, v = self.qkv(x).unflatten(3, (3, self.heads, -1)).unbind(3)
        return self.project(neighbourhood_attention(q, k, v, self.relative).flatten(3))

    def received(self, x: Tensor) -> Tensor:
        """(B, H, W): how much attention a position gets from all whose window it is in, averaged over heads.

        1 is what it would get if all looked everywhere alike in the middle of the picture. With A the attention, it is
        Aᵀ 1, and so the gradient of the sum of A v by v.
        """
        with torch.inference_mode(False), torch.enable_grad():
            q, k, v = self.qkv(x.clone()).detach().unflatten(3, (3, self.heads, -1)).unbind(3)
            v = torch.zeros_like(v).requires_grad_()
            seen = neighbourhood_attention(q, k, v, self.relative.detach())[..., 0].sum()
            return torch.autograd.grad(seen, v)[0][..., 0].mean(3)
