"""Patch expanding (DPEM), the inverse of merging: every position becomes k x k.

    DPEM(x) = GELU(BN(shuffle(W x + b)))         W: inputs -> k² C channels,  shuffle: k² C channels -> k x k positions

A. A. Jeny, thesis 2022, section 3.4.1: it "reconfigures the feature maps of neighboring dimensions into a higher
resolution feature map". The thesis calls it deformable and gives no equation; the linear layer and the shuffle are as
in Swin-Unet (H. Cao et al., 2021), normalisation and activation as in the merging. Nothing in it is deformable: each
new position has one source only. At the end of a decoder there is neither norm nor activation.
"""

from torch import Tensor, nn
from torch.nn import functional as F


class PatchExpanding(nn.Module):
    """(B, inputs, H, W) -> (B, C, k H, k W).

    Args:
        inputs, C: channels before and after.
        k: positions along each axis that one becomes.
        last: whether it ends a decoder.
    """

    def __init__(self, inputs: int, C: int, k: int = 2, last: bool = False) -> None:
        super().__init__()
        self.k = k
        self.expand = nn.Conv2d(inputs, k * k * C, 1)
        self.norm = None if last else nn.BatchNorm2d(C)

    def forward(self, x: Tensor) -> Tensor:
        x = F.pixel_shuffle(self.expand(x), self.k)
        return x if self.norm is None else F.gelu(self.norm(x))
