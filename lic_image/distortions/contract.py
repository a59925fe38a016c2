"""The base of all distortions; how one is called is said in the package."""

from collections.abc import Mapping
from typing import Any

from torch import Tensor, nn


class Distortion(nn.Module):
    """See the package `lic_image.distortions`."""

    unit: str
    in_mse: float = 1.0
    least_side: int = 1

    def forward(self, x_hat: Tensor, x: Tensor, context: Mapping[str, Any]) -> Tensor:
        """(B,)."""
        raise NotImplementedError


def per_picture(values: Tensor) -> Tensor:
    """Means over all but the first dimension: (B, ...) -> (B,)."""
    return values.flatten(1).mean(1)
