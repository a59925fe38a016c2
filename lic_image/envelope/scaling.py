"""Super-resolution: a picture that was coded small is made large again.

decoded (B, 3, h, w) ─┬─ bicubic, learned on ─────(+)─ x_hat (B, 3, factor·h, factor·w)
                      └─ residual blocks ──────────┘
"""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from lic_image.envelope.contract import Decoded
from lic_image.envelope.post import with_quality
from lic_image.envelope.residual import Change

TAPS = 5  # on a side: all that a bicubic filter sees of a smaller picture


class Upscale(nn.Module):
    """(B, C, h, w) -> (B, C, factor·h, factor·w), each channel by the same filter, which starts as the bicubic one."""

    def __init__(self, factor: int) -> None:
        super().__init__()
        self.factor = factor
        self.phases = nn.Parameter(bicubic(factor))

    def forward(self, x: Tensor) -> Tensor:
        B, C, h, w = x.shape
        padded = F.pad(x, (TAPS // 2,) * 4, mode="replicate").reshape(B * C, 1, h + TAPS - 1, w + TAPS - 1)
        large = F.pixel_shuffle(F.conv2d(padded, self.phases), self.factor)
        return large.reshape(B, C, h * self.factor, w * self.factor)


class SuperResolution(nn.Module):
    """Args: N, blocks: of the body, see `residual`; `knows_quality`: as `Restore`'s."""

    takes_hints = 0

    def __init__(self, factor: int = 2, N: int = 64, blocks: int = 16, knows_quality: bool = False) -> None:
        super().__init__()
        self.factor, self.knows_quality = factor, knows_quality
        self.upscale = Upscale(factor)
        self.change = Change(3 + knows_quality, 3, N, blocks, scale=factor)

    def forward(self, decoded: Decoded) -> Tensor:
        changed = self.change(with_quality(decoded.picture, decoded, self.knows_quality))
        return self.upscale(decoded.picture) + changed


def bicubic(factor: int) -> Tensor:
    """(factor², 1, 5, 5): what each pixel of the large picture takes from the small one, by `F.interpolate`."""
    impulses = torch.eye(TAPS**2).reshape(TAPS**2, 1, TAPS, TAPS)
    middle = slice(TAPS // 2 * factor, (TAPS // 2 + 1) * factor)
    answers = F.interpolate(impulses, scale_factor=factor, mode="bicubic")[:, 0, middle, middle]
    return answers.reshape(TAPS, TAPS, factor**2).permute(2, 0, 1).unsqueeze(1).contiguous()
