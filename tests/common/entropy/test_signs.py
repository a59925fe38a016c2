"""Signs as latents, and signs that follow each other, by hand."""

import numpy as np
import pytest
import torch

from common.entropy.signs import Signs


def test_the_probability_of_a_sign_by_hand() -> None:
    """p(+a) / p(-a) = exp(b₁ - b₀ + 2 a μ / σ²)."""
    codebook = Signs(1).eval()
    with torch.no_grad():
        codebook.magnitude.fill_(1.5)
        codebook.histogram.copy_(torch.tensor([[0.2, 0.5]]))
    scales, means = torch.full((1, 1, 1, 1), 2.0), torch.full((1, 1, 1, 1), 0.7)
    odds = np.exp(0.3 + 2 * 1.5 * 0.7 / 4)
    for y, p in ((1.0, odds / (1 + odds)), (-0.1, 1 / (1 + odds))):
        y_hat, likelihood = codebook(torch.full((1, 1, 1, 1), y), scales, means)
        assert y_hat.item() == (1.5 if y > 0 else -1.5) and likelihood.item() == pytest.approx(p, rel=1e-3)


def test_signs_are_signs_whatever_their_magnitude() -> None:
    torch.manual_seed(0)
    codebook, y = Signs(6).eval(), 3 * torch.randn(2, 6, 9, 11)
    codebook.start_from(y, True)
    with torch.no_grad():
        codebook.magnitude[0] = -1.0  # as training might leave it
    y_hat, _ = codebook(y, torch.full_like(y, 2.0))
    assert torch.equal(y_hat.sign(), y.sign()) and torch.equal(y_hat[0].abs().amax((1, 2)), codebook.magnitude.abs())


def followers() -> Signs:
    """Three signs of one coefficient, of 4, 2 and 1."""
    signs = Signs(3).eval()
    with torch.no_grad():
        signs.magnitude.copy_(torch.tensor([4.0, 2.0, 1.0]))
    signs.followed.copy_(torch.tensor([0, 0, 1]))
    signs.place.copy_(torch.tensor([0, 1, 2]))
    return signs


@pytest.mark.parametrize(
    ("u", "told"), [(5.0, [4, 2, -1]), (-2.0, [-4, 2, 1]), (-9.0, [-4, -2, -1]), (0.5, [4, -2, -1])]
)
def test_signs_that_follow_tell_what_is_left(u: float, told: list[float]) -> None:
    y = torch.zeros(1, 3, 1, 1)
    y[0, 0] = u
    assert followers()(y)[0].flatten().tolist() == told
    y[0, 2] = 100  # what a channel has of its own is added to what is left
    assert followers()(y)[0].flatten().tolist() == [*told[:2], 1]


def test_signs_that_follow_learn_from_what_they_are_told() -> None:
    """The last sign has a gradient of the first channel, and drawn signs are followed as those that were drawn."""
    torch.manual_seed(0)
    y = torch.zeros(1, 3, 64, 64)
    y[:, 0] = torch.linspace(-6, 6, 64)
    y.requires_grad_()
    signs = followers().train()
    y_hat, _ = signs(y)
    y_hat[:, 2].sum().backward()
    assert y.grad is not None and (y.grad.abs().amax((0, 2, 3)) > 0).all()
    alone, _ = Signs(3).train()(y)
    left = {k: (y_hat[:, :k].sum(1) - y[:, 0]).square().mean().item() for k in (1, 2, 3)}
    assert left[3] < left[2] < left[1] and alone.shape == y_hat.shape


def test_signs_go_to_the_coefficients_of_which_they_tell_most() -> None:
    """Mean |y| are 2 and 1.1, and when a sign of 2 is told, 1 is left of the first."""
    y = torch.tensor([[-3.0, -1, 1, 3], [1.1, -1.1, 1.1, 1.1]]).reshape(1, 2, 2, 2)
    signs = Signs(3).eval()
    assert signs.follow_strongest(y).tolist() == [0, 1, 0]
    assert (signs.followed.tolist(), signs.place.tolist()) == ([0, 1, 0], [0, 0, 1])
    assert signs.magnitude.tolist() == pytest.approx([2, 1.1, 1])
    y_hat, _ = signs(torch.cat([y, torch.zeros(1, 1, 2, 2)], 1))
    assert torch.allclose(y_hat[:, 0] + y_hat[:, 2], y[:, 0]) and torch.allclose(y_hat[:, 1], y[:, 1])
    with pytest.raises(ValueError, match="more than 8"):
        Signs(17).follow_strongest(y)


def test_weights_from_before_signs_followed_each_other_are_read() -> None:
    signs, y = Signs(4).eval(), torch.randn(1, 4, 2, 2)
    before = {name: value for name, value in signs.state_dict().items() if name not in ("followed", "place")}
    again = Signs(4).eval()
    again.load_state_dict(before)
    assert torch.equal(again.numbers(y), signs.numbers(y))
