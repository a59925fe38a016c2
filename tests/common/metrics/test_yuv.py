import numpy as np
import pytest
import torch
from compressai.transforms.functional import rgb2ycbcr, yuv_444_to_420

from common.metrics.yuv import PLANES, psnr_plane, psnr_yuv

X = torch.rand(1, 3, 16, 24, generator=torch.Generator().manual_seed(0))
X_HAT = (X + 0.05 * torch.randn(X.shape, generator=torch.Generator().manual_seed(1))).clamp(0, 1)


def decibels(a: torch.Tensor, b: torch.Tensor) -> float:
    return float(-10 * np.log10(np.mean((a.double().numpy() - b.double().numpy()) ** 2)))


@pytest.mark.parametrize("place", range(3))
def test_planes_are_those_of_compressai(place: int) -> None:
    expected = decibels(rgb2ycbcr(X_HAT)[:, place], rgb2ycbcr(X)[:, place])
    assert psnr_plane(X_HAT, X, PLANES[place]).item() == pytest.approx(expected, abs=1e-4)
    halved, own = (yuv_444_to_420(rgb2ycbcr(x))[place] for x in (X_HAT, X))
    assert psnr_plane(X_HAT, X, PLANES[place], "420").item() == pytest.approx(decibels(halved, own), abs=1e-4)


def test_luma_counts_six_times() -> None:
    y, cb, cr = (psnr_plane(X_HAT, X, plane).item() for plane in PLANES)
    assert psnr_yuv(X_HAT, X).item() == pytest.approx((6 * y + cb + cr) / 8, abs=1e-4)


def test_odd_sides_keep_their_last_row_and_column() -> None:
    x, x_hat = X[..., :15, :23], X[..., :15, :23].clone()
    x_hat[..., 14, 22] = 1 - x_hat[..., 14, 22]
    assert psnr_plane(x_hat, x, "cb", "420").isfinite()
    assert psnr_plane(x, x, "y").isinf()
