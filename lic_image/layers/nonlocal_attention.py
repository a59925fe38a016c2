"""Non-local attention module (NLAM): a trunk gated by a mask that sees the whole picture.

    x_out = x + trunk(x) · sigmoid(mask(nonlocal(x)))

    x ─┬─ 3 residual units ────────────────────────────────────── · ─ + ─
       ├─ non-local block ─ 3 residual units ─ conv1 ─ sigmoid ───┘   │
       └──────────────────────────────────────────────────────────────┘

T. Chen, H. Liu, Z. Ma, Q. Shen, X. Cao, Y. Wang: "End-to-end learnt image compression via non-local attention
optimization and improved context modeling", IEEE TIP 2021, figure 3. Our reading: C/2 channels inside the non-local
block, its keys pooled over 2x2, the residual units those of the simplified attention, so that the two differ in
the non-local block alone.
"""

from torch import nn

from lic_image.layers.nonlocal_block import NonLocal
from lic_image.layers.simplified_attention import SimplifiedAttention


class NonLocalAttention(SimplifiedAttention):
    """Args: C channels, an even number. (B, C, H, W) -> the same shape."""

    def __init__(self, C: int) -> None:
        super().__init__(C)
        mask = self.get_submodule("conv_b").children()
        self.conv_b = nn.Sequential(NonLocal(C, C // 2, pool=2), *mask)
