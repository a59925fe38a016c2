"""LPIPS, from a weights file that you name: nothing is downloaded, and other weights are not called by its name.

R. Zhang, P. Isola, A. A. Efros, E. Shechtman, O. Wang: "The unreasonable effectiveness of deep features as a perceptual
metric", CVPR 2018, version 0.1. The linear layers come with torchmetrics; the backbone is torchvision's, whose files
have the first digits of their SHA-256 in their names.
"""

import hashlib
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from common.errors import LicError

# network -> torchvision's file, whose name ends with the first digits of its SHA-256, and its layers' prefix
FILES = {"alex": "alexnet-owt-7be5be79.pth", "vgg": "vgg16-397923af.pth", "squeeze": "squeezenet1_1-b8a52dc0.pth"}
LEAST_SIDE = 32  # pixels: smaller pictures are gone before the last layer


class LPIPS:
    """Less is better; 0 for equal pictures.

    Args:
        weights: torchvision's file of the backbone, one of `FILES`.
        network: alex, as the authors report it, vgg or squeeze.
    """

    higher_is_better = False

    def __init__(self, weights: str | None = None, network: str = "alex") -> None:
        if network not in FILES:
            raise LicError(f"the network of LPIPS is {', '.join(FILES)}, not {network!r}.")
        if weights is None:
            raise LicError(
                f"metric=lpips needs torchvision's {FILES[network]}, and nothing is downloaded: "
                "set protocol.metrics.lpips.of.weights=FILE."
            )
        self.path, self.network = Path(weights).expanduser(), network
        self.arguments = {"network": network, "weights": FILES[network]}
        self._made: nn.Module | None = None
        check(self.path, FILES[network])

    def __call__(self, x_hat: Tensor, x: Tensor) -> float | None:
        """x_hat, x (1, 3, H, W) in 0 to 1; None for pictures with a side below 32 pixels."""
        if min(x.shape[-2:]) < LEAST_SIDE:
            return None
        if self._made is None:
            self._made = made(self.network, torch.load(self.path, map_location="cpu", weights_only=True))
        return float(self._made(x_hat, x, normalize=True))

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_made": None}


def check(path: str | Path, wanted: str) -> None:
    """Raises `LicError` unless `path` is the file that torchvision calls `wanted`."""
    path = Path(path).expanduser()
    if not path.is_file():
        raise LicError(f"there is no {path}: give torchvision's {wanted}.")
    digits = wanted.rpartition("-")[2].removesuffix(".pth")
    found = hashlib.sha256(path.read_bytes()).hexdigest()[: len(digits)]
    if found != digits:
        raise LicError(f"{path} is not torchvision's {wanted} (its SHA-256 begins with {found}, not {digits}).")


def made(network: str, state: dict[str, Tensor]) -> nn.Module:
    """torchmetrics' LPIPS with the backbone's weights `state`, as torchvision names them."""
    from torchmetrics.functional.image.lpips import _NoTrainLpips

    found = _NoTrainLpips(net=network, pnet_rand=True)  # type: ignore[arg-type]
    own = found.net.state_dict()
    # slice1.0.weight, slices.0.0.weight -> features.0.weight: a slice keeps the numbers of its layers
    names = {name: "features." + ".".join(name.split(".")[2 if name.startswith("slices") else 1 :]) for name in own}
    found.net.load_state_dict({name: state[theirs] for name, theirs in names.items()})
    return found.eval()
