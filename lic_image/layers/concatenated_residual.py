"""The concatenated residual module (CRM): two residual blocks, and a shortcut over both.

    u = x + RB_1(x),  v = u + RB_2(u),  x + v        RB = conv1 C/4 ─ PReLU ─ conv3 C/4 ─ PReLU ─ conv1 C

H. Fu et al.: "Learned image compression with Gaussian-Laplacian-logistic mixture model and concatenated residual
modules", IEEE Transactions on Image Processing 2023. The interleaved codec has it between a convolution and its
attention (ICRSA; "Interleaved block-based learned image compression …", section III-D). Bottlenecks of a quarter of the
channels are ours, to hold the paper's 356 GMACs.
"""

from torch import Tensor, nn


class ConcatenatedResidual(nn.Module):
    """(B, C, H, W) -> the same shape. Args: channels."""

    def __init__(self, C: int) -> None:
        super().__init__()
        self.first, self.second = bottleneck(C), bottleneck(C)

    def forward(self, x: Tensor) -> Tensor:
        u = x + self.first(x)
        return x + u + self.second(u)


def bottleneck(C: int) -> nn.Sequential:
    """RB."""
    hidden = C // 4
    return nn.Sequential(
        nn.Conv2d(C, hidden, 1),
        nn.PReLU(),
        nn.Conv2d(hidden, hidden, 3, padding=1),
        nn.PReLU(),
        nn.Conv2d(hidden, C, 1),
    )


def convolution(C: int) -> nn.Conv2d:
    """What the paper's "tiny" has in the module's place."""
    return nn.Conv2d(C, C, 3, padding=1)
