"""Neighbourhood attention: every position attends to the k x k positions around it.

    out_i = Σ_{j ∈ N(i)} softmax_j(q_i · k_j / √d + b_{j - i}) v_j         N(i): the window around i

A. Hassani, S. Walton, J. Li, S. Li, H. Shi: "Neighborhood Attention Transformer", CVPR 2023. At borders the window is
moved inwards, not cut, so that it always has k x k positions: along each axis it starts at clamp(i - ⌊k/2⌋, 0, L - k).
Where a side L is shorter than k, the window is that side. b is learned for each head and each offset, (2 k - 1)².

Computed tile by tile: `TILE` x `TILE` queries share the keys that any of them sees, and a mask hides those that one
does not see. That is up to (TILE + k - 1)² / k² times the products of the definition, all of them products of matrices,
and a memory of (1 + (k - 1) / TILE)² times keys and values instead of k² times. Tiles that see alike are computed
together: those inside, and those at each border.
"""

from collections import defaultdict
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

TILE = 8


class Tiles(NamedTuple):
    """Tiles along one axis that see alike, as positions: n tiles of t queries and s keys."""

    queries: Tensor  # (n, t)
    keys: Tensor  # (n, s)
    offsets: Tensor  # (t, s): from a query to a key
    seen: Tensor  # bool (t, s): whether the key is in the query's window


def tiles(length: int, window: int, device: torch.device | str = "cpu") -> list[Tiles]:
    """All tiles along an axis. The last ones may overlap."""
    k, t = min(window, length), min(TILE, length)
    s = min(t + k - 1, length)
    alike: dict[tuple[int, ...], list[tuple[int, int]]] = defaultdict(list)
    for begin in sorted({min(i, length - t) for i in range(0, length, t)}):
        first = min(max(begin - k // 2, 0), length - s)
        starts = (min(max(i - k // 2, 0), length - k) - first for i in range(begin, begin + t))
        sight = (begin - first, *starts)
        alike[sight].append((begin, first))
    found = []
    for (shift, *windows), places in alike.items():
        begins, firsts = torch.tensor(places, device=device).T[:, :, None]
        query, key = torch.arange(t, device=device), torch.arange(s, device=device)
        start = torch.tensor(windows, device=device)[:, None]
        seen = (key >= start) & (key < start + k)
        found.append(Tiles(begins + query, firsts + key, key - shift - query[:, None], seen))
    return found


def neighbourhood_attention(q: Tensor, k: Tensor, v: Tensor, bias: Tensor) -> Tensor:
    """q, k, v (B, H, W, h, d) of h heads, bias (h, 2 window - 1, 2 window - 1) -> (B, H, W, h, d)."""
    B, H, W = q.shape[:3]
    window = (bias.shape[1] + 1) // 2
    pairs, out = torch.cat([k, v], 4), torch.empty_like(v)
    for rows in tiles(H, window, q.device):
        for columns in tiles(W, window, q.device):
            inside = (rows.seen[:, None, :, None] & columns.seen[:, None]).flatten(2).flatten(0, 1)
            down, right = ((each.offsets + window - 1).clamp(0, 2 * window - 2) for each in (rows, columns))
            told = bias[:, down[:, None, :, None], right[:, None]].flatten(3).flatten(1, 2)
            mask = told.masked_fill(~inside, float("-inf")).to(q.dtype)[None]
            queries = at(rows.queries, columns.queries)
            keys, values = together(pairs[at(rows.keys, columns.keys)]).chunk(2, 3)
            part = F.scaled_dot_product_attention(together(q[queries]), keys, values, attn_mask=mask)
            n, m, t, u = len(rows.queries), len(columns.queries), rows.queries.shape[1], columns.queries.shape[1]
            out[queries] = part.transpose(1, 2).unflatten(1, (t, u)).unflatten(0, (B, n, m)).to(out.dtype)
    return out


def at(rows: Tensor, columns: Tensor) -> tuple[slice, Tensor, Tensor]:
    """The index of tiles (n, t) x (m, u) in (B, H, W, …), which gives (B, n, m, t, u, …)."""
    return slice(None), rows[:, None, :, None], columns[None, :, None, :]


def together(x: Tensor) -> Tensor:
    """(B, n, m, t, u, h, d) -> (B n m, h, t u, d), without a copy."""
    return x.flatten(3, 4).flatten(0, 2).transpose(1, 2)


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
        return self.project(neighbourhood_attention(q, k, v, self.relative).flatten(3))  # type: ignore[no-any-return]

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
