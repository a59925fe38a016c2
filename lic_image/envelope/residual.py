"""The body of every post: residual blocks, on half the resolution, that say by how much a picture is to be changed.

    input (B, C, h, w) ─ PixelUnshuffle(2) ─ conv3 → N ─ blocks ─ conv3 ─(+)─ conv3 ─ PixelShuffle(2·scale) ─ change
                                              └──────────────────────────┘
    block      conv3 N→N ─ PReLU ─ conv3 N→N ─(+)

B. Lim et al.: "Enhanced deep residual networks for single image super-resolution" (EDSR), CVPRW 2017, without batch
normalisation. A quarter of the positions, as in FFDNet (K. Zhang et al., IEEE TIP 2018), makes it four times as fast.
"""

from torch import Tensor, nn

from lic_image.envelope.pre import starting_at_zero


class Block(nn.Module):
    """(B, N, h, w) -> the same shape."""

    def __init__(self, N: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(nn.Conv2d(N, N, 3, padding=1), nn.PReLU(), nn.Conv2d(N, N, 3, padding=1))

    def forward(self, x: Tensor) -> Tensor:
        return x + self.layers(x)


class Change(nn.Module):
    """(B, inputs, h, w), even sides -> (B, outputs, scale·h, scale·w), at first zeros.

    Args:
        N: channels inside.
        blocks: their number.
        scale: how much larger what it gives is.
    """

    def __init__(self, inputs: int, outputs: int, N: int, blocks: int, scale: int = 1) -> None:
        super().__init__()
        self.head = nn.Sequential(nn.PixelUnshuffle(2), nn.Conv2d(4 * inputs, N, 3, padding=1))
        self.body = nn.Sequential(*(Block(N) for _ in range(blocks)), nn.Conv2d(N, N, 3, padding=1))
        self.tail = nn.Sequential(nn.Conv2d(N, outputs * (2 * scale) ** 2, 3, padding=1), nn.PixelShuffle(2 * scale))
        starting_at_zero(self.tail[0])

    def forward(self, x: Tensor) -> Tensor:
        features = self.head(x)
        return self.tail(features + self.body(features))
