"""Features of an image's interleaved sub-images, and the way back to the image (FExM and inverse FExM).

    X (3, H, W) ─┬─ sub-images X_1 … X_s² ─ conv3 ─ PReLU ─ conv3 ─ F_1 … F_s²
                 └─ conv5, stride s ─────────────────────────────── F_X

"Interleaved block-based learned image compression with feature enhancement and quantization error compensation",
section III-B. A sub-image has the pixels at one place of every s x s patch. The paper says: two convolutions
"separately" on each, one with a stride of 2 on X; back, "the same network architecture using transposed convolutions".

Our reading, where its text is silent: all sub-images share their weights; a feature has 24 channels, the layer between
128; all features lie along a depth axis. Back, each sub-image and X are made from their own features, and the image is
the sum of the interleaved sub-images and of X's part.
"""

import torch
from compressai.models.utils import conv, deconv
from torch import Tensor, nn
from torch.nn import functional as F


def split(x: Tensor, s: int) -> Tensor:
    """Sub-images: (B, C, s H, s W) -> (B, C, s², H, W), row by row of the patch."""
    return F.pixel_unshuffle(x, s).unflatten(1, (x.shape[1], s * s))


def join(parts: Tensor, s: int) -> Tensor:
    """The inverse of `split`."""
    return F.pixel_shuffle(parts.flatten(1, 2), s)


class FeatureExtraction(nn.Module):
    """(B, 3, H, W), sides that s divides -> (B, C, s² + 1, H / s, W / s): F_1 … F_s², F_X.

    Args:
        s: side of a patch.
        C: channels of a feature.
        hidden: channels between the two convolutions; 0 for one convolution alone.
    """

    def __init__(self, s: int, C: int, hidden: int) -> None:
        super().__init__()
        self.s = s
        two = (nn.Conv2d(3, hidden, 3, padding=1), nn.PReLU(), nn.Conv2d(hidden, C, 3, padding=1)) if hidden else ()
        self.of_parts = nn.Sequential(*(two or (nn.Conv2d(3, C, 3, padding=1),)))
        self.of_image = conv(3, C, 5, s)

    def forward(self, x: Tensor) -> Tensor:
        parts = split(x, self.s)
        features = self.of_parts(parts.transpose(1, 2).flatten(0, 1)).unflatten(0, (len(x), -1)).transpose(1, 2)
        return torch.cat([features, self.of_image(x).unsqueeze(2)], 2)


class FeatureInversion(nn.Module):
    """Features one behind the other, (B, (s² + 1) C, H / s, W / s) -> (B, 3, H, W). Args: as `FeatureExtraction`."""

    def __init__(self, s: int, C: int, hidden: int) -> None:
        super().__init__()
        self.s, self.C = s, C
        two = (deconv(C, hidden, 3, 1), nn.PReLU(), deconv(hidden, 3, 3, 1)) if hidden else ()
        self.to_parts = nn.Sequential(*(two or (deconv(C, 3, 3, 1),)))
        self.to_image = deconv(C, 3, 5, s)

    def forward(self, features: Tensor) -> Tensor:
        features = features.unflatten(1, (-1, self.C))
        parts = self.to_parts(features[:, :-1].flatten(0, 1)).unflatten(0, (len(features), -1))
        return join(parts.transpose(1, 2), self.s) + self.to_image(features[:, -1])
