"""LPIPS and DISTS from a file: its name is checked, and the backbone's weights arrive where they belong."""

import hashlib
from collections.abc import Iterator
from pathlib import Path
from unittest.mock import patch

import pytest
import torch
import torchmetrics
import torchvision
from torch import Tensor, nn
from torch.nn import functional as F
from torchvision.models.vgg import cfgs, make_layers

from common.errors import LicError
from common.metrics import perceptual
from common.metrics.perceptual import DISTS, LPIPS, made

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


@pytest.fixture
def vgg(tmp_path: Path) -> Iterator[tuple[nn.Sequential, str]]:
    """VGG16's features with weights by chance, and a file of them that passes for torchvision's."""
    torch.manual_seed(2)
    features, file = make_layers(cfgs["D"], batch_norm=False).eval(), tmp_path / "vgg.pth"
    torch.save({f"features.{name}": value for name, value in features.state_dict().items()}, file)
    digits = hashlib.sha256(file.read_bytes()).hexdigest()[:8]
    with patch.dict(perceptual.FILES, {"vgg": f"vgg16-{digits}.pth"}):
        yield features, str(file)


def dists_by_the_equations(features: nn.Sequential, x_hat: Tensor, x: Tensor) -> float:
    """1 - Σ over features of α·l + β·s (equations 3 to 7 of the paper), l of means and s of variances."""
    package = Path(torchmetrics.__file__).parent
    weights = torch.load(package / "functional/image/dists_models/weights.pt", weights_only=True)
    window = torch.tensor([0.5, 1.0, 0.5])  # Hanning's, in place of the maximum: an L2 pooling
    window = window[:, None] * window / 4

    mean, deviation = torch.tensor([[0.485, 0.456, 0.406], [0.229, 0.224, 0.225]])[..., None, None]

    def kept(picture: Tensor) -> list[Tensor]:
        h = (picture - mean) / deviation
        found = [picture]
        for number, layer in enumerate(features[:30]):
            if isinstance(layer, nn.MaxPool2d):
                filters = window.expand(h.shape[1], 1, 3, 3)
                h = (F.conv2d(h.square(), filters, stride=2, padding=1, groups=h.shape[1]) + 1e-12).sqrt()
            else:
                h = layer(h.clone())
            if number in (3, 8, 15, 22, 29):
                found.append(h)
        return [f.double().flatten(2) for f in found]

    with torch.no_grad():
        a, b = kept(x_hat), kept(x)
    of_a, of_b = (torch.cat([f.mean(2) for f in features], 1) for features in (a, b))
    pairs = ((a, a), (b, b), (a, b))
    squares = [torch.cat([(f * g).mean(2) for f, g in zip(p, q)], 1) for p, q in pairs]
    variance_a, variance_b, covariance = squares[0] - of_a**2, squares[1] - of_b**2, squares[2] - of_a * of_b
    light = (2 * of_a * of_b + 1e-6) / (of_a**2 + of_b**2 + 1e-6)
    structure = (2 * covariance + 1e-6) / (variance_a + variance_b + 1e-6)
    alpha, beta = (weights[name].double().flatten() for name in ("alpha", "beta"))
    return float(1 - ((alpha * light + beta * structure).sum() / (alpha.sum() + beta.sum())))


def test_dists_by_the_equations(vgg: tuple[nn.Sequential, str]) -> None:
    features, file = vgg
    x_hat, x = pair()
    with patch("torch.hub.load_state_dict_from_url", side_effect=AssertionError("nothing is downloaded")):
        metric = DISTS(file)
        found = metric(x_hat, x)
    assert found == pytest.approx(dists_by_the_equations(features, x_hat, x), rel=1e-3) and found > 1e-3
    assert metric(x, x) == pytest.approx(0, abs=1e-5)
    assert metric(x[..., :31], x[..., :31]) is None and metric.arguments["resize"] is True


def test_dists_of_large_pictures_is_of_reduced_ones(vgg: tuple[nn.Sequential, str]) -> None:
    torch.manual_seed(0)
    small = torch.rand(1, 3, 256, 260)
    noisy = (small + 0.2 * torch.randn_like(small)).clamp(0, 1)
    x_hat, x = (F.interpolate(picture, scale_factor=2, mode="nearest") for picture in (noisy, small))
    reduced, whole = DISTS(vgg[1]), DISTS(vgg[1], resize=False)
    assert reduced(noisy, small) == whole(noisy, small)  # 256 pixels are not too many
    again = [F.interpolate(p, size=(256, 260), mode="bilinear", antialias=True) for p in (x_hat, x)]
    assert reduced(x_hat, x) == pytest.approx(whole(*again)) != whole(x_hat, x)


def test_dists_has_no_other_weights(tmp_path: Path) -> None:
    file = tmp_path / "mine.pth"
    torch.save({"features.0.weight": torch.zeros(1)}, file)
    with pytest.raises(LicError, match=r"is not torchvision's vgg16-397923af\.pth"):
        DISTS(str(file))
    with pytest.raises(LicError, match=r"protocol\.metrics\.dists\.of\.weights=FILE"):
        DISTS()
