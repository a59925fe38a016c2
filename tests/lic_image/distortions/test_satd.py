"""SATD by hand."""

import pytest
import torch

from lic_image.distortions.satd import SATD, hadamard, satd


def test_satd_by_hand() -> None:
    h = hadamard(8)
    assert torch.allclose(h @ h.T, torch.eye(8), atol=1e-6)
    x = torch.zeros(2, 1, 8, 8)
    x_hat = x.clone()
    x_hat[0] = 0.5  # one coefficient of 8 · 0.5
    x_hat[1, 0, 3, 4] = 0.5  # 64 coefficients of 0.5 / 8
    assert satd(x_hat, x).tolist() == pytest.approx([4 / 64, 4 / 64])
    x_hat[1, 0, 3, 5] = -0.5  # half of the coefficients cancel, the others double
    assert satd(x_hat, x)[1].item() == pytest.approx(32 * 0.125 / 64)


def test_a_block_over_the_border_counts_what_is_inside() -> None:
    x = torch.zeros(1, 3, 8, 13)
    error = x.clone()
    error[0, 1, 2, 12] = 2 / 255  # in the block of which five columns are inside: 64 coefficients of 2 / 8
    assert SATD()(error, x, {}).item() == pytest.approx(64 * 2 / 8 / (3 * 8 * 13))


def test_a_flat_error_is_cheap_and_noise_costs_its_absolute_error() -> None:
    x = torch.full((1, 3, 64, 64), 0.5)
    assert SATD()(x + 4 / 255, x, {}).item() == pytest.approx(4 / 8, rel=1e-4)  # one coefficient of 8·4 in 64 samples
    noise = 4 / 255 * torch.randn(x.shape, generator=torch.Generator().manual_seed(0))
    assert SATD()(x + noise, x, {}).item() == pytest.approx((255 * noise).abs().mean().item(), rel=0.03)
