"""A weighted sum of distortions."""

from collections.abc import Mapping
from typing import Any

from torch import Tensor, nn

from common.checks import check_number
from common.errors import LicError
from lic_image.distortions.contract import Distortion


class Mixed(Distortion):
    """Σ w_i·in_mse_i·d_i, so that weights are shares, and λ is that of the squared error.

    Args:
        parts: distortions by name.
        weights: of parts, by name; 0 leaves one out.
    """

    unit = "255²·MSE, mixed"

    def __init__(self, parts: Mapping[str, Distortion], weights: Mapping[str, float]) -> None:
        super().__init__()
        if unknown := sorted(weights.keys() - parts.keys()):
            raise LicError(f"loss.weights has {', '.join(unknown)}, which is none of {', '.join(parts)}.")
        for name, weight in weights.items():
            check_number(f"loss.weights.{name}", weight)
        self.weights = {name: weight for name, weight in weights.items() if weight}
        if not self.weights:
            raise LicError(f"one of loss.weights must be above 0, not {dict(weights)}.")
        self.parts: dict[str, Distortion] = {name: parts[name] for name in self.weights}
        self.modules_of_parts = nn.ModuleList(self.parts.values())  # so that they are moved, too
        self.unit = "255²·MSE of " + " + ".join(f"{w:g} {name}" for name, w in self.weights.items())
        self.least_side = max(part.least_side for part in self.parts.values())

    def forward(self, x_hat: Tensor, x: Tensor, context: Mapping[str, Any]) -> Tensor:
        found = [w * self.parts[name].in_mse * self.parts[name](x_hat, x, context) for name, w in self.weights.items()]
        return sum(found[1:], start=found[0])
