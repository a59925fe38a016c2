"""A residual block that starts as the identity: u + W2 · GELU(W1 · depthwise3x3(u)), W2 = 0 at the start."""

from torch import Tensor, nn
from torch.nn import functional as F


class DepthwiseBlock(nn.Module):
    """(B, C, h, w) -> the same shape. Args: channels C, the hidden layer's `expansion` of C, `kernel` size."""

    def __init__(self, channels: int, expansion: int = 2, kernel: int = 3) -> None:
        super().__init__()
        self.spatial = nn.Conv2d(channels, channels, kernel, padding=kernel // 2, groups=channels)
        self.expand = nn.Conv2d(channels, expansion * channels, 1)
        self.project = nn.Conv2d(expansion * channels, channels, 1)
        nn.init.zeros_(self.project.weight)
        nn.init.zeros_(self.project.bias)  # type: ignore[arg-type]

    def forward(self, u: Tensor) -> Tensor:
        return u + self.project(F.gelu(self.expand(self.spatial(u))))
