"""Split attention: each channel chooses between two convolutions' views of it.

    x ─ conv3, 2 groups ─ ReLU ─ u_1, u_2 ─┬──────────────────────────────── Σ_r a_r u_r
                                           └ Σ ─ mean over positions ─ fc ─ ReLU ─ fc ─ softmax over r ─ a

H. Zhang et al.: "ResNeSt: Split-attention networks", 2020 (CVPRW 2022), radix 2, one cardinal group. Its batch
normalisation is left out: a codec's decoder must not depend on a batch. Means are over the whole frame.
"""

import torch
from torch import Tensor, nn


class SplitAttention(nn.Module):
    """(B, C, H, W) -> the same shape; C even.

    Args:
        radix: how many views.
        reduction: channels of the layer between are radix · C / reduction, at least 8.
    """

    def __init__(self, C: int, radix: int = 2, reduction: int = 4) -> None:
        super().__init__()
        inside = max(8, radix * C // reduction)
        self.radix = radix
        self.views = nn.Conv2d(C, radix * C, 3, padding=1, groups=radix)
        self.squeeze = nn.Linear(C, inside)
        self.excite = nn.Linear(inside, radix * C)

    def forward(self, x: Tensor) -> Tensor:
        B, C = x.shape[:2]
        u = torch.relu(self.views(x)).unflatten(1, (self.radix, C))
        told = self.excite(torch.relu(self.squeeze(u.sum(1).mean((2, 3)))))
        a = told.view(B, self.radix, C).softmax(1)
        return (a[..., None, None] * u).sum(1)
