"""PSNR of luma and chroma, beside that over RGB.

Pictures become YCbCr by BT.709 in full range (CompressAI's `rgb2ycbcr`), without rounding. Of a clip that came from
YUV 4:2:0, RGB is what the protocol made of it: its own planes are not compared.
"""

from typing import Literal

import torch
from torch import Tensor
from torch.nn.functional import avg_pool2d

Plane = Literal["y", "cb", "cr"]
Chroma = Literal["444", "420"]
PLANES: tuple[Plane, ...] = ("y", "cb", "cr")
WEIGHTS = {"y": 6, "cb": 1, "cr": 1}
_RED, _BLUE = 0.2126, 0.0722  # in luma, by BT.709


def psnr_plane(x_hat: Tensor, x: Tensor, plane: Plane, chroma: Chroma = "444") -> Tensor:
    """PSNR of one plane, dB; infinite where it is equal.

    Args:
        x_hat, x: RGB (1, 3, H, W) in 0 to 1.
        chroma: "420" compares Cb and Cr as means of 2x2 pixels.
    """
    return _psnr(plane_of(x_hat, plane, chroma), plane_of(x, plane, chroma))


def psnr_yuv(x_hat: Tensor, x: Tensor, chroma: Chroma = "444") -> Tensor:
    """(6 PSNR_Y + PSNR_Cb + PSNR_Cr) / 8, dB, as the papers on DCVC and the tests of JVET have it."""
    planes = [WEIGHTS[plane] * psnr_plane(x_hat, x, plane, chroma) for plane in PLANES]
    return torch.stack(planes).sum() / sum(WEIGHTS.values())


def plane_of(rgb: Tensor, plane: Plane, chroma: Chroma = "444") -> Tensor:
    """RGB (B, 3, H, W) -> one of its planes, (B, H, W); chroma is centred at 0."""
    red, green, blue = rgb.unbind(1)
    luma = _RED * red + (1 - _RED - _BLUE) * green + _BLUE * blue
    if plane == "y":
        return luma
    found = (blue - luma) / (2 - 2 * _BLUE) if plane == "cb" else (red - luma) / (2 - 2 * _RED)
    return avg_pool2d(found, 2, ceil_mode=True) if chroma == "420" else found  # odd last rows are means of their own


def _psnr(x_hat: Tensor, x: Tensor) -> Tensor:
    return -10 * torch.log10((x_hat - x).square().mean())
