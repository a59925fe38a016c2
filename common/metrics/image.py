"""Quality and rate of images, each per image: how to average over images is the caller's choice.

Pictures are (B, 3, H, W), uint8 in 0..255 or floating point in [0, 1]; both arguments are of one kind. The
published protocol compares 8-bit pictures: round a reconstruction (`(x_hat * 255).round()` as uint8) before
reporting a figure.
"""

import math
from collections.abc import Mapping

import numpy as np
import pytorch_msssim
import torch
import torchmetrics
from torch import Tensor

# What one unit of 1 - MS-SSIM is worth in 255² squared errors on the usual scales: the published λ lists pair up so
# (CompressAI: 0.013 for MSE stands beside 16.64 for MS-SSIM).
MS_SSIM_PER_MSE = 1280.0
MS_SSIM_MIN_SIDE = 161  # 5 scales, each half the last, and a window of 11: (11 - 1) * 2**4 + 1


def psnr(x: Tensor, x_hat: Tensor) -> Tensor:
    """Peak signal-to-noise ratio over all channels together, 10 log10(peak² / MSE).

    Returns:
        (B,) dB, infinite where both pictures are equal. For uint8 the squared errors are summed as integers,
        so that the figure does not depend on the number of threads.

    Raises:
        ValueError: shapes or kinds (uint8, floating point) differ.

    >>> x = torch.full((1, 3, 8, 8), 100, dtype=torch.uint8)
    >>> psnr(x, x + 1)
    tensor([48.1308])
    """
    peak = _peak(x, x_hat)
    error = (x.int() - x_hat.int()) if x.dtype == torch.uint8 else _wide(x) - _wide(x_hat)
    mse = error.square().flatten(1).sum(dim=1) / error[0].numel()
    return 10 * torch.log10(peak**2 / mse)


def psnr_of_pictures(rgb: np.ndarray, decoded: np.ndarray) -> float:
    """PSNR of 8-bit pictures (H, W, 3), dB."""
    x, x_hat = (torch.from_numpy(p.copy()).permute(2, 0, 1)[None] for p in (rgb, decoded))
    return psnr(x, x_hat).item()


def max_error(x_hat: Tensor, x: Tensor) -> float:
    """The largest difference of a pixel, in levels of 255, as `common.metrics.own` calls a measure: 8-bit pictures.

    >>> x = torch.tensor([10.0, 20.0, 30.0]).reshape(1, 3, 1, 1) / 255
    >>> max_error(x, torch.zeros_like(x))
    30.0
    """
    return ((x_hat.double() - x.double()) * 255).round().abs().max().item()


def decibels(decoded: np.ndarray, rgb: np.ndarray) -> str:
    """PSNR of 8-bit pictures (H, W, 3), in words."""
    value = psnr_of_pictures(rgb, decoded)
    return f"{value:.2f} dB" if math.isfinite(value) else "lossless"


def ms_ssim(x: Tensor, x_hat: Tensor) -> Tensor:
    """Multi-scale structural similarity (Wang et al., 2003), 5 scales, Gaussian window of 11.

    Returns:
        (B,) float32, 0 to 1. NaN when a side is 160 pixels or less: the coarsest scale would be smaller than
        the window, and other scales or a padded picture would be another metric.

    Raises:
        ValueError: shapes or kinds (uint8, floating point) differ.

    >>> x = torch.linspace(0, 1, 3 * 192 * 192).reshape(1, 3, 192, 192)
    >>> ms_ssim(x, 0.9 * x).item() < ms_ssim(x, x).item()
    True
    """
    peak = _peak(x, x_hat)
    if min(x.shape[-2:]) < MS_SSIM_MIN_SIDE:
        return torch.full((x.shape[0],), math.nan, device=x.device)
    # float32: variances are small differences of large numbers, which half precision loses
    with torch.autocast(x.device.type, enabled=False):
        return pytorch_msssim.ms_ssim(x.float(), x_hat.float(), data_range=peak, size_average=False)


def rate(likelihoods: Mapping[str, Tensor], pixels: int) -> Tensor:
    """Bits per pixel that an ideal coder spends: -log2 summed over all latents' likelihoods, per pixel.

    Args:
        likelihoods: latent's name -> probabilities of its symbols, any shape.
        pixels: pixels of the whole batch, B * H * W.

    Returns:
        Scalar, differentiable.

    >>> rate({"y": torch.full((1, 192, 4, 4), 0.25)}, pixels=64 * 64)  # 192 * 16 symbols of 2 bits
    tensor(1.5000)
    """
    nats = torch.stack(
        [-torch.log(p if p.dtype == torch.float64 else p.float()).sum() for p in likelihoods.values()]
    ).sum()
    return nats / (math.log(2) * pixels)


class _ImageMean(torchmetrics.Metric):
    """Mean over images of a per-image figure; sum and count travel, so that unequal shares are right."""

    higher_is_better = True
    full_state_update = False
    total: Tensor
    count: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.add_state("total", torch.zeros(()), dist_reduce_fx="sum")
        self.add_state("count", torch.zeros((), dtype=torch.long), dist_reduce_fx="sum")

    def _add(self, values: Tensor) -> None:
        self.total += values.sum()
        self.count += values.numel()

    def compute(self) -> Tensor:
        return self.total / self.count


class PSNR(_ImageMean):
    """Mean over images of `psnr`, dB."""

    def update(self, x: Tensor, x_hat: Tensor) -> None:
        self._add(psnr(x, x_hat))


class MSSSIM(_ImageMean):
    """Mean over images of `ms_ssim`, 0 to 1; images too small for it are left out, NaN when all were."""

    def update(self, x: Tensor, x_hat: Tensor) -> None:
        values = ms_ssim(x, x_hat)
        self._add(values[~values.isnan()])


def _peak(x: Tensor, x_hat: Tensor) -> float:
    if x.shape != x_hat.shape or x.dim() != 4:
        raise ValueError(f"expected two (B, 3, H, W) pictures of one shape, got {x.shape} and {x_hat.shape}")
    if x.dtype == x_hat.dtype == torch.uint8:
        return 255.0
    if x.is_floating_point() and x_hat.is_floating_point():
        return 1.0
    raise ValueError(f"expected two uint8 or two floating point pictures, got {x.dtype} and {x_hat.dtype}")


def _wide(x: Tensor) -> Tensor:
    return x if x.dtype == torch.float64 else x.float()  # half precision ends at about 60 dB
