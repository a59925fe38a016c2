"""A U-Net whose levels are joined by 2x2 strided and transposed convolutions and by sums.

    C ─ conv3 ─ w_1 ─ blocks ─┬──────────────── + ─ blocks ─ conv3 ─ C
                              └ 2x2 s2 ─ w_2 … 2x2 s2 transposed ┘

A. A. Jeny: thesis, section 5.5 (after O. Ronneberger et al., MICCAI 2015). It names the levels' channels, "2x2 strided
convolution" and "transposed convolution with stride 2" and a "residual link between" them, and nothing else of a level:
three residual blocks on either side give the artifact module the 1.70 M parameters that its table 7.10 implies.
"""

from collections.abc import Sequence
from itertools import pairwise

from torch import Tensor, nn
from torch.nn import functional as F

from lic_video.layers.residual_block import ResidualBlock


class UNet(nn.Module):
    """(B, C, H, W) -> the same shape.

    Args:
        widths: channels of the levels, fine to coarse.
        blocks: residual blocks of each level, on the way down and again on the way up.
    """

    def __init__(self, C: int, widths: Sequence[int] = (16, 32, 64, 128), blocks: int = 3) -> None:
        super().__init__()
        self.multiple = 2 ** (len(widths) - 1)
        self.enter = nn.Conv2d(C, widths[0], 3, padding=1)
        self.before = nn.ModuleList(self._blocks(w, blocks) for w in widths[:-1])
        self.down = nn.ModuleList(nn.Conv2d(a, b, 2, stride=2) for a, b in pairwise(widths))
        self.middle = self._blocks(widths[-1], blocks)
        self.up = nn.ModuleList(nn.ConvTranspose2d(b, a, 2, stride=2) for a, b in pairwise(widths))
        self.after = nn.ModuleList(self._blocks(w, blocks) for w in widths[:-1])
        self.leave = nn.Conv2d(widths[0], C, 3, padding=1)

    @staticmethod
    def _blocks(width: int, count: int) -> nn.Sequential:
        return nn.Sequential(*(ResidualBlock(width) for _ in range(count)))

    def forward(self, x: Tensor) -> Tensor:
        H, W = x.shape[2:]
        x = self.enter(F.pad(x, (0, -W % self.multiple, 0, -H % self.multiple), mode="replicate"))
        kept = []
        for blocks, down in zip(self.before, self.down):
            kept.append(blocks(x))
            x = down(kept[-1])
        x = self.middle(x)
        for blocks, up in reversed(list(zip(self.after, self.up))):
            x = blocks(kept.pop() + up(x))
        return self.leave(x)[..., :H, :W]
