"""Each distortion against its equation, and what all of them share."""

import math

import numpy as np
import pytest
import pytorch_msssim
import torch
from hydra.utils import instantiate
from support import compose, options, textured
from torch import Tensor

from common.errors import LicError
from common.metrics.image import ms_ssim
from lic_image.distortions import usual
from lic_image.distortions.contract import Distortion
from lic_image.distortions.mixed import Mixed
from lic_image.distortions.pixels import L1, MSE, ChannelWeighted, Charbonnier
from lic_image.distortions.structure import MSSSIM, SSIM, Edge

# Tested by themselves: what needs regions, a file, a discriminator.
APART = ("none", "roi", "features", "adversarial")
OF_IMAGES = [name for name in options("distortion") if not name.startswith("video_") and name not in APART]


@pytest.fixture
def pair() -> tuple[Tensor, Tensor]:
    random = torch.Generator().manual_seed(0)
    x = torch.from_numpy(np.stack([textured(176, 180, seed) for seed in range(2)])).permute(0, 3, 1, 2) / 255
    return (x + 0.02 * torch.randn(x.shape, generator=random)).clamp(0, 1), x


def test_pixels(pair: tuple[Tensor, Tensor]) -> None:
    x_hat, x = pair
    error = 255 * (x_hat - x).double().numpy()
    flat = error.reshape(2, -1)
    assert MSE()(x_hat, x, {}).tolist() == pytest.approx((flat**2).mean(1), rel=1e-5)
    assert L1()(x_hat, x, {}).tolist() == pytest.approx(np.abs(flat).mean(1), rel=1e-5)
    smooth = np.sqrt(flat**2 + 4) - 2
    assert Charbonnier(epsilon=2)(x_hat, x, {}).tolist() == pytest.approx(smooth.mean(1), rel=1e-5)


def test_an_error_of_luma_alone_counts_by_its_weight() -> None:
    """Grey pixels that are off by two levels: Y is off by two, Cb and Cr are right."""
    x = torch.full((1, 3, 8, 8), 100 / 255)
    assert ChannelWeighted((6, 1, 1))(x + 2 / 255, x, {}).item() == pytest.approx(4 * 6 / 8, rel=1e-4)
    blue = x.clone()
    blue[:, 2] += 2 / 255  # Y by 0.0722·2, Cb by 2 (1 - 0.0722) / (2 - 2·0.0722) = 1, Cr by -0.0722·2 / 1.5748
    expected = (6 * (0.0722 * 2) ** 2 + 1 + (0.0722 * 2 / 1.5748) ** 2) / 8
    assert ChannelWeighted()(blue, x, {}).item() == pytest.approx(expected, rel=1e-4)


def test_structure(pair: tuple[Tensor, Tensor]) -> None:
    x_hat, x = pair
    assert torch.allclose(MSSSIM()(x_hat, x, {}), 1 - ms_ssim(x, x_hat))
    for n in range(2):
        alone = pytorch_msssim.ssim(x_hat[n : n + 1], x[n : n + 1], data_range=1.0)
        assert SSIM()(x_hat, x, {})[n].item() == pytest.approx(1 - alone.item(), abs=1e-6)


def test_the_edge_of_a_ramp() -> None:
    """An error that rises by one level a column has a horizontal gradient of one level inside, and no vertical one."""
    error = torch.arange(64.0).expand(1, 3, 64, 64) / 255
    x = torch.zeros(1, 3, 64, 64)
    squares = (255 * error).square().mean().item()
    gradients = (Edge(weight=1)(error, x, {}).item() - squares) * 2  # the mean is over both directions
    assert gradients == pytest.approx(62 / 64 + 2 / 64 * 0.25, rel=1e-3)  # half a level at the two border columns
    assert Edge(weight=0)(error, x, {}).item() == pytest.approx(squares, rel=1e-5)


def test_mixed_is_the_weighted_sum_in_units_of_the_squared_error(pair: tuple[Tensor, Tensor]) -> None:
    parts: dict[str, Distortion] = {"mse": MSE(), "ms_ssim": MSSSIM(), "l1": L1()}
    mixed = Mixed(parts, {"mse": 0.25, "ms_ssim": 0.75, "l1": 0})
    expected = 0.25 * MSE()(*pair, {}) + 0.75 * 1280 * MSSSIM()(*pair, {})
    assert torch.allclose(mixed(*pair, {}), expected)
    assert mixed.least_side == MSSSIM.least_side
    with pytest.raises(LicError, match="vgg"):
        Mixed(parts, {"vgg": 1})
    with pytest.raises(LicError, match="above 0"):
        Mixed(parts, {"mse": 0})


@pytest.mark.parametrize("name", OF_IMAGES)
def test_every_choice(name: str, pair: tuple[Tensor, Tensor]) -> None:
    """It is zero for equal pictures, positive else, a number a picture, has a gradient, and its λ rise."""
    cfg = compose("model=image/swift", "size=tiny", f"distortion={name}")
    assert cfg.distortion == name
    lmbdas = [float(value) for value in cfg.lmbdas.split(",")]
    assert lmbdas == sorted(lmbdas) and lmbdas[0] <= cfg.lmbda <= lmbdas[-1]
    distortion = instantiate(cfg.model).distortion
    assert isinstance(distortion, Distortion) and distortion.unit
    x_hat, x = pair
    x_hat = x_hat.clone().requires_grad_()
    found = distortion(x_hat, x, {})
    assert found.shape == (2,) and (found > 0).all()
    found.sum().backward()
    assert x_hat.grad is not None and math.isfinite(x_hat.grad.norm()) and x_hat.grad.norm() > 0
    assert distortion(x, x, {}).abs().max() < 1e-4
    assert 1 / 20 < (distortion.in_mse * found.mean() / MSE()(*pair, {}).mean()).item() < 20


@pytest.mark.parametrize("weights", [(6, 1), (6, 1, 1, 1), (-6, 1, 1), (0, 0, 0), (math.nan, 1, 1)])
def test_three_weights_of_channels(weights: tuple[float, ...]) -> None:
    with pytest.raises(LicError, match="those of Y, Cb and Cr"):
        ChannelWeighted(weights)  # type: ignore[arg-type]


def test_settings_out_of_range() -> None:
    for epsilon in (0, -3):
        with pytest.raises(LicError, match=r"loss\.epsilon must be a number above 0"):
            Charbonnier(epsilon)
    with pytest.raises(LicError, match=r"loss\.weight must be at least 0"):
        Edge(-3)
    with pytest.raises(LicError, match="choose it by distortion=l1"):
        usual("l1")
