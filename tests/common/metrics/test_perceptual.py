"""LPIPS from a file: its name is checked, and the backbone's weights arrive where they belong."""

import hashlib
from pathlib import Path
from unittest.mock import patch

import pytest
import torch
import torchvision
from torch import Tensor

from common.errors import LicError
from common.metrics import perceptual
from common.metrics.perceptual import LPIPS, made

BACKBONES = {"alex": "alexnet", "vgg": "vgg16", "squeeze": "squeezenet1_1"}


def pair() -> tuple[Tensor, Tensor]:
    torch.manual_seed(0)
    x = torch.rand(1, 3, 64, 64)
    return (x + 0.1 * torch.randn_like(x)).clamp(0, 1), x


@pytest.mark.parametrize("network", ["alex", "squeeze"])
def test_by_the_equation(network: str) -> None:
    """Σ over layers of the mean over positions of w · (difference of unit-length features)²."""
    torch.manual_seed(1)
    theirs = torchvision.models.get_model(BACKBONES[network], weights=None).eval()
    found = made(network, theirs.state_dict())
    x_hat, x = pair()
    shift, scale = torch.tensor([-0.030, -0.088, -0.188]), torch.tensor([0.458, 0.448, 0.450])
    ends = {"alex": (1, 4, 7, 9, 11), "squeeze": (1, 4, 7, 9, 10, 11, 12)}[network]
    total = 0.0
    with torch.no_grad():
        features = []
        for picture in (x_hat, x):
            h = (2 * picture - 1 - shift[:, None, None]) / scale[:, None, None]
            kept = []
            for number, layer in enumerate(theirs.features):
                h = layer(h)
                if number in ends:
                    kept.append(h / h.norm(dim=1, keepdim=True).clamp_min(1e-10))
            features.append(kept)
        for a, b, head in zip(*features, found.lins):
            total += head.model[-1]((a - b).square()).mean((2, 3)).item()
    assert float(found(x_hat, x, normalize=True)) == pytest.approx(total, rel=1e-3)
    assert float(found(x, x, normalize=True)) == 0


def test_a_file_of_that_name_only(tmp_path: Path) -> None:
    file = tmp_path / "mine.pth"
    torch.save(torchvision.models.alexnet(weights=None).state_dict(), file)
    with pytest.raises(LicError, match=r"is not torchvision's alexnet-owt-7be5be79\.pth"):
        LPIPS(str(file))
    digits = hashlib.sha256(file.read_bytes()).hexdigest()[:8]
    with patch.dict(perceptual.FILES, {"alex": f"alexnet-owt-{digits}.pth"}):
        metric = LPIPS(str(file))
    x_hat, x = pair()
    assert metric(x_hat, x) > metric(x, x) == 0  # type: ignore[operator]
    assert metric(x[..., :31], x[..., :31]) is None
    for wrong, said in (({"weights": None}, "needs torchvision's"), ({"network": "resnet"}, "alex, vgg, squeeze")):
        with pytest.raises(LicError, match=said):
            LPIPS(**wrong)  # type: ignore[arg-type]
    with pytest.raises(LicError, match="there is no"):
        LPIPS(str(tmp_path / "no.pth"))
