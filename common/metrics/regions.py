"""PSNR inside and outside of a region of interest."""

import numpy as np
from numpy.typing import NDArray

from common.metrics.own import OwnMetric


def psnr_in(rgb: NDArray[np.uint8], decoded: NDArray[np.uint8], weights: NDArray[np.floating]) -> float:
    """PSNR over RGB with a weight at every pixel, dB; NaN where all are 0, infinite where nothing was lost.

    Args:
        rgb, decoded: uint8 (H, W, 3).
        weights: (H, W), 0 or above.
    """
    squares = np.square(rgb.astype(np.int32) - decoded).sum(2) / 3
    total = weights.sum(dtype=np.float64)
    mse = (weights * squares).sum(dtype=np.float64) / total if total else np.nan
    return float("inf") if mse == 0 else float(10 * np.log10(255**2 / mse))


def psnr_inside_and_outside(
    rgb: NDArray[np.uint8], decoded: NDArray[np.uint8], region: NDArray[np.uint8]
) -> tuple[float, float]:
    """`region` (H, W), 255 inside and 0 outside; what is grey counts to both by its share."""
    inside = region / 255
    return psnr_in(rgb, decoded, inside), psnr_in(rgb, decoded, 1 - inside)


# How results and reports call them.
IN_RESULTS = {
    "psnr_inside": OwnMetric(psnr_inside_and_outside, title="PSNR inside the region", unit="dB"),
    "psnr_outside": OwnMetric(psnr_inside_and_outside, title="PSNR outside the region", unit="dB"),
}
