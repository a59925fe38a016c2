"""Patch splitting: the mirror image of the Swin transformer's patch merging.

    merging (torchvision's)   (B, H, W, C) ─ 2x2 side by side ─ LN(4 C) ─ linear 4 C → 2 C ─ (B, H/2, W/2, 2 C)
    splitting                 (B, H, W, C) ─ LN(C) ─ linear C → 2 C ─ pixel shuffle ─ (B, 2 H, 2 W, C/2)

R. Zou, C. Song, Z. Zhang: "The devil is in the details: window-based attention for image compression", CVPR 2022. No
linear layer has a bias. The order of norm and linear layer is that of the published code.
"""

from torch import Tensor, nn
from torch.nn import functional as F


class PatchSplitting(nn.Module):
    """(B, H, W, C) -> (B, 2 H, 2 W, C/2); C even."""

    def __init__(self, C: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(C)
        self.expand = nn.Linear(C, 2 * C, bias=False)

    def forward(self, u: Tensor) -> Tensor:
        wide = self.expand(self.norm(u))
        return F.pixel_shuffle(wide.movedim(3, 1), 2).movedim(1, 3)
