"""Importance maps: how many channels of the latent a position is worth, `importance=map`.

    y ──┬───────────────────·── y ⊙ m ── coded as before          m_c = clamp(K·p - k(c), 0, 1), rounded to 0 or 1
        └ conv ─ p in (0, 1) ┘                                     k(c): the group, 0 to K - 1, of channel c

M. Li, W. Zuo, S. Gu, D. Zhao, D. Zhang: "Learning convolutional networks for content-weighted image compression", CVPR
2018, section 3.2, codes p and leaves the other channels out. Here m is not coded, as F. Mentzer et al., CVPR 2018, have
it: channels that are left out are zero, and the entropy model learns where. So any codec can be given the block. The
gradient passes the rounding as if it were not there.

Mentzer et al. round up. Then a channel that has a gradient (0 < K·p - k < 1) is always there, with its distortion at a
minimum: only the rate has a gradient, p falls without end, and the codec ends at a grey picture (`swift`, λ 0.013, 1500
steps: 0.002 bpp, 13 dB). Rounded to the nearest, a channel that is just left out still has the gradient of its loss.

`focused` lowers p outside of a region of interest when a photograph is coded: fewer channels are left there.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from compressai.models import CompressionModel
from torch import Tensor, nn
from torch.nn.functional import interpolate

from common.checks import check_whole
from common.entropy.quantisers import straight_through
from common.errors import LicError
from lic_image.latents import channels_of, check_has_zero, latent_modules


def with_importance(codec: CompressionModel, groups: int, width: int) -> CompressionModel:
    """`codec` with an importance map on its latent, in place.

    Args:
        groups: K, into which channels are parted; at most as many as there are channels.
        width: channels of the network that tells p.

    Raises:
        LicError: the codec's latent cannot be masked, or `groups` and `width` are no whole numbers from 1 on.
    """
    check_whole("importance.block.groups", groups)
    check_whole("importance.block.width", width)
    check_has_zero(codec, "importance=map")
    points = latent_modules(codec)
    if points is None:
        raise LicError(f"importance= is not for {type(codec).__name__}, which has no module for its latent.")
    (M,) = channels_of(codec, points[:1])
    codec.importance = ImportanceMap(M, min(groups, M), width)
    points[0].register_forward_hook(_Masked(codec.importance))
    return codec


class _Masked:
    """A hook; an object, so that a copy of the codec has a map of its own."""

    def __init__(self, block: "ImportanceMap") -> None:
        self.block = block

    def __call__(self, module: nn.Module, given: Any, y: Tensor) -> Tensor:
        return self.block(y)


class ImportanceMap(nn.Module):
    """Args: M channels of y, parted into `groups`; `width` channels inside."""

    def __init__(self, M: int, groups: int, width: int) -> None:
        super().__init__()
        self.groups = groups
        self.layers = nn.Sequential(nn.Conv2d(M, width, 3, padding=1), nn.GELU(), nn.Conv2d(width, 1, 1))
        nn.init.zeros_(self.layers[-1].weight)  # type: ignore[arg-type]
        nn.init.constant_(self.layers[-1].bias, 4.0)  # type: ignore[arg-type]  # all channels, of up to 27 groups
        self.group: Tensor
        self.register_buffer("group", torch.arange(M) * groups // M, persistent=False)
        self._focus: Tensor | None = None

    def forward(self, y: Tensor) -> Tensor:
        """y (B, M, h, w) -> y ⊙ m."""
        return y * self.mask(y)

    def mask(self, y: Tensor) -> Tensor:
        """m (B, M, h, w)."""
        part = (self.groups * self.importance(y) - self.group[:, None, None]).clamp(0, 1)
        return straight_through(part, part.round())

    def importance(self, y: Tensor) -> Tensor:
        """p (B, 1, h, w)."""
        p = torch.sigmoid(self.layers(y))
        return p if self._focus is None else p * interpolate(self._focus, p.shape[-2:], mode="area")

    def maps(self, y: Tensor) -> dict[str, Tensor]:
        """p, to be drawn."""
        return {"importance": self.importance(y)[:, 0]}

    @contextmanager
    def focused(self, weights: Tensor) -> Iterator[None]:
        """Inside, p is multiplied by `weights` (1, 1, H, W), of the padded picture."""
        self._focus = weights
        try:
            yield
        finally:
            self._focus = None
