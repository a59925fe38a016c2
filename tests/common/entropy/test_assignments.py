"""What stands for the choice of a centre in training: each against its definition."""

import math

import pytest
import torch

from common.entropy.assignments import Assignment, SoftToHard, StochasticSign, squared_distances
from common.errors import LicError

SIGNS = torch.tensor([[[-2.0], [2.0]]])  # one group, a = 2


def test_distances_by_hand() -> None:
    y, centres = torch.tensor([1.0, 2.0]).reshape(1, 1, 1, 1, 2), torch.tensor([[[1.0, 2.0], [4.0, -2.0]]])
    assert squared_distances(y, centres).flatten().tolist() == [0.0, 25.0]


def test_a_sign_is_drawn_with_the_probability_of_tanh() -> None:
    torch.manual_seed(0)
    y = torch.full((1, 1, 100, 200, 1), 0.6)
    weights = StochasticSign()(y, SIGNS, torch.ones(1))
    assert set(weights.unique().tolist()) == {0.0, 1.0} and torch.equal(weights.sum(-1), torch.ones(1, 1, 100, 200))
    assert weights[..., 1].mean() == pytest.approx((1 + math.tanh(0.3)) / 2, abs=0.01)


@pytest.mark.parametrize("a", [2.0, 1e-9, -1e-9, -2.0])
def test_a_sure_sign_is_that_of_y_whatever_the_sign_of_its_centre(a: float) -> None:
    y, centres = torch.tensor([-80.0, 80.0]), torch.tensor([[[-a], [a]]])
    weights = StochasticSign()(y.reshape(1, 1, 1, 2, 1), centres, torch.ones(1))
    assert torch.equal((weights @ centres[0, :, 0]).flatten().sign(), y.sign())


def test_the_gradient_of_a_sign_is_that_of_tanh() -> None:
    y = torch.tensor([-1.0, 0.0, 3.0], requires_grad=True)
    seen = StochasticSign()(y.reshape(1, 1, 1, 3, 1), SIGNS, torch.ones(1)) @ SIGNS[0, :, 0]
    (slope,) = torch.autograd.grad(seen.sum(), y)
    assert torch.allclose(slope, 1 - torch.tanh(y.detach() / 2) ** 2)


def test_soft_to_hard_goes_from_soft_to_hard() -> None:
    soft = SoftToHard((0.5, 200.0))
    y, centres = torch.tensor([0.2]).reshape(1, 1, 1, 1, 1), torch.tensor([[[0.0], [1.0]]])
    spread = torch.tensor([0.25])
    first = soft(y, centres, spread).flatten()
    by_hand = torch.tensor([math.exp(-0.5 * 0.04 / 0.25), math.exp(-0.5 * 0.64 / 0.25)])
    assert torch.allclose(first, by_hand / by_hand.sum())
    soft.at(0.5)
    assert soft.sharpness == pytest.approx(10.0)
    soft.at(1.0)
    assert soft(y, centres, spread).flatten()[0] > 0.999


@pytest.mark.parametrize("sharpness", [(0.0, 1.0), (1.0, math.inf), (1.0,)])
def test_a_sharpness_that_is_none_is_refused(sharpness: tuple[float, ...]) -> None:
    with pytest.raises(LicError, match="two numbers above 0"):
        SoftToHard(sharpness)  # type: ignore[arg-type]


@pytest.mark.parametrize("kind", [StochasticSign, SoftToHard])
def test_gradients_reach_the_latent(kind: type[Assignment]) -> None:
    torch.manual_seed(0)
    y = torch.randn(2, 1, 3, 4, 1, requires_grad=True)
    weights = kind()(y, SIGNS, torch.ones(1))
    (slope,) = torch.autograd.grad((weights @ SIGNS[0, :, 0]).sum(), y)
    assert slope.isfinite().all() and (slope > 0).all()
