"""Codebooks: what is written is what evaluation measures, under the probabilities that are said."""

import numpy as np
import pytest
import torch
from torch import Tensor

from common.entropy import exact
from common.entropy.assignments import SoftToHard, StochasticSign
from common.entropy.bits import BitModel
from common.entropy.codebook import Codebook
from common.entropy.models import EntropyBottleneck, quantise_by
from common.entropy.quantisers import Noise
from common.entropy.signs import Signs
from common.entropy.trit_planes import TritPlanes
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
    for rounds_nothing in (BitModel(), TritPlanes(), torch.nn.Conv2d(3, 3, 1)):
        with pytest.raises(LicError, match="rounds no latent"):
            quantise_by(rounds_nothing, noise)
