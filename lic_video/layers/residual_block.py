"""A residual block of two convolutions, without normalisation: x + conv3(ReLU(conv3(x))).

B. Lim et al.: "Enhanced deep residual networks for single image super-resolution", CVPRW 2017. The second convolution
starts at zero, so that the block starts as the identity.
"""

from torch import Tensor, nn


def closing(channels_in: int, channels_out: int, kernel: int) -> nn.Conv2d:
    """The last convolution of a residual path, which starts at zero; keeps the size."""
    layer = nn.Conv2d(channels_in, channels_out, kernel, padding=kernel // 2)
    nn.init.zeros_(layer.weight)
    nn.init.zeros_(layer.bias)  # type: ignore[arg-type]
    return layer


class ResidualBlock(nn.Module):
    """(B, C, H, W) -> (B, D, H, W); D is C if not given. A different D comes by a 1x1 convolution before."""

    def __init__(self, C: int, D: int | None = None) -> None:
        super().__init__()
        D = C if D is None else D
        self.match = nn.Identity() if D == C else nn.Conv2d(C, D, 1)
        self.layers = nn.Sequential(nn.Conv2d(D, D, 3, padding=1), nn.ReLU(), closing(D, D, 3))

    def forward(self, x: Tensor) -> Tensor:
        x = self.match(x)
        return x + self.layers(x)
