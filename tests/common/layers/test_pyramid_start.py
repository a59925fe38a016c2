"""The pyramid start: a Haar transform that keeps its strongest coefficients, and its transpose."""

import math
from typing import Any

import pytest
import torch
from compressai.models.utils import conv, deconv
from support import textured
from torch import nn

from common.errors import LicError
from common.layers.pyramid_start import optimal_step, start_as_pyramid
from common.layers.strided import analysis, synthesis
from lic_image.codecs.adjacent import Adjacent
from lic_image.codecs.factorized import Factorized
from lic_image.codecs.hyperprior import Hyperprior
from lic_image.codecs.tinylic import TinyLIC
from lic_image.layers.neighbourhood_stage import NeighbourhoodStage

STEP = optimal_step(0.013 * 255**2)


def pictures(side: int = 64, count: int = 3) -> torch.Tensor:
    crops = [torch.from_numpy(textured(side, side, seed)).permute(2, 0, 1).float() / 255 for seed in range(count)]
    return torch.stack(crops)


def test_without_gdn_and_with_all_coefficients_the_transforms_are_inverse() -> None:
    g_a = nn.Sequential(conv(3, 12), conv(12, 48), conv(48, 192))
    g_s = nn.Sequential(deconv(192, 48), deconv(48, 12), deconv(12, 3))
    x = pictures()
    start_as_pyramid(g_a, g_s, x, STEP)
    assert torch.allclose(g_s(g_a(x)), x, atol=1e-5)


def test_scales_are_those_of_an_orthonormal_transform_over_the_optimal_step() -> None:
    """An orthonormal transform keeps energy: Σ y² Δ² = Σ (x - 1/2)²."""
    g_a = nn.Sequential(conv(3, 12), conv(12, 48))
    g_s = nn.Sequential(deconv(48, 12), deconv(12, 3))
    x = pictures()
    start_as_pyramid(g_a, g_s, x, 0.05)
    assert (g_a(x) * 0.05).square().sum().item() == pytest.approx((x - 0.5).square().sum().item(), rel=1e-4)


def test_the_strongest_coefficients_are_kept() -> None:
    """Of 12 (4 for each colour) the 8 with the largest sum of squares: what is left out is below what is kept."""
    g_a, g_s = nn.Sequential(conv(3, 8)), nn.Sequential(deconv(8, 3))
    whole_a, whole_s = nn.Sequential(conv(3, 12)), nn.Sequential(deconv(12, 3))
    x = pictures()
    for transforms in ((g_a, g_s), (whole_a, whole_s)):
        start_as_pyramid(*transforms, x, STEP)
    kept, all_of_them = (transform(x).square().mean((0, 2, 3)) for transform in (g_a, whole_a))
    assert torch.allclose(kept, all_of_them[:8], rtol=1e-4)
    assert kept.min() >= all_of_them[8:].max()


def test_the_optimal_step_is_where_the_cost_is_least() -> None:
    def cost(step: float) -> float:
        return 850 * step**2 / 36 - math.log2(step)

    best = optimal_step(850)
    assert cost(best) < min(cost(0.99 * best), cost(1.01 * best))


def test_a_flow_of_two_channels_in_kernels_of_three_starts_at_itself() -> None:
    g_a = nn.Sequential(conv(2, 8, kernel_size=3), conv(8, 32, kernel_size=3))
    g_s = nn.Sequential(deconv(32, 8, kernel_size=3), deconv(8, 2, kernel_size=3))
    flow = pictures()[:, :2] - 0.5
    start_as_pyramid(g_a, g_s, flow, 0.1, centre=0.0)
    assert torch.allclose(g_s(g_a(flow)), flow, atol=1e-5)


@pytest.mark.parametrize("N, M", [(8, 12), (32, 48)])
def test_starts_from_a_picture_not_from_noise(N: int, M: int) -> None:
    x = pictures(128)
    g_a, g_s = analysis(N, M), synthesis(N, M)
    with torch.no_grad():
        deviations = start_as_pyramid(g_a, g_s, x, STEP)
        psnr = -10 * (g_s(g_a(x).round()) - x).square().mean().log10()
        assert torch.allclose(deviations, g_a(x).std((0, 2, 3)))
    assert psnr > 20


@pytest.mark.parametrize(
    "codec",
    [
        lambda start: Adjacent(16, 24, start=start),
        lambda start: Hyperprior(16, 24, start=start),
        lambda start: Factorized(16, 24, start=start),
        lambda start: TinyLIC((16, 32, 32, 32), (1, 1, 1, 1), 16, (8, 8), drop=0.0, start=start),
    ],
)
def test_codecs_start_where_they_are_told_to(codec: Any) -> None:
    x = pictures()
    random, pyramid = codec("random"), codec("pyramid")
    before = {name: p.clone() for name, p in random.named_parameters()}
    for each in (random, pyramid):
        each.start_from(x, 0.013)
    assert all(torch.equal(p, before[name]) for name, p in random.named_parameters())
    with torch.no_grad():
        errors = [(each.eval()(x)["x_hat"] - x).square().mean() for each in (random, pyramid)]
    assert errors[1] < 0.2 * errors[0]


def test_a_pyramid_goes_through_blocks_of_attention() -> None:
    """At the first step the transforms are those without attention: x_hat is what a codec of convolutions gives."""
    torch.manual_seed(0)
    attending = TinyLIC((16, 32, 32, 32), (1, 1, 1, 1), 16, (8, 8), drop=0.0, start="pyramid").eval()
    x = pictures()
    attending.start_from(x, 0.013)
    with torch.no_grad():
        y = attending.g_a(x)
        x_hat = attending.g_s(y)
    plain = [nn.Sequential(*(m for m in part if not isinstance(m, NeighbourhoodStage))) for part in
             (attending.g_a, attending.g_s)]  # fmt: skip
    for layer in (*plain[0], *plain[1]):
        layer.weight.data *= NeighbourhoodStage.GAIN
    plain[0][0].bias.data *= NeighbourhoodStage.GAIN
    with torch.no_grad():
        assert torch.allclose(plain[0](x), y, atol=1e-4 * y.abs().max().item())
        assert torch.allclose(plain[1](y), x_hat, atol=1e-4)
        deviations = torch.cat([p.parameters_of[-1].bias[: s.stop - s.start] for s, p in
                                zip(attending.context.slices, attending.context.predictors)])  # type: ignore[union-attr, index]  # fmt: skip
    assert torch.allclose(deviations, y.std((0, 2, 3)))
    with pytest.raises(LicError, match="start=random"):
        TinyLIC(inputs=24, start="pyramid")


def test_scales_start_at_the_latents_deviations() -> None:
    codec = Adjacent(16, 24, start="pyramid")
    assert codec.merge is not None
    codec.start_from(pictures(), 0.013)
    bias = codec.merge.layers[-1].bias
    with torch.no_grad():
        deviations = codec.g_a(pictures()).std((0, 2, 3))
    assert torch.allclose(bias[: 3 * 24].unflatten(0, (3, 24)), deviations.expand(3, 24), rtol=1e-4)
