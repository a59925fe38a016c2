"""The squared error with a weight at every pixel: regions of interest."""

from collections.abc import Mapping
from typing import Any

from torch import Tensor

from common.errors import LicError
from lic_image.distortions.contract import Distortion, per_picture


class ROI(Distortion):
    """255² · mean of w (x_hat - x)², with w = outside + (1 - outside)·region.

    Inside a pixel counts as it does for `MSE` at the same λ, outside less.

    Args:
        outside: what a pixel outside counts, 0 to 1.

    The region, (B, 1, H, W) in [0, 1], is context["roi"]: `data.roi` makes it.
    """

    unit = "255²·MSE, weighted by the region"

    def __init__(self, outside: float = 0.1) -> None:
        super().__init__()
        if not 0 <= outside <= 1:
            raise LicError(f"loss.outside is what a pixel outside of the region counts, 0 to 1, not {outside}.")
        self.outside = outside

    def forward(self, x_hat: Tensor, x: Tensor, context: Mapping[str, Any]) -> Tensor:
        if "roi" not in context:
            raise LicError("distortion=roi needs regions: set data.roi=saliency, or data.roi=sidecar with files.")
        weights = self.outside + (1 - self.outside) * context["roi"]
        return 255**2 * per_picture(weights * (x_hat - x).square())
