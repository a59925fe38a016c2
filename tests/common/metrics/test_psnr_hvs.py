"""PSNR-HVS-M: the figures of another implementation, and what can be told by hand."""

import math

import numpy as np
import pytest
import torch
from support import textured
from torch import Tensor

from common.metrics.psnr_hvs import psnr_hvs_m


def pair(seed: int, deviation: float) -> tuple[Tensor, Tensor]:
    x = textured(64, 72, seed)
    noise = np.random.default_rng(seed).normal(0, deviation, x.shape)
    both = (np.clip(x + noise, 0, 255).astype(np.uint8), x)
    x_hat, x = (torch.from_numpy(p).permute(2, 0, 1)[None].float() / 255 for p in both)
    return x_hat, x


@pytest.mark.parametrize(
    ("seed", "deviation", "expected"), [(0, 3, 44.77551093), (1, 8, 35.2328555), (2, 25, 24.71788919)]
)
def test_as_the_package_psnr_hvsm_0_3_0_has_it(seed: int, deviation: float, expected: float) -> None:
    assert psnr_hvs_m(*pair(seed, deviation)).item() == pytest.approx(expected, abs=1e-5)


def test_a_flat_picture_masks_nothing() -> None:
    """Off by two levels everywhere: one coefficient a block, 16, whose weight is 25.735 / 16."""
    x = torch.full((1, 3, 16, 16), 100 / 255)
    expected = 10 * math.log10(255**2 / ((16 * 25.735088 / 16) ** 2 / 64))
    assert psnr_hvs_m(x + 2 / 255, x).item() == pytest.approx(expected, abs=1e-3)
    assert math.isinf(psnr_hvs_m(x, x).item())
    assert math.isnan(psnr_hvs_m(x[..., :7], x[..., :7]).item())


def test_noise_in_texture_is_seen_less_than_on_flat_ground() -> None:
    random = torch.Generator().manual_seed(0)
    texture = 0.5 + 0.2 * torch.randn(1, 3, 32, 32, generator=random).mean(1, keepdim=True).expand(1, 3, -1, -1)
    flat, noise = torch.full_like(texture, 0.5), 0.01 * torch.randn(1, 1, 32, 32, generator=random)
    assert psnr_hvs_m(texture + noise, texture).item() > psnr_hvs_m(flat + noise, flat).item() + 3
