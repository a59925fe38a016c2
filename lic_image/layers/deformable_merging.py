"""Deformable patch merging (DPMM): k x k positions become one, sampled where the picture says.

    DPMM(x) = GELU(BN(DC(x)))                                                              thesis, eq. 3.11
    DC(x)_p = b + Σ_t W_t x(k p + t + Δ_{p,t})          t in {0 … k-1}²,  Δ = 0.1 · offsets(x)

A. A. Jeny, thesis 2022, section 3.4.1; the merging is the deformable token merging of Z. Pan, B. Zhuang, H. He,
J. Liu, J. Cai: "Less is more: pay less attention in vision transformers", AAAI 2022. x between positions is bilinear,
and zero outside, as in torchvision's `deform_conv2d`. Kernel and stride are both k, so that every tap samples one
position of its own: all samples together are one map of x's size, and the sum over taps is a plain convolution of it.

The offsets come from a convolution that starts at zero. Their learning rate is a tenth of the others': Adam's steps do
not depend on the size of gradients, so that the factor 0.1 does just that, and no parameter group is needed.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

OFFSET_RATE = 0.1


def sampled(x: Tensor, offsets: Tensor) -> Tensor:
    """x (B, C, H, W) where each position's offset (B, 2, H, W) leads, in pixels, horizontal first -> (B, C, H, W)."""
    H, W = x.shape[2:]
    kind = torch.promote_types(x.dtype, torch.float32)  # half precision holds no positions
    rows, columns = (torch.arange(n, device=x.device, dtype=kind) for n in (H, W))
    across = (2 * (columns + offsets[:, 0].to(kind)) + 1) / W - 1
    down = (2 * (rows[:, None] + offsets[:, 1].to(kind)) + 1) / H - 1
    return F.grid_sample(x.to(kind), torch.stack([across, down], 3), align_corners=False).to(x.dtype)


class DeformableMerging(nn.Module):
    """(B, inputs, H, W) -> (B, C, H/k, W/k); k must divide H and W.

    Args:
        inputs, C: channels before and after.
        k: positions merged along each axis.
    """

    def __init__(self, inputs: int, C: int, k: int = 2) -> None:
        super().__init__()
        self.k = k
        self.offsets = nn.Conv2d(inputs, 2 * k * k, k, stride=k)
        self.merge = nn.Conv2d(inputs, C, k, stride=k)
        self.norm = nn.BatchNorm2d(C)
        nn.init.zeros_(self.offsets.weight)
        nn.init.zeros_(self.offsets.bias)  # type: ignore[arg-type]

    def forward(self, x: Tensor) -> Tensor:
        return F.gelu(self.norm(self.convolved(x)))

    def convolved(self, x: Tensor) -> Tensor:
        """DC(x)."""
        offsets = F.pixel_shuffle(OFFSET_RATE * self.offsets(x), self.k)
        return self.merge(sampled(x, offsets))
