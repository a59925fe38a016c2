"""A learned position embedding: u = x + E, with a vector for each position.

A. Dosovitskiy et al., "An image is worth 16x16 words", ICLR 2021; A. A. Jeny, thesis 2022, section 3.4.1, adds it to
the embedded patches before the first transformer block. E has a vector for each patch of a crop of 256x256; for other
sizes it is resized bilinearly.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class PositionEmbedding(nn.Module):
    """(B, C, H, W) -> the same shape. Args: channels, rows and columns of E."""

    def __init__(self, C: int, side: int = 64) -> None:
        super().__init__()
        self.embedding = nn.Parameter(torch.empty(1, C, side, side))
        nn.init.trunc_normal_(self.embedding, std=0.02)

    def forward(self, x: Tensor) -> Tensor:
        E: Tensor = self.embedding
        if x.shape[2:] != E.shape[2:]:
            E = F.interpolate(E, x.shape[2:], mode="bilinear", align_corners=False)
        return x + E
