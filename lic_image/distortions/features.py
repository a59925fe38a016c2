"""The squared error and LPIPS, from a weights file that you name (`common.metrics.perceptual`)."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from common.checks import check_number
from common.errors import LicError
from common.metrics.perceptual import FILES, LEAST_SIDE, check, made
from lic_image.distortions.contract import Distortion, per_picture


class Features(Distortion):
    """255²·MSE + w·LPIPS, the k_P·LPIPS term of HiFiC (see `adversarial`).

    Args:
        weights: torchvision's file of the backbone.
        network: alex, vgg or squeeze.
        weight: w; LPIPS of usual reconstructions is 0.05 to 0.4.
    """

    unit = "(255²·MSE + LPIPS)"
    least_side = LEAST_SIDE

    def __init__(self, weights: str | None = None, network: str = "alex", weight: float = 200.0) -> None:
        super().__init__()
        if network not in FILES or weights is None:
            known = ", ".join(f"{name} ({file})" for name, file in FILES.items())
            raise LicError(f"distortion=features needs loss.weights=FILE and loss.network, torchvision's {known}.")
        check(weights, FILES[network])
        check_number("loss.weight", weight)
        self.weight = weight
        content = torch.load(Path(weights).expanduser(), map_location="cpu", weights_only=True)
        self.lpips = made(network, content).requires_grad_(False)

    def forward(self, x_hat: Tensor, x: Tensor, context: Mapping[str, Any]) -> Tensor:
        pairs = zip(x_hat.clamp(0, 1).split(1), x.split(1))
        found = torch.stack([self.lpips(a, b, normalize=True).reshape(()) for a, b in pairs])
        return 255**2 * per_picture((x_hat - x).square()) + self.weight * found
