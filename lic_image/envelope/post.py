"""What is made of a decoded picture of its own size: nothing, a refinement block, or the removal of artefacts.

A refinement block (`refinement=`: `layers.post_filter`, `layers.decoded_refinement`) stands at the end of the g_s of
one of our codecs, and is a part of that. A post stands behind any codec, a classical one too, and may know its quality
and hints. `Refined` puts the one in the other's place.
"""

from collections.abc import Callable

import torch
from torch import Tensor, nn

from common.errors import LicError
from lic_image.envelope.contract import Decoded
from lic_image.envelope.pre import starting_at_zero
from lic_image.envelope.residual import Change


class AsDecoded(nn.Module):
    """The decoded picture as it is."""

    factor, takes_hints = 1, 0

    def forward(self, decoded: Decoded) -> Tensor:
        return decoded.picture


class Refined(nn.Module):
    """The decoded picture behind one of our refinement blocks; `block()` makes it."""

    factor, takes_hints = 1, 0

    def __init__(self, block: Callable[[], nn.Module] | None) -> None:
        super().__init__()
        if block is None:
            raise LicError("post=refinement needs a block: choose one by refinement@post_refinement=postfilter.")
        self.block = block()

    def forward(self, decoded: Decoded) -> Tensor:
        return self.block(decoded.picture)


class ArCnn(nn.Module):
    """AR-CNN: what is learned from a blocky picture by four convolutions.

        conv9 → 64 ─ PReLU ─ conv7 → 32 ─ PReLU ─ conv1 → 16 ─ PReLU ─ conv5 → 3 ─(+ decoded)

    C. Dong, Y. Deng, C. C. Loy, X. Tang: "Compression artifacts reduction by a deep convolutional network", ICCV 2015,
    table 1. Printed: of luma, by ReLU, without adding the decoded picture, one network for each quality. Here: of RGB,
    and with it added. `Restore` is what has come of it.
    """

    factor, takes_hints = 1, 0

    def __init__(self, widths: tuple[int, int, int] = (64, 32, 16)) -> None:
        super().__init__()
        features, enhanced, mapped = widths
        self.layers = nn.Sequential(
            nn.Conv2d(3, features, 9, padding=4),
            nn.PReLU(),
            nn.Conv2d(features, enhanced, 7, padding=3),
            nn.PReLU(),
            nn.Conv2d(enhanced, mapped, 1),
            nn.PReLU(),
            nn.Conv2d(mapped, 3, 5, padding=2),
        )
        starting_at_zero(self.layers[-1])

    def forward(self, decoded: Decoded) -> Tensor:
        return decoded.picture + self.layers(decoded.picture)


class Restore(nn.Module):
    """Removal of artefacts by residual blocks.

    Args:
        N, blocks: of the body, see `residual`.
        knows_quality: whether a map of the quality, which is the same everywhere, is an input: so that one network is
            for all qualities (K. Zhang et al., FFDNet, IEEE TIP 2018). The inner codec must be a classical one.
    """

    factor, takes_hints = 1, 0

    def __init__(self, N: int = 64, blocks: int = 16, knows_quality: bool = True) -> None:
        super().__init__()
        self.knows_quality = knows_quality
        self.change = Change(3 + knows_quality, 3, N, blocks)

    def forward(self, decoded: Decoded) -> Tensor:
        return decoded.picture + self.change(with_quality(decoded.picture, decoded, self.knows_quality))


def with_quality(x: Tensor, decoded: Decoded, knows_quality: bool) -> Tensor:
    """x (B, C, h, w), with the map of the quality as one more channel if the network is to know it."""
    if not knows_quality:
        return x
    if decoded.quality is None:
        raise LicError("the post knows the quality of a classical codec, and this inner codec has none: leave it out.")
    return torch.cat([x, decoded.quality[:, None, None, None].expand_as(x[:, :1])], 1)
