"""The base of all distortions; how one is called is said in the package."""

from collections.abc import Mapping
from typing import Any

from torch import Tensor, nn


class Distortion(nn.Module):
    """See the package `lic_image.distortions`."""

    unit: str
    in_mse: float = 1.0
    least_side: int = 1

    def prepare(self, codec: Any) -> None:
        """Told once of the codec that is to be trained: for what depends on it."""
        return

    def groups(self) -> list[dict[str, Any]]:
        """Parameters that are trained beside the codec's, as groups of the optimiser with rates of their own."""
        return []

    def auxiliary(self, x_hat: Tensor, x: Tensor) -> dict[str, Tensor]:
        """Losses of those parameters alone, by name, which λ does not multiply; after `forward` of the same batch."""
        return {}

    def forward(self, x_hat: Tensor, x: Tensor, context: Mapping[str, Any]) -> Tensor:
        """(B,)."""
        raise NotImplementedError


def per_picture(values: Tensor) -> Tensor:
    """Means over all but the first dimension: (B, ...) -> (B,)."""
    return values.flatten(1).mean(1)
