"""Dense blocks, and the feature enhancement of decoded features that is made of them (FEnM).

    dense block    x_1 = relu(conv(x)),  x_2 = relu(conv([x, x_1])),  x + conv1([x, x_1, x_2])
    enhancement    F + conv1(dense block … (F))

"Interleaved block-based learned image compression with feature enhancement and quantization error compensation",
section III-F: "two dense blocks and a convolutional layer, interconnected through shortcuts". Dense
blocks with local fusion are those of Y. Zhang et al., RDN, CVPR 2018. Two layers of 8 channels each are our reading, as
is that the last convolution starts at zero, so that training starts from features as they are decoded.
"""

import torch
from torch import Tensor, nn


class DenseBlock(nn.Module):
    """(B, C, H, W) -> the same shape. Args: channels, channels that a layer adds, layers."""

    def __init__(self, C: int, growth: int = 8, layers: int = 2) -> None:
        super().__init__()
        self.layers = nn.ModuleList(nn.Conv2d(C + i * growth, growth, 3, padding=1) for i in range(layers))
        self.fusion = nn.Conv2d(C + layers * growth, C, 1)

    def forward(self, x: Tensor) -> Tensor:
        known = x
        for layer in self.layers:
            known = torch.cat([known, layer(known).relu()], 1)
        return x + self.fusion(known)


class FeatureEnhancement(nn.Module):
    """(B, C, H, W) -> the same shape. Args: channels, dense blocks."""

    def __init__(self, C: int, blocks: int = 2) -> None:
        super().__init__()
        self.blocks = nn.Sequential(*(DenseBlock(C) for _ in range(blocks)), nn.Conv2d(C, C, 1))
        nn.init.zeros_(self.blocks[-1].weight)  # type: ignore[arg-type]
        nn.init.zeros_(self.blocks[-1].bias)  # type: ignore[arg-type]

    def forward(self, features: Tensor) -> Tensor:
        return features + self.blocks(features)
