"""Codebooks: what is written is what evaluation measures, under the probabilities that are said."""

import numpy as np
import pytest
import torch
from torch import Tensor

from common.entropy import exact
from common.entropy.assignments import SoftToHard, StochasticSign
from common.entropy.codebook import Codebook
from common.entropy.models import EntropyBottleneck, quantise_by
from common.entropy.quantisers import Noise
from common.entropy.signs import Signs
from common.errors import LicError, StreamError

KINDS = {
    "signs": lambda: Signs(6),
    "scalars": lambda: Codebook(6, points=7, size=1),
    "pairs": lambda: Codebook(6, points=5, size=2),
    "triples": lambda: Codebook(6, points=3, size=3),
}


def made(kind: str, told: bool = True) -> tuple[Codebook, Tensor, Tensor, Tensor]:
    """A codebook with weights as after some training, a latent, and Gaussians of it."""
    torch.manual_seed(0)
    codebook, y = KINDS[kind](), 3 * torch.randn(2, 6, 9, 11)
    codebook.start_from(y, told)
    with torch.no_grad():
        for parameter in codebook.parameters():
            parameter += 0.3 * torch.randn_like(parameter)
    return codebook.eval(), y, 0.2 + 3 * torch.rand_like(y), torch.randn_like(y)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("given", ["nothing", "scales", "means"])
def test_what_is_decoded_is_what_evaluation_measures(kind: str, given: str) -> None:
    codebook, y, scales, means = made(kind, given != "nothing")
    told = {"nothing": (), "scales": (scales,), "means": (scales, means)}[given]
    y_hat, likelihoods = codebook(y, *told)
    strings = codebook.compress(y, *told)
    assert torch.equal(codebook.decompress(strings, y.shape[2:], *told), y_hat)
    bits = -likelihoods.double().log2().sum().item()
    assert 8 * sum(map(len, strings)) == pytest.approx(bits, rel=0.002, abs=2 * 64)


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
    codebook, y, scales, _ = made("signs")
    with torch.no_grad():
        codebook.magnitude[0] = -1.0  # as training might leave it
    y_hat, _ = codebook(y, scales)
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


def test_vectors_are_their_nearest_centre() -> None:
    codebook, y, _, _ = made("pairs")
    y_hat, _ = codebook(y)
    vectors, found = (codebook.vectors(p)[1, 2, 3, 4] for p in (y, y_hat))
    distances = (codebook.centres[2] - vectors).norm(dim=1)
    assert torch.equal(found, codebook.centres[2, distances.argmin()])
    assert torch.equal(codebook.latents(codebook.vectors(y)), y)


def test_probabilities_do_not_depend_on_how_sums_are_added() -> None:
    codebook, y, scales, means = made("triples")
    strings = codebook.compress(y, scales, means)
    with exact.shuffled_sums():
        assert codebook.compress(y, scales, means) == strings
    single = [codebook.compress(y[i : i + 1], scales[i : i + 1], means[i : i + 1])[0] for i in range(2)]
    assert single == strings, "nor on what is coded beside"


def test_hard_training_is_evaluation() -> None:
    codebook, y, scales, means = made("pairs")
    y_hat, likelihoods = codebook(y, scales, means)
    codebook.train().quantiser = SoftToHard((1e6, 1e6))
    seen, rated = codebook(y, scales, means)
    assert torch.allclose(seen, y_hat, atol=1e-4) and torch.allclose(rated, likelihoods, rtol=0.01, atol=2e-3)


@pytest.mark.parametrize("kind", KINDS)
def test_training_moves_centres_histogram_and_what_is_told(kind: str) -> None:
    codebook, y, scales, means = made(kind)
    told = [p.requires_grad_() for p in (y, scales, means)]
    seen, likelihoods = codebook.train()(*told)
    loss = (seen - 1).square().mean() - likelihoods.log2().mean()
    slopes = torch.autograd.grad(loss, [*told, *codebook.parameters()])
    assert all(slope.isfinite().all() and slope.any() for slope in slopes)


def test_starts_at_rounding_and_in_larger_steps_where_the_grid_ends() -> None:
    torch.manual_seed(0)
    y = torch.randn(8, 2, 64, 64) * torch.tensor([1.0, 100.0]).reshape(2, 1, 1)
    codebook = Codebook(2, points=16, size=1).eval()
    codebook.start_from(y)
    assert torch.equal(codebook.centres[0, :, 0], torch.arange(-8.0, 8.0))
    assert codebook.centres[1].diff(dim=0).mean().item() == pytest.approx(600 / 16, rel=0.02)
    assert torch.equal(codebook(y)[0][:, 0], y[:, 0].round())
    assert codebook.spread[0].item() == pytest.approx(1 / 12, rel=0.02)


def test_damaged_strings_raise_nothing_else() -> None:
    codebook, y, scales, means = made("pairs")
    (string, _), rng, refused = codebook.compress(y, scales, means), np.random.default_rng(0), 0
    for _ in range(100):
        damaged = bytearray(string)
        damaged[rng.integers(len(damaged))] ^= 1 << rng.integers(8)
        try:
            codebook.decompress([bytes(damaged)], y.shape[2:], scales[:1], means[:1])
        except StreamError:
            refused += 1
    assert refused > 95
    with pytest.raises(StreamError, match="claims more than"):
        made("scalars", told=False)[0].decompress([string], (1 << 12, 1 << 12))


def test_what_cannot_be_coded_is_refused() -> None:
    codebook, y, scales, _ = made("pairs")
    for bad in (y * torch.inf, y * torch.nan):
        with pytest.raises(LicError, match="training diverged"):
            codebook.compress(bad, scales)
    with pytest.raises(LicError, match="not finite"):
        codebook.compress(y, scales * torch.nan)
    for wrong in ({"M": 5, "size": 2}, {"M": 4, "points": 300, "size": 2}, {"M": 4, "points": 1, "size": 1}):
        with pytest.raises(LicError, match=r"model.codec.M|a codebook has"):
            Codebook(**wrong)


def test_quantisers_go_where_they_belong() -> None:
    models, noise, drawn = torch.nn.ModuleList([EntropyBottleneck(2), Signs(2)]), Noise(), StochasticSign()
    quantise_by(models, noise)
    quantise_by(models, drawn)
    assert models[0].quantiser is noise and models[1].quantiser is drawn
    with pytest.raises(LicError, match="codecs that take a codebook"):
        quantise_by(models[0], drawn)
