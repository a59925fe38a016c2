"""What stands for rounding in training: each against its definition, and the same for every codec in evaluation."""

import math

import pytest
import torch
from torch import Tensor

from common.entropy.models import EntropyBottleneck, GaussianConditional, GaussianMixtureConditional, quantise_by
from common.entropy.quantisers import (
    ErrorCompensation,
    Mixed,
    Noise,
    Quantiser,
    SoftRounding,
    Stochastic,
    StraightThrough,
)
from common.errors import LicError

ALL = [Noise, StraightThrough, Mixed, Stochastic, SoftRounding, ErrorCompensation]


def latent(n: int = 2000) -> tuple[Tensor, Tensor]:
    random = torch.Generator().manual_seed(0)
    return 3 * torch.randn(2, n, generator=random), torch.randn(2, n, generator=random)


@pytest.mark.parametrize("offset", [False, True])
def test_against_their_definitions(offset: bool) -> None:
    torch.manual_seed(1)
    y, mu = latent()
    means = mu if offset else None
    around = mu if offset else torch.zeros(())
    rated, seen = Noise()(y, means)
    assert rated is seen and (rated - y).abs().max() <= 0.5 and (rated - y).std() == pytest.approx(12**-0.5, rel=0.05)
    whole = (y - around).round() + around
    rated, seen = StraightThrough()(y, means)
    assert rated is seen and torch.allclose(seen, whole, atol=1e-6)
    rated, seen = Mixed()(y, means)
    assert torch.allclose(seen, whole, atol=1e-6) and 0.1 < (rated - y).abs().mean() < 0.4
    rated, seen = Stochastic()(y, means)
    steps = seen - around
    assert rated is seen and (steps - steps.round()).abs().max() < 1e-5 and (seen - y).abs().max() < 1 + 1e-5


def test_stochastic_rounding_expects_the_latent() -> None:
    torch.manual_seed(0)
    y = torch.full((1, 20000), 0.3)
    drawn = Stochastic()(y)[1]
    assert set(drawn.unique().tolist()) == {0.0, 1.0} and drawn.mean() == pytest.approx(0.3, abs=0.02)


def test_soft_rounding_goes_from_the_identity_to_rounding() -> None:
    y = torch.linspace(-2.4, 2.4, 97)
    soft = SoftRounding((1e-3, 200.0))
    assert torch.allclose(soft.soft(y), y, atol=1e-4)
    soft.at(1.0)
    assert soft.alpha == 200.0
    away = (y - y.floor() - 0.5).abs() > 0.1
    assert torch.allclose(soft.soft(y)[away], y.round()[away], atol=1e-4)
    soft.at(0.02)
    assert soft.alpha == pytest.approx(4.0, rel=1e-3)
    assert torch.allclose(soft.inverse(soft.soft(y)), y, atol=1e-3)


def test_the_slope_of_soft_rounding_has_a_bound() -> None:
    """That of what is seen is s'(y), at most α / (2 tanh(α / 2)); the inverse by itself has slopes of thousands."""
    torch.manual_seed(0)
    y, soft = latent()[0].requires_grad_(), SoftRounding((8.0, 8.0))
    (slope,) = torch.autograd.grad(soft(y)[1].sum(), y)
    (expected,) = torch.autograd.grad(soft.soft(y).sum(), y)
    assert torch.allclose(slope, expected) and slope.max() <= 4 / math.tanh(4) + 1e-4


def test_soft_rounding_shows_what_y_is_expected_to_be() -> None:
    """Among all y that give nearly the same s(y) + u, the mean is what is seen (Agustsson & Theis 2020, 4.1)."""
    torch.manual_seed(0)
    soft = SoftRounding((5.0, 5.0))
    y = torch.rand(1, 400_000) * 6 - 3
    rated, seen = soft(y)
    here = (rated > 0.7) & (rated < 0.72)
    assert here.sum() > 500
    assert seen[here].mean() == pytest.approx(y[here].mean().item(), abs=0.02)


def test_compensation_is_the_fourier_series_of_what_rounding_leaves() -> None:
    y = torch.linspace(-2.45, 2.45, 491, dtype=torch.float64)
    away = (y - y.floor() - 0.5).abs() > 0.05
    many = ErrorCompensation(2000)
    assert torch.allclose((y + many.series(y))[away], y.round()[away], atol=2e-3)
    five = ErrorCompensation(5).series(y)
    printed = sum((-1) ** k * torch.sin(2 * math.pi * k * y) / (math.pi * k) for k in range(1, 6))
    assert torch.allclose(five, printed)
    assert torch.equal((y + five).round(), y.round()), "so that evaluation, which rounds, needs no compensation"
    assert ErrorCompensation(5).series(y.round()).abs().max() < 1e-12


@pytest.mark.parametrize("offset", [False, True])
def test_compensation_and_its_inverse(offset: bool) -> None:
    torch.manual_seed(0)
    y, means = latent()
    around = means if offset else torch.zeros(())
    qecm = ErrorCompensation()
    rated, seen = qecm(y, means if offset else None)
    noise = rated - around - (y - around + qecm.series(y - around))
    assert noise.abs().max() <= 0.5 + 1e-5 and noise.std() == pytest.approx(12**-0.5, rel=0.05)
    assert torch.allclose(seen - around, rated - around - qecm.series(rated - around), atol=1e-5)


def test_gradients_of_compensation() -> None:
    y = torch.tensor([[0.0, 0.25, 0.5]], requires_grad=True)
    (through,) = torch.autograd.grad(ErrorCompensation()(y)[1].sum(), y)
    assert torch.equal(through, torch.ones(1, 3))
    (raw,) = torch.autograd.grad(ErrorCompensation(gradient="series")(y)[0].sum(), y)
    assert torch.allclose(raw[0, [0, 2]], torch.tensor([-1.0, 11.0]), atol=1e-4)
    for wrong in ({"harmonics": 0}, {"gradient": "raw"}):
        with pytest.raises(LicError, match="of qecm"):
            ErrorCompensation(**wrong)  # type: ignore[arg-type]


@pytest.mark.parametrize("kind", ALL)
def test_gradients_reach_the_latent(kind: type[Quantiser]) -> None:
    torch.manual_seed(0)
    y, means = latent(50)
    y.requires_grad_()
    rated, seen = kind()(y, means)
    for told in (rated, seen):
        (gradient,) = torch.autograd.grad(told.sum(), y, retain_graph=True)
        assert gradient.isfinite().all() and gradient.mean() > 0.3


@pytest.mark.parametrize("kind", ALL)
def test_evaluation_rounds_whatever_training_does(kind: type[Quantiser]) -> None:
    torch.manual_seed(0)
    y, scales = 3 * torch.randn(2, 4, 5, 6), torch.ones(2, 4, 5, 6)
    models = torch.nn.ModuleList([EntropyBottleneck(4), GaussianConditional(), GaussianMixtureConditional(2)])
    before = [m.eval()(y, *given) for m, given in zip(models, given_of(scales))]
    quantise_by(models, kind())
    for model, given, (y_hat, likelihoods) in zip(models, given_of(scales), before):
        again = model(y, *given)
        assert torch.equal(again[0], y_hat) and torch.equal(again[1], likelihoods)
        model.train()
        seen, rated = model(y, *given)
        assert seen.shape == y.shape and ((rated > 0) & (rated <= 1 + 1e-6)).all()
        assert torch.allclose(seen, y_hat, atol=1e-5) == (kind in (StraightThrough, Mixed))


def given_of(scales: Tensor) -> list[tuple[Tensor, ...]]:
    means = torch.full_like(scales, 0.3)
    two = scales.repeat(1, 2, 1, 1)
    return [(), (scales, means), (two, means.repeat(1, 2, 1, 1), two / 2)]


@pytest.mark.parametrize("alpha", [(0.0, 1.0), (1.0, math.inf), (1.0,)])
def test_a_steepness_that_is_none_is_refused(alpha: tuple[float, ...]) -> None:
    with pytest.raises(LicError, match="two numbers above 0"):
        SoftRounding(alpha)  # type: ignore[arg-type]
