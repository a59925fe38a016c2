"""Trits: their probabilities are a Gaussian's, their order is the decoder's, and together they are the number."""

import math
from itertools import pairwise

import numpy as np
import pytest
import torch
from compressai.models.base import get_scale_table
from scipy.stats import norm, truncnorm

from common.entropy.models import GaussianConditional
from common.entropy.trit_planes import BEYOND, TritLikelihoods, TritPlanes, TritReader, TritTeller, TritWriter, tree
from common.errors import LicError, StreamError

ONE = torch.ones(1, 1, 1)
WORTH = (100.0, 3.0, 0.4, 0.0)


def latent(count: int = 4000, least: float = 0.05, most: float = 60.0) -> tuple[torch.Tensor, ...]:
    """y, scales and means, (1, 1, 1, count)."""
    torch.manual_seed(0)
    scales = torch.exp(torch.empty(1, 1, 1, count).uniform_(math.log(least), math.log(most)))
    means = torch.randn_like(scales)
    return means + scales * torch.randn_like(scales), scales, means


@pytest.mark.parametrize("scale", [0.3, 1.0, 7.0])
def test_the_tree_by_hand(scale: float) -> None:
    told = tree((scale,))
    (planes,) = told.planes
    assert 3 ** (planes - 1) < 2 * 4.25 * scale <= 3**planes or planes == 1
    for k in range(planes):
        width = 3.0 ** (planes - k)
        for m in range((3**k + 1) // 2):
            node = told.first[0, k] + m
            ends = width * (m + np.array([-1 / 2, -1 / 6, 1 / 6, 1 / 2]))
            parts = np.diff(norm.cdf(ends, scale=scale))
            whole = 1.0 if k == 0 else parts.sum()
            assert told.pmf[node] == pytest.approx(parts / whole, rel=1e-6, abs=1e-12)
            assert told.tail[node] == pytest.approx(1 - parts.sum() if k == 0 else 0.0, abs=1e-12)
            mean = truncnorm.mean(ends[0] / scale, ends[-1] / scale, scale=scale)
            assert told.mean[node] == pytest.approx(mean, abs=1e-5 * scale)
            inner = [truncnorm.mean(a / scale, b / scale, scale=scale) for a, b in pairwise(ends)]
            share = parts / parts.sum()
            gained = sum(p * (c - mean) ** 2 for p, c in zip(share, inner))
            cost = -sum(p * math.log2(p) for p in share if p > 0)
            assert told.slope[node] == pytest.approx(gained / cost, rel=1e-3)


def test_all_trits_are_the_number_and_cost_what_it_costs() -> None:
    y, scales, means = latent()
    model = TritPlanes()
    told = TritLikelihoods(model, scales, means, y, ONE)
    told.refine(0.0)
    assert torch.equal(told.y_hat(), (y - means).round() + means)
    _, known = GaussianConditional().eval()(y, scales, means)
    assert -told.likelihoods.log2().sum().item() == pytest.approx(-known.log2().sum().item(), rel=0.005)


def test_more_trits_are_a_smaller_error() -> None:
    y, scales, means = latent()
    told = TritTeller(TritPlanes(), scales, means, y, ONE)
    errors = []
    for worth in (1e6, *WORTH):
        told.refine(worth)
        errors.append((told.y_hat() - y).square().mean().item())
    assert errors[0] > (y - means).square().mean().item() * 0.99, "nothing is known: the means"
    assert all(after < 0.7 * before for before, after in pairwise(errors[1:]))
    assert errors[-1] <= 1 / 12


def test_what_is_written_is_read_level_by_level() -> None:
    y, scales, means = latent()
    y[..., :3] = torch.tensor([1e6, -3e5, 2000.0])  # beyond the trits' reach
    model = TritPlanes()
    writer, reader = TritWriter(model, scales, means, y, ONE), TritReader(model, scales, means, ONE)
    measured = TritLikelihoods(model, scales, means, y, ONE)
    total = 0
    for worth in WORTH:
        stream = writer.level(worth)
        reader.level(worth, stream)
        measured.refine(worth)
        assert torch.equal(reader.y_hat(), writer.y_hat()) and torch.equal(measured.y_hat(), writer.y_hat())
        total += len(stream)
        bits = -measured.likelihoods.double().log2().sum().item()
        assert 8 * total == pytest.approx(bits, abs=8 * 8 * len(WORTH), rel=0.003)
    assert torch.equal(reader.y_hat(), (y - means).round() + means)


def test_gains_put_a_channel_first() -> None:
    model = TritPlanes()
    scales = torch.full((1, 2, 1, 1), 5.0)
    told = TritTeller(model, scales, torch.zeros_like(scales), torch.full_like(scales, 7.0), ONE.repeat(2, 1, 1))
    told.refine(1.0)
    assert told.known.trits.flatten().tolist() == [3, 3]
    weighed = TritTeller(
        model, scales, torch.zeros_like(scales), torch.full_like(scales, 7.0), torch.tensor([1.0, 9.0])[:, None, None]
    )
    weighed.refine(1.0)
    assert weighed.known.trits.flatten().tolist() == [3, 4]


def test_a_level_without_trits_is_a_short_stream() -> None:
    _, scales, means = latent(10, 0.05, 0.06)
    writer = TritWriter(TritPlanes(), scales, means, means.clone(), ONE)
    stream = writer.level(1000.0)
    assert len(stream) <= 8
    TritReader(TritPlanes(), scales, means, ONE).level(1000.0, stream)


def test_a_damaged_stream_is_told() -> None:
    y, scales, means = latent()
    model = TritPlanes()
    stream = TritWriter(model, scales, means, y, ONE).level(0.0)
    for damaged in (stream[:-4], stream + b"\0\0\0\0", b"", stream[:100] + b"\xff" * 8 + stream[108:]):
        with pytest.raises(StreamError):
            TritReader(model, scales, means, ONE).level(0.0, damaged)


def test_a_diverged_latent_is_refused() -> None:
    y, scales, means = latent()
    y[..., 0] = math.nan
    with pytest.raises(LicError, match="diverged"):
        TritWriter(TritPlanes(), scales, means, y, ONE)


def test_the_nearest_scale_is_the_coders() -> None:
    scales = torch.exp(torch.linspace(math.log(0.01), math.log(500), 2000))
    rows = TritPlanes().nothing_known(scales).scale
    table = get_scale_table()
    nearest = (scales[:, None] / table).log().abs().argmin(1)
    assert (rows - nearest).abs().max() <= 1 and (rows == nearest).float().mean() > 0.999


def test_tables_come_with_the_weights() -> None:
    model = TritPlanes()
    assert len(model.tables.cdf) == len(model.slope) and model.slope.max() == BEYOND
    other = TritPlanes()
    other.load_state_dict(model.state_dict())
    assert np.array_equal(other.tables.cdf, model.tables.cdf)
    assert not list(model.parameters())
