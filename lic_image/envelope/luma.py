"""Luma alone is coded, with few colours beside it, and the decoder colours the picture.

    x ─ luma, three times ─ codec ─ luma ─┬────────────────────(+)─ RGB ─ x_hat
    x ─ chroma, means of blocks ─ hints ──┴─ upscaled, network ─┘

M. H. Baig, L. Torresani: "Multiple hypothesis colorization and its application to image compression", CVIU 2017, code
colours that a network asks for. Ours are means of blocks, rounded and coded by an entropy bottleneck. Luma and chroma
are JPEG's (BT.601, full range).
"""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from common.checks import check_number
from common.errors import LicError
from lic_image.envelope.contract import Decoded, Sent
from lic_image.envelope.post import with_quality
from lic_image.envelope.residual import Change

_RED, _BLUE = 0.299, 0.114


class Luma(nn.Module):
    """Args:
    hint_step: pixels on a side of a block whose mean chroma is sent; 0 sends no colours.
    step: what chroma is rounded by, in levels of 255.
    """

    factor = 1

    def __init__(self, hint_step: int = 16, step: float = 8) -> None:
        super().__init__()
        self.hint_channels, self.hint_step, self.step = 2 if hint_step else 0, max(hint_step, 1), step
        check_number("pre.step", step, above=True)
        if hint_step not in (0, 8, 16, 32, 64):
            raise LicError(f"pre.hint_step is 8, 16, 32 or 64 pixels, or 0 for no colours, not {hint_step}.")

    def forward(self, x: Tensor) -> Sent:
        ycc = to_ycc(x)
        picture = ycc[:, :1].expand(-1, 3, -1, -1)
        if not self.hint_channels:
            return Sent(picture)
        return Sent(picture, F.avg_pool2d(ycc[:, 1:], self.hint_step) * (255 / self.step))


class Colourise(nn.Module):
    """Args:
    hint_step, step: those of the `Luma` that made the hints.
    N, blocks, knows_quality: as of `Restore`.
    """

    factor = 1

    def __init__(
        self, hint_step: int = 16, step: float = 8, N: int = 64, blocks: int = 16, knows_quality: bool = False
    ) -> None:
        super().__init__()
        self.takes_hints, self.step, self.knows_quality = 2 if hint_step else 0, step, knows_quality
        self.change = Change(3 + knows_quality, 3, N, blocks)

    def forward(self, decoded: Decoded) -> Tensor:
        luma = decoded.picture.mean(1, keepdim=True)
        if decoded.hints is None:
            chroma = luma.new_zeros(len(luma), 2, *luma.shape[2:])
        else:
            size = (luma.shape[2], luma.shape[3])
            chroma = F.interpolate(decoded.hints * (self.step / 255), size=size, mode="bilinear", align_corners=False)
        ycc = torch.cat([luma, chroma], 1)
        return to_rgb(ycc + self.change(with_quality(ycc, decoded, self.knows_quality)))


def to_ycc(rgb: Tensor) -> Tensor:
    """RGB (B, 3, H, W) in [0, 1] -> luma in 0 to 1, and blue and red chroma around 0."""
    red, green, blue = rgb.unbind(1)
    luma = _RED * red + (1 - _RED - _BLUE) * green + _BLUE * blue
    return torch.stack([luma, (blue - luma) / (2 - 2 * _BLUE), (red - luma) / (2 - 2 * _RED)], 1)


def to_rgb(ycc: Tensor) -> Tensor:
    """The inverse of `to_ycc`."""
    luma, of_blue, of_red = ycc.unbind(1)
    blue, red = luma + (2 - 2 * _BLUE) * of_blue, luma + (2 - 2 * _RED) * of_red
    green = (luma - _RED * red - _BLUE * blue) / (1 - _RED - _BLUE)
    return torch.stack([red, green, blue], 1)
