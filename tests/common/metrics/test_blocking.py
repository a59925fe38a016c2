"""PSNR-B against figures by hand, and luma against MATLAB's."""

import math

import pytest
import torch
from support import textured

from common.baselines.codecs import CODECS
from common.metrics.blocking import matlab_luma, psnr_b, psnr_luma
from common.metrics.own import OwnMetric


def test_luma_is_matlabs() -> None:
    """rgb2ycbcr of white, black, red, green and blue, as its documentation has them: 235, 16, 81, 145, 41."""
    colours = torch.tensor([[1, 1, 1], [0, 0, 0], [1, 0, 0], [0, 1, 0], [0, 0, 1]]).float()
    assert matlab_luma(colours.T.reshape(1, 3, 1, 5)).flatten().tolist() == [235, 16, 81, 145, 41]


def flat(luma: torch.Tensor) -> torch.Tensor:
    """A grey picture of which `luma` (H, W) is MATLAB's luma."""
    return ((luma - 16) / 219).expand(1, 3, -1, -1)


def test_a_step_at_the_border_of_blocks_counts() -> None:
    """16 x 16, its right half 10 levels too bright: MSE 50.

    Of the 32 pairs across borders, 16 in each direction, half differ by 10, and of the others none:
    D_B = 50, D_BC = 0, η = 3/4.
    """
    x = torch.full((16, 16), 100.0)
    x_hat = x.clone()
    x_hat[:, 8:] += 10
    expected = 10 * math.log10(255**2 / (50 + 0.75 * 50))
    assert psnr_b(flat(x_hat), flat(x)).item() == pytest.approx(expected, abs=1e-9)
    assert psnr_luma(flat(x_hat), flat(x)).item() == pytest.approx(10 * math.log10(255**2 / 50), abs=1e-9)


def test_a_step_elsewhere_does_not() -> None:
    x = torch.full((16, 16), 100.0)
    x_hat = x.clone()
    x_hat[:, 5:] += 10
    assert psnr_b(flat(x_hat), flat(x)).item() == pytest.approx(psnr_luma(flat(x_hat), flat(x)).item(), abs=1e-9)


def test_blocks_of_jpeg_cost_more_than_its_errors() -> None:
    x = torch.from_numpy(textured(64, 96)).permute(2, 0, 1)[None].float() / 255
    codec = next(codec for codec in CODECS if codec.name == "jpeg")
    rgb = codec.decode(codec.encode(textured(64, 96), 5))
    x_hat = torch.from_numpy(rgb.copy()).permute(2, 0, 1)[None].float() / 255
    assert psnr_b(x_hat, x) < psnr_luma(x_hat, x) - 0.1


@pytest.mark.parametrize("size", [(1, 1), (8, 8), (5, 40)])
def test_pictures_smaller_than_two_blocks(size: tuple[int, int]) -> None:
    """Luma of 0.4 is 103.6, that of 0.52 is 129.9: rounded 26 levels more, and no borders that show."""
    x = torch.full((1, 3, *size), 0.4)
    assert OwnMetric(psnr_b)(x, x) is None
    assert OwnMetric(psnr_b)(x + 0.12, x) == pytest.approx(20 * math.log10(255 / 26), abs=1e-9)
