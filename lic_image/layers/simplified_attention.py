"""Simplified attention: a trunk of residual units, gated by a mask that other residual units compute.

    x_out = x + trunk(x) · sigmoid(mask(x))

    x ─┬─ 3 residual units ─────────────────────────── · ─ + ─
       ├─ 3 residual units ─ conv1 ─ sigmoid ──────────┘   │
       └───────────────────────────────────────────────────┘

Z. Cheng, H. Sun, M. Takeuchi, J. Katto: "Learned image compression with discretized Gaussian mixture likelihoods and
attention modules", CVPR 2020, figure 5(b): the attention of Liu et al. 2019 without its non-local block. The layers are
CompressAI's, weights go both ways.
"""

from compressai.layers import AttentionBlock
from torch import Tensor


class SimplifiedAttention(AttentionBlock):
    """Args: C channels, an even number. (B, C, H, W) -> the same shape."""

    def __init__(self, C: int) -> None:
        super().__init__(C)

    def maps(self, x: Tensor) -> dict[str, Tensor]:
        """Where the block looks when it gets `x`: the mask (B, H, W) in 0 to 1, averaged over channels."""
        return {"mask": self.conv_b(x).sigmoid().mean(1)}
