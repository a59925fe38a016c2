import math

import numpy as np
import pytest
import torch
from skimage.metrics import peak_signal_noise_ratio

from common.metrics.image import MSSSIM, PSNR, decibels, ms_ssim, psnr, rate


def pictures(*shape: int, seed: int = 0) -> tuple[torch.Tensor, torch.Tensor]:
    random = torch.Generator().manual_seed(seed)
    x = torch.randint(0, 256, shape, generator=random, dtype=torch.uint8)
    noise = torch.randint(-20, 21, shape, generator=random)
    return x, (x.int() + noise).clamp(0, 255).to(torch.uint8)


def test_psnr_of_a_constant_error_is_known() -> None:
    x = torch.zeros(2, 3, 4, 5, dtype=torch.uint8)
    x_hat = x.clone()
    x_hat[1] += 16
    assert psnr(x, x_hat)[0] == math.inf
    assert psnr(x, x_hat)[1].item() == pytest.approx(20 * math.log10(255 / 16), abs=1e-4)


def test_psnr_agrees_with_scikit_image_per_image() -> None:
    x, x_hat = pictures(3, 3, 17, 33)
    expected = [peak_signal_noise_ratio(a.numpy(), b.numpy()) for a, b in zip(x, x_hat)]
    np.testing.assert_allclose(psnr(x, x_hat).numpy(), expected, atol=1e-4)
    np.testing.assert_allclose(psnr(x / 255, x_hat / 255).numpy(), expected, atol=1e-4)


def test_decibels_in_words_are_those_of_8_bit_arrays() -> None:
    rgb = np.random.default_rng(0).integers(0, 240, (7, 5, 3), np.uint8)
    assert decibels(rgb, rgb) == "lossless"
    assert decibels(rgb * 0, np.full_like(rgb, 255)) == "0.00 dB"
    assert decibels(rgb + 16, rgb) == decibels(rgb, rgb + 16) == "24.05 dB"  # 20 log10(255 / 16) = 24.048
    one = rgb.copy()
    one[0, 0, 0] += 1
    assert decibels(one, rgb) == "68.34 dB"  # 20 log10(255) + 10 log10(105)
    rgb.flags.writeable = False
    assert decibels(rgb[::-1], rgb[::-1]) == "lossless"


def test_unlike_pictures_are_refused() -> None:
    x = torch.zeros(1, 3, 8, 8)
    with pytest.raises(ValueError, match="one shape"):
        psnr(x, torch.zeros(1, 3, 8, 9))
    with pytest.raises(ValueError, match="uint8"):
        psnr(x, torch.zeros(1, 3, 8, 8, dtype=torch.uint8))


def test_ms_ssim_is_one_for_equal_pictures_and_the_same_for_both_kinds() -> None:
    x, x_hat = pictures(1, 3, 161, 170)
    assert ms_ssim(x, x).item() == pytest.approx(1, abs=1e-6)
    assert ms_ssim(x, x).item() > 1 - 1e-5
    value = ms_ssim(x, x_hat).item()
    assert 0.5 < value < 1
    assert ms_ssim(x / 255, x_hat / 255).item() == pytest.approx(value, abs=1e-4)


def test_ms_ssim_of_a_changed_mean_is_the_luminance_term_of_the_coarsest_scale() -> None:
    # flat pictures: contrast and structure are 1 at every scale, what is left is l(x, y) ** 0.1333
    a, b = 0.5, 0.6
    x, x_hat = torch.full((1, 3, 192, 192), a), torch.full((1, 3, 192, 192), b)
    luminance = (2 * a * b + 0.01**2) / (a**2 + b**2 + 0.01**2)
    assert ms_ssim(x, x_hat).item() == pytest.approx(luminance**0.1333, abs=1e-4)


def test_ms_ssim_of_small_pictures_is_undefined() -> None:
    x = torch.zeros(2, 3, 160, 400)
    assert ms_ssim(x, x).isnan().tolist() == [True, True]


def test_rate_counts_bits_per_pixel() -> None:
    # 8 symbols of 1 bit and 4 of 3 bits over 10 pixels
    likelihoods = {
        "y": torch.full((1, 2, 2, 2), 0.5),
        "z": torch.full((1, 4, 1, 1), 0.125, requires_grad=True),
    }
    bits = rate(likelihoods, pixels=10)
    assert bits.item() == pytest.approx(2.0, abs=1e-6)
    bits.backward()
    assert likelihoods["z"].grad is not None


def test_psnr_metric_averages_images_not_batches() -> None:
    x, x_hat = pictures(3, 3, 16, 16)
    metric = PSNR()
    metric.update(x[:2], x_hat[:2])
    metric.update(x[2:], x_hat[2:])
    assert metric.compute().item() == pytest.approx(psnr(x, x_hat).mean().item(), abs=1e-5)


def test_metrics_of_processes_with_unequal_shares_join_by_sum() -> None:
    x, x_hat = pictures(3, 3, 16, 16)
    first, second = PSNR(), PSNR()
    first.update(x[:2], x_hat[:2])
    second.update(x[2:], x_hat[2:])
    first.merge_state(second)  # reduces each state as a gather across processes does
    assert first.compute().item() == pytest.approx(psnr(x, x_hat).mean().item(), abs=1e-5)


def test_ms_ssim_metric_leaves_out_small_pictures() -> None:
    x, x_hat = pictures(1, 3, 176, 176)
    small, small_hat = pictures(1, 3, 32, 32)
    metric = MSSSIM()
    metric.update(small, small_hat)
    assert math.isnan(metric.compute().item())
    metric.update(x, x_hat)
    assert metric.compute().item() == pytest.approx(ms_ssim(x, x_hat).item(), abs=1e-6)
