"""The wavelet transform CDF 9/7, three levels of it, critically sampled into channels: another start of `swift`.

A. Cohen, I. Daubechies, J.-C. Feauveau 1992; the filters of JPEG 2000. By lifting (I. Daubechies, W. Sweldens 1998):
odd samples are predicted from even ones, even ones are updated, twice; borders are continued by reflection. So the
inverse is exact up to rounding, for all even sides. Filters are scaled to be nearly orthonormal: along rows, a constant
c gives c·√2.

    x (B, 3, H, W) ── colours ── level 1 ─ level 2 ─ level 3 ── (B, 192, H/8, W/8)

What belongs to 8x8 pixels is one position: 1 coefficient of each band of level 3, 4 of level 2, 16 of level 1. Channels
come from coarse to fine; within a level luma comes before chroma.
"""

import torch
from torch import Tensor
from torch.nn import functional as F

from lic_image.layers.block_dct import colour_matrix

STEPS = (-1.586134342059924, -0.052980118572961, 0.882911075530934, 0.443506852043971)
SCALE = 1.149604398860241
LEVELS = 3


def analyse(x: Tensor) -> Tensor:
    """x (B, 3, H, W), sides multiples of 8, around 0 -> (B, 192, H/8, W/8)."""
    low = torch.einsum("kc,bchw->bkhw", colour_matrix().to(x), x)
    parts: list[Tensor] = []
    for level in range(LEVELS):
        low, *details = _split(low)
        phases = [F.pixel_unshuffle(band, 1 << LEVELS - 1 - level) for band in details]
        grouped = [p.unflatten(1, (3, -1)) for p in phases]  # each: (B, 3 colours, phases, H/8, W/8)
        luma, chroma = ([g[:, colour].flatten(1, -3) for g in grouped] for colour in (slice(0, 1), slice(1, 3)))
        parts = [*luma, *chroma, *parts]
    return torch.cat([low, *parts], 1)


def synthesise(u: Tensor) -> Tensor:
    """The inverse: (B, 192, h, w) -> (B, 3, 8 h, 8 w)."""
    low, at = u[:, :3], 3
    for level in reversed(range(LEVELS)):
        side = 1 << LEVELS - 1 - level
        count = side * side
        luma = u[:, at : at + 3 * count].unflatten(1, (3, 1, count))
        chroma = u[:, at + 3 * count : at + 9 * count].unflatten(1, (3, 2, count))
        bands = torch.cat([luma, chroma], 2)
        at += 9 * count
        details = [F.pixel_shuffle(bands[:, i].flatten(1, 2), side) for i in range(3)]
        low = _joined(low, *details)
    return torch.einsum("kc,bkhw->bchw", colour_matrix().to(u), low)


def _split(x: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """One level: low, and the details along rows, along columns, along both; all of half the sides."""
    low, high = _halves(x)
    low_low, low_high = (p.transpose(2, 3) for p in _halves(low.transpose(2, 3)))
    high_low, high_high = (p.transpose(2, 3) for p in _halves(high.transpose(2, 3)))
    return low_low, high_low, low_high, high_high


def _joined(low_low: Tensor, high_low: Tensor, low_high: Tensor, high_high: Tensor) -> Tensor:
    columns = (
        _whole(low.transpose(2, 3), high.transpose(2, 3)).transpose(2, 3)
        for low, high in ((low_low, low_high), (high_low, high_high))
    )
    return _whole(*columns)


def _halves(x: Tensor) -> tuple[Tensor, Tensor]:
    """Along rows: low and high band, (B, C, H, W/2) each."""
    even, odd = x[..., 0::2], x[..., 1::2]
    for i in (0, 2):
        odd = odd + STEPS[i] * (even + _next(even))
        even = even + STEPS[i + 1] * (odd + _before(odd))
    return even * SCALE, odd / SCALE


def _whole(low: Tensor, high: Tensor) -> Tensor:
    """The inverse of `_halves`."""
    even, odd = low / SCALE, high * SCALE
    for i in (2, 0):
        even = even - STEPS[i + 1] * (odd + _before(odd))
        odd = odd - STEPS[i] * (even + _next(even))
    return torch.stack([even, odd], -1).flatten(-2)


def _next(even: Tensor) -> Tensor:
    """The even sample behind each odd one; behind the last the one before it, by reflection."""
    return torch.cat([even[..., 1:], even[..., -1:]], -1)


def _before(odd: Tensor) -> Tensor:
    """The odd sample before each even one; before the first the one behind it."""
    return torch.cat([odd[..., :1], odd[..., :-1]], -1)
