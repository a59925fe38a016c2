"""LPIPS and DISTS, from a weights file that you name: nothing is downloaded, and no other weights have their names.

R. Zhang, P. Isola, A. A. Efros, E. Shechtman, O. Wang: "The unreasonable effectiveness of deep features as a perceptual
metric", CVPR 2018, version 0.1.
K. Ding, K. Ma, S. Wang, E. P. Simoncelli: "Image quality assessment: unifying structure and texture similarity", IEEE
Trans. Pattern Analysis and Machine Intelligence 2020.

The authors' own weights, LPIPS's linear layers and DISTS's α and β, come with torchmetrics. The backbone is
torchvision's, whose files have the first digits of their SHA-256 in their names.
"""

import hashlib
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest.mock import patch

import torch
from torch import Tensor, nn
from torchvision.models.vgg import cfgs, make_layers
from torchvision.transforms.functional import resize

from common.errors import LicError

# network -> torchvision's file, whose name ends with the first digits of its SHA-256, and its layers' prefix
FILES = {"alex": "alexnet-owt-7be5be79.pth", "vgg": "vgg16-397923af.pth", "squeeze": "squeezenet1_1-b8a52dc0.pth"}
LEAST_SIDE = 32  # pixels: smaller pictures are gone before the last layer
REDUCED_SIDE = 256  # pixels, of DISTS


class Perceptual:
    """A measure of the features of a backbone. Less is better; 0 for equal pictures.

    Args:
        name: of the metric, as in the group `metric`.
        weights: torchvision's file of the backbone.
        network: the backbone, of `FILES`.
    """

    higher_is_better = False

    def __init__(self, name: str, weights: str | None, network: str) -> None:
        if weights is None:
            raise LicError(
                f"metric={name} needs torchvision's {FILES[network]}, and nothing is downloaded: "
                f"set protocol.metrics.{name}.of.weights=FILE."
            )
        self.path, self.network = Path(weights).expanduser(), network
        self.arguments: dict[str, Any] = {"network": network, "weights": FILES[network]}
        self._made: nn.Module | None = None
        check(self.path, FILES[network])

    def make(self, state: dict[str, Tensor]) -> nn.Module:
        """What `distance` calls, from the backbone's weights as torchvision names them."""
        raise NotImplementedError

    def distance(self, made: nn.Module, x_hat: Tensor, x: Tensor) -> Tensor:
        """One number; pictures as of `__call__`."""
        raise NotImplementedError

    def __call__(self, x_hat: Tensor, x: Tensor) -> float | None:
        """x_hat, x (1, 3, H, W) in 0 to 1; None for pictures with a side below 32 pixels."""
        if min(x.shape[-2:]) < LEAST_SIDE:
            return None
        if self._made is None:
            self._made = self.make(torch.load(self.path, map_location="cpu", weights_only=True))
        return float(self.distance(self._made, x_hat, x))

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_made": None}


class LPIPS(Perceptual):
    """Args: weights; network: alex, as the authors report it, vgg or squeeze."""

    def __init__(self, weights: str | None = None, network: str = "alex") -> None:
        if network not in FILES:
            raise LicError(f"the network of LPIPS is {', '.join(FILES)}, not {network!r}.")
        super().__init__("lpips", weights, network)

    def make(self, state: dict[str, Tensor]) -> nn.Module:
        return made(self.network, state)

    def distance(self, made: nn.Module, x_hat: Tensor, x: Tensor) -> Tensor:
        return made(x_hat, x, normalize=True)


class DISTS(Perceptual):
    """Structure and texture similarity of VGG16's features.

    Args:
        weights: torchvision's vgg16-397923af.pth.
        resize: first reduce pictures to 256 pixels at the shorter side, as the authors' program does with files.
    """

    def __init__(self, weights: str | None = None, resize: bool = True) -> None:
        super().__init__("dists", weights, "vgg")
        self.resize = resize
        self.arguments["resize"] = resize

    def make(self, state: dict[str, Tensor]) -> nn.Module:
        return made_dists(state)

    def distance(self, made: nn.Module, x_hat: Tensor, x: Tensor) -> Tensor:
        if self.resize and min(x.shape[-2:]) > REDUCED_SIDE:
            x_hat, x = (resize(picture, [REDUCED_SIDE], antialias=True) for picture in (x_hat, x))
        return made(x_hat, x)


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


def made_dists(state: dict[str, Tensor]) -> nn.Module:
    """torchmetrics' DISTS with VGG16's weights `state`, as torchvision names them."""
    try:
        from torchmetrics.functional.image import dists
    except ImportError as error:
        raise LicError(
            "metric=dists needs a torchmetrics that has DISTS: pip install --upgrade torchmetrics."
        ) from error
    features = make_layers(cfgs["D"], batch_norm=False)
    features.load_state_dict({name: state[f"features.{name}"] for name in features.state_dict()})
    with patch.object(dists, "vgg16", lambda **_: SimpleNamespace(features=features)):  # it would download the weights
        return dists.DISTSNetwork().eval().requires_grad_(False)
