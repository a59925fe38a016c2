"""SATD by hand."""

import pytest
import torch

from lic_image.distortions.satd import hadamard, satd


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
