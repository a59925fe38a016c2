"""CDF 9/7: its inverse, its filters as they are published, and where each coefficient lies."""

import pytest
import torch

from lic_image.layers.block_dct import colour_matrix
from lic_image.layers.cdf97 import _halves, _whole, analyse, synthesise

# The analysis filters of JPEG 2000 (ISO/IEC 15444-1, table F.2), whose constant has gain 1.
LOW = (0.6029490182363579, 0.2668641184428723, -0.07822326652898785, -0.01686411844287495, 0.02674875741080976)
HIGH = (1.115087052456994, -0.5912717631142470, -0.05754352622849957, 0.09127176311424948)


@pytest.mark.parametrize("size", [(8, 8), (32, 64), (16, 40)])
def test_nothing_is_lost(size: tuple[int, int]) -> None:
    torch.manual_seed(0)
    x = torch.randn(2, 3, *size)
    u = analyse(x)
    assert u.shape == (2, 192, size[0] // 8, size[1] // 8)
    assert torch.allclose(synthesise(u), x, atol=1e-5)


def test_filters_are_the_published_ones() -> None:
    """A unit impulse at an even, and at an odd place: the taps that reach it, nearly orthonormal: times √2, over √2."""
    for at in (16, 17):
        x = torch.zeros(1, 1, 1, 32, dtype=torch.float64)
        x[..., at] = 1
        for band, taps, scale in zip(_halves(x), (LOW, HIGH), (2**0.5, 0.5**0.5)):
            centres = 2 * torch.arange(16) + (0 if taps is LOW else 1)
            expected = [scale * taps[abs(c - at)] if abs(c - at) < len(taps) else 0.0 for c in centres.tolist()]
            assert torch.allclose(band.flatten(), torch.tensor(expected, dtype=torch.float64), atol=1e-9)


def test_high_bands_of_cubics_vanish_inside() -> None:
    """Four vanishing moments."""
    t = torch.arange(64, dtype=torch.float64)
    low, high = _halves((1 + t - 0.1 * t**2 + 0.001 * t**3).reshape(1, 1, 1, -1))
    assert high[..., 4:-4].abs().max() < 1e-9 < low.abs().max()
    assert torch.allclose(_whole(low, high).flatten()[:4], (1 + t - 0.1 * t**2 + 0.001 * t**3)[:4])


def test_a_grey_constant_is_in_the_first_channel_alone() -> None:
    u = analyse(torch.ones(1, 3, 16, 16))
    grey = colour_matrix()[0].sum().item()
    assert torch.allclose(u[:, 0], torch.full((1, 2, 2), 8 * grey), atol=1e-5)
    assert u[:, 1:].abs().max() < 1e-5


def test_luma_of_the_finest_level_comes_before_its_chroma() -> None:
    torch.manual_seed(0)
    fine = torch.randn(1, 1, 64, 64).expand(1, 3, 64, 64)  # grey: luma alone
    energy = analyse(fine).square().mean((0, 2, 3))
    assert energy[48:96].min() > 0.1 and energy[96:].max() < 1e-10
