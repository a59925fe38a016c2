"""Post-filter: three convolutions on the decoded picture.

    x_out = x + F(x)        F:  conv3 3→N ─ PReLU ─ conv3 N→N ─ PReLU ─ conv3 N→3

A. A. Wirabudi, N. R. Fachrurrozi, P. Dorand, M. Royhan: "Enhancement of images compression using channel attention and
post-filtering based on deep autoencoder", 2024, section 2.4.3, figure 5. The paper ends in a sigmoid (`sigmoid=True`:
x_out = sigmoid(F(x))), whose gradient vanishes at black and white; the residual form is our default, and starts as
the identity.
"""

import torch
from torch import Tensor, nn


class PostFilter(nn.Module):
    """(B, 3, H, W) -> the same shape.

    Args:
        N: channels inside.
        sigmoid: the printed form instead of the residual one.
    """

    def __init__(self, N: int = 192, sigmoid: bool = False) -> None:
        super().__init__()
        self.sigmoid = sigmoid
        self.layers = nn.Sequential(
            nn.Conv2d(3, N, 3, padding=1),
            nn.PReLU(),
            nn.Conv2d(N, N, 3, padding=1),
            nn.PReLU(),
            nn.Conv2d(N, 3, 3, padding=1),
        )
        if not sigmoid:
            last = self.layers[-1]
            nn.init.zeros_(last.weight)  # type: ignore[arg-type]
            nn.init.zeros_(last.bias)  # type: ignore[arg-type]

    def forward(self, x: Tensor) -> Tensor:
        return torch.sigmoid(self.layers(x)) if self.sigmoid else x + self.layers(x)
