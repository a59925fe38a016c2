"""Starts by name: the Karhunen-Loève transform against its definition, and in the codecs."""

from typing import Any

import pytest
import torch
from compressai.models.utils import conv, deconv
from support import textured
from torch import nn

from common.errors import LicError
from common.layers.classical_start import klt, principal, start_as
from common.layers.pyramid_start import haar
from lic_image.codecs.factorized import Factorized
from lic_image.codecs.hyperprior import Hyperprior
from lic_image.codecs.tinylic import TinyLIC


def pictures(side: int = 64, count: int = 3) -> torch.Tensor:
    crops = [torch.from_numpy(textured(side, side, seed)).permute(2, 0, 1).float() / 255 for seed in range(count)]
    return torch.stack(crops)


def test_principal_rows_are_orthonormal_and_decorrelate() -> None:
    torch.manual_seed(0)
    samples = torch.randn(5, 5) @ torch.randn(5, 4000)
    rows = principal(samples, 5)
    assert torch.allclose(rows @ rows.T, torch.eye(5, dtype=torch.float64), atol=1e-10)
    u = rows @ samples.double()
    moments = u @ u.T / 4000
    assert torch.allclose(moments, moments.diag().diag(), atol=1e-8 * moments.max().item())
    assert (moments.diag().diff() <= 0).all() and torch.equal(principal(samples, 2), rows[:2])
    assert (rows.gather(1, rows.abs().argmax(1, keepdim=True)) > 0).all()


def test_with_all_coefficients_the_transforms_are_inverse() -> None:
    g_a = nn.Sequential(conv(3, 12), conv(12, 48), conv(48, 192))
    g_s = nn.Sequential(deconv(192, 48), deconv(48, 12), deconv(12, 3))
    x = pictures()
    start_as("klt", g_a, g_s, x, 0.05)
    assert torch.allclose(g_s(g_a(x)), x, atol=1e-5)
    assert (g_a(x) * 0.05).square().sum().item() == pytest.approx((x - 0.5).square().sum().item(), rel=1e-4)


@pytest.mark.parametrize("count", [3, 8])
def test_no_other_basis_keeps_more_energy(count: int) -> None:
    x = pictures() - 0.5
    kept = {basis: basis(x, count)[1].square().sum().item() for basis in (klt, haar)}
    assert kept[klt] > kept[haar]
    patterns, held = klt(x, count)
    assert torch.allclose(held, torch.nn.functional.conv2d(x, patterns / 2, stride=2), atol=1e-5)


@pytest.mark.parametrize(
    "codec",
    [
        lambda start: Hyperprior(16, 24, start=start),
        lambda start: Factorized(16, 24, start=start),
        lambda start: TinyLIC((16, 32, 32, 32), (1, 1, 1, 1), 16, (8, 8), drop=0.0, start=start),
    ],
)
def test_codecs_start_nearer_to_the_picture_than_from_a_pyramid(codec: Any) -> None:
    x = pictures()
    errors = []
    for start in ("klt", "pyramid"):
        torch.manual_seed(0)
        each = codec(start)
        each.start_from(x, 0.013)
        with torch.no_grad():
            errors.append((each.eval()(x)["x_hat"] - x).square().mean().item())
    assert errors[0] < errors[1]
    with pytest.raises(LicError, match="random, pyramid, klt, not wavelet"):
        codec("wavelet")
