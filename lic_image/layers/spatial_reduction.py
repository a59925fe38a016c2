"""Multi-head attention with spatial reduction (MHSRSA), and the transformer block around it.

    SD(x) = LN(Reshape(x, r) W_s)                                         r x r positions become one    eq. 3.16
    h_j = softmax(x W_q (SD(x) W_k)ᵀ / √d) SD(x) W_v                      head j                        eq. 3.15, 3.17
    MHSRSA(x) = Concat(h_1, h_2, …) W_o                                                                 eq. 3.14

    u ← u + MHSRSA(LN(u)),  u ← u + MLP(LN(u))                            the block                     eq. 3.12, 3.13

A. A. Jeny, thesis 2022, section 3.4.2; the attention is that of W. Wang et al., "Pyramid vision transformer", ICCV
2021. Reshape and W_s together are a convolution with kernel and stride r. r = 1 reduces nothing and has no SD: plain
multi-head attention. The table's 6 heads do not divide its widths: here heads have 64 channels each, and there are 1,
2, 5, 8 and 11 of them.
"""

from torch import Tensor, nn
from torch.nn import functional as F


class SpatialReductionAttention(nn.Module):
    """(B, H, W, C) -> the same shape; r must divide H and W.

    Args:
        C: channels, a multiple of `head`.
        r: by how much keys and values are reduced along each axis.
        head: channels of a head.
    """

    def __init__(self, C: int, r: int = 1, head: int = 64) -> None:
        super().__init__()
        if C % head:
            raise ValueError(f"{C} channels are no multiple of {head}")
        self.heads = C // head
        self.query, self.key_value, self.project = nn.Linear(C, C), nn.Linear(C, 2 * C), nn.Linear(C, C)
        self.reduce = nn.Conv2d(C, C, r, stride=r) if r > 1 else None
        self.norm = nn.LayerNorm(C) if r > 1 else None

    def forward(self, x: Tensor) -> Tensor:
        q = self.query(x).flatten(1, 2).unflatten(2, (self.heads, -1)).transpose(1, 2)
        kv = self.key_value(self.reduced(x)).flatten(1, 2).unflatten(2, (2, self.heads, -1)).transpose(1, 3)
        k, v = kv.unbind(2)
        heads = F.scaled_dot_product_attention(q, k, v).transpose(1, 2).flatten(2)
        return self.project(heads).unflatten(1, x.shape[1:3])

    def reduced(self, x: Tensor) -> Tensor:
        """SD(x), (B, H/r, W/r, C)."""
        if self.reduce is None or self.norm is None:
            return x
        return self.norm(self.reduce(x.permute(0, 3, 1, 2)).permute(0, 2, 3, 1))


class TransformerBlock(nn.Module):
    """(B, C, H, W) -> the same shape. Args: channels, reduction, the MLP's width over C, channels of a head."""

    def __init__(self, C: int, r: int, mlp: int, head: int = 64) -> None:
        super().__init__()
        self.norm_attention, self.norm_mlp = nn.LayerNorm(C), nn.LayerNorm(C)
        self.attention = SpatialReductionAttention(C, r, head)
        self.mlp = nn.Sequential(nn.Linear(C, mlp * C), nn.GELU(), nn.Linear(mlp * C, C))
        for layer in self.modules():
            if isinstance(layer, nn.Linear):
                nn.init.trunc_normal_(layer.weight, std=0.02)
                nn.init.zeros_(layer.bias)

    def forward(self, x: Tensor) -> Tensor:
        u = x.permute(0, 2, 3, 1)
        u = u + self.attention(self.norm_attention(u))
        u = u + self.mlp(self.norm_mlp(u))
        return u.permute(0, 3, 1, 2)
