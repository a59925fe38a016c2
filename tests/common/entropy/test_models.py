"""Our entropy models beside CompressAI's: same likelihoods, tables, symbols and sizes."""

from typing import Any

import compressai.entropy_models as peer
import pytest
import torch
from compressai.models import FactorizedPrior
from compressai.models.base import get_scale_table
from support import shaken
from torch import Tensor, nn
from torch.nn import functional as F

from common.entropy.models import (
    EntropyBottleneck,
    GaussianConditional,
    GaussianMixtureConditional,
    adopt,
)
from common.entropy.rules import coding_by, of_image
from common.errors import LicError, StreamError

SHAPE = (2, 6, 5, 7)


def bottlenecks() -> tuple[EntropyBottleneck, peer.EntropyBottleneck]:
    torch.manual_seed(0)
    theirs = shaken(peer.EntropyBottleneck(6))
    ours = EntropyBottleneck(6)
    ours.load_state_dict(theirs.state_dict())
    theirs.update(force=True)
    return ours, theirs


def gaussians() -> tuple[GaussianConditional, peer.GaussianConditional]:
    theirs = peer.GaussianConditional(None)
    theirs.update_scale_table(get_scale_table())
    return GaussianConditional(), theirs


def latents(seed: int = 0) -> tuple[Tensor, Tensor, Tensor]:
    torch.manual_seed(seed)
    scales = torch.exp(2 * torch.randn(SHAPE))
    means = 3 * torch.randn(SHAPE)
    return means + scales * torch.randn(SHAPE), scales, means


@pytest.mark.parametrize("pair", [bottlenecks, gaussians])
def test_tables_are_compressais(pair: Any) -> None:
    """Up to the rounding of single precision, which is theirs."""
    ours, theirs = pair()
    assert torch.equal(ours.offset, theirs.offset) and torch.equal(ours.cdf_length, theirs.cdf_length)
    assert ours.quantized_cdf.shape == theirs.quantized_cdf.shape
    assert (ours.quantized_cdf - theirs.quantized_cdf).abs().max() <= 3


def test_bottleneck_likelihoods_and_gradients() -> None:
    ours, theirs = bottlenecks()
    x = 4 * torch.randn(SHAPE)
    results = []
    for model in (ours, theirs):
        out, likelihood = model(x, training=False)
        (-likelihood.log().sum()).backward()
        results.append([out, likelihood, *(p.grad for n, p in model.named_parameters() if n != "quantiles")])
    for a, b in zip(*results):
        torch.testing.assert_close(a, b)
    out, likelihood = ours(x, training=True)
    noise = out - x
    assert noise.abs().max() <= 0.5 + 1e-6 and 0.26 < noise.std() < 0.32
    expected = theirs._likelihood(out.transpose(0, 1).reshape(6, 1, -1))[0].reshape(6, 2, 5, 7).transpose(0, 1)
    torch.testing.assert_close(likelihood, expected.clamp_min(1e-9))


def test_gaussian_forward_is_compressais_to_the_seed() -> None:
    ours, theirs = gaussians()
    for training in (False, True):
        results = []
        for model in (ours, theirs):
            torch.manual_seed(1)
            results.append(model(*latents(), training=training))
        torch.testing.assert_close(*results)


def test_bottleneck_codes_what_forward_gives() -> None:
    ours, theirs = bottlenecks()
    x = 10 * torch.randn(SHAPE)
    strings = ours.compress(x)
    x_hat = ours.decompress(strings, SHAPE[2:])
    torch.testing.assert_close(x_hat, ours(x, training=False)[0], rtol=0, atol=0)
    torch.testing.assert_close(x_hat, theirs.decompress(theirs.compress(x), SHAPE[2:]), rtol=0, atol=0)
    assert abs(sum(map(len, strings)) - sum(map(len, theirs.compress(x)))) <= 8


@pytest.mark.parametrize("with_means", [True, False])
def test_gaussian_codes_what_forward_gives(with_means: bool) -> None:
    ours, theirs = gaussians()
    y, scales, means = latents()
    m = means if with_means else None
    indexes = ours.build_indexes(scales)
    strings = ours.compress(y, indexes, m)
    y_hat = ours.decompress(strings, indexes, means=m)
    assert y_hat.dtype == torch.float32
    torch.testing.assert_close(y_hat, ours(y, scales, m, training=False)[0], rtol=0, atol=0)
    assert abs(sum(map(len, strings)) - sum(map(len, theirs.compress(y, indexes, m)))) <= 8
    channels_last = [t.contiguous(memory_format=torch.channels_last) for t in (y, indexes)]
    assert ours.compress(*channels_last, m) == strings


def test_indexes_are_of_the_nearest_scale_and_in_version_1_compressais() -> None:
    table = get_scale_table()
    between = (table[1:] + table[:-1]) / 2
    special = torch.tensor([-1.0, 0, 1e-30, 0.11, 0.1099, 256, 257, 1e30, float("inf"), -float("inf")])
    neighbours = torch.cat([torch.nextafter(table, table * s) for s in (0, 2)])
    scales = torch.cat([table, between, special, neighbours, torch.rand(5000) * 20])[None]
    for mine in (None, [0.5, 0.51, 0.52, 3.0, 200.0], [1.0]):
        ours, theirs = GaussianConditional(mine), peer.GaussianConditional(mine or table.tolist())
        with coding_by(of_image(1)):
            assert torch.equal(ours.build_indexes(scales), theirs.build_indexes(scales))
        indexes = ours.build_indexes(scales)
        assert indexes.dtype == torch.int32
        steps = torch.log2(scales.double().clamp(0.11, 1e300)[..., None] / ours.scale_table.double()).abs()
        chosen = steps.gather(2, indexes.long()[..., None])[..., 0]
        torch.testing.assert_close(chosen, steps.amin(2), rtol=0, atol=1e-6)


def test_what_is_written_is_what_the_likelihoods_promise() -> None:
    """Over Gaussians between the table's scales; rounding up, as CompressAI does, writes more."""
    random = torch.Generator().manual_seed(0)
    scales = torch.exp(torch.rand(1, 8, 256, 256, generator=random) * 6 - 2)
    y = scales * torch.randn(1, 8, 256, 256, generator=random)
    model = GaussianConditional()
    promised = -model(y, scales, training=False)[1].log2().sum() / 8
    written = len(model.write(y, scales)[0])
    assert abs(written / promised - 1) < 0.002
    with coding_by(of_image(1)):
        strings = model.write(y, scales)
        assert torch.equal(model.read(strings, scales), y.round())
    assert len(strings[0]) > written


def test_half_precision_is_widened() -> None:
    """As under autocast: likelihoods in single precision, and files that decode to what forward gives."""
    y, scales, means = (t.bfloat16() for t in latents())
    ours = GaussianConditional()
    y_hat, likelihood = ours(y, scales, means, training=False)
    torch.testing.assert_close((y_hat, likelihood), ours(y.float(), scales.float(), means.float(), training=False))
    indexes = ours.build_indexes(scales)
    assert torch.equal(ours.decompress(ours.compress(y, indexes, means), indexes, means=means), y_hat)
    bottleneck, _ = bottlenecks()
    expected, loss = bottleneck(y.float(), training=False), bottleneck.loss()
    with torch.autocast("cpu", torch.bfloat16):
        torch.testing.assert_close(bottleneck(y, training=False), expected)
        torch.testing.assert_close(bottleneck.loss(), loss)
    assert torch.equal(bottleneck.decompress(bottleneck.compress(y), SHAPE[2:]), expected[0])


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf"), 2.0**31, -(2.0**32)])
def test_what_is_no_number_is_refused(value: float) -> None:
    x = torch.zeros(SHAPE)
    x[1, 2, 3, 4] = value
    ones = torch.ones(SHAPE)
    for call in (
        lambda: EntropyBottleneck(6).compress(x),
        lambda: GaussianConditional().compress(x, torch.zeros(SHAPE).int()),
        lambda: GaussianMixtureConditional(K=1).compress(x, ones, ones, ones),
        lambda: GaussianMixtureConditional(K=3).compress(x, *[ones.repeat(1, 3, 1, 1)] * 3),
    ):
        with pytest.raises(LicError, match="cannot be coded"):
            call()
    x[1, 2, 3, 4] = -(2.0**31)
    model = GaussianConditional()
    indexes = torch.zeros(SHAPE).int()
    assert torch.equal(model.decompress(model.compress(x, indexes), indexes), x)


def test_damage_is_noticed() -> None:
    model = GaussianConditional()
    y, scales, means = latents()
    indexes = model.build_indexes(scales)
    strings = model.compress(y, indexes, means)
    with pytest.raises(StreamError):
        model.decompress([strings[0][:-4], strings[1]], indexes, means=means)
    with pytest.raises(StreamError):
        model.decompress(strings[::-1], indexes, means=means)
    with pytest.raises(ValueError):
        model.decompress(strings[:1], indexes, means=means)


# ----- mixtures


def mixtures(K: int) -> tuple[Tensor, ...]:
    torch.manual_seed(K)
    shape = (2, K * 6, 5, 7)
    scales, means = torch.exp(torch.randn(shape)), 5 * torch.randn(shape)
    weights = F.softmax(torch.randn(2, K, 6, 5, 7), 1).reshape(shape)
    return 5 * torch.randn(SHAPE), scales, means, weights


@pytest.mark.parametrize("K", [2, 3])  # with one, ours rounds around the mean
def test_mixture(K: int) -> None:
    ours, theirs = GaussianMixtureConditional(K=K), peer.GaussianMixtureConditional(K=K)
    y, *parameters = mixtures(K)
    torch.testing.assert_close(ours(y, *parameters, training=False), theirs(y, *parameters, training=False))
    strings = ours.compress(y, *parameters)
    y_hat = ours.decompress(strings, *parameters)
    assert torch.equal(y_hat, y.round()) and y_hat.dtype == torch.float32
    _, likelihood = ours(y, *parameters, training=False)
    bits = -likelihood.log2().sum((1, 2, 3))
    for string, b in zip(strings, bits):
        assert 8 * len(string) < 1.01 * b + 64
    with pytest.raises(StreamError):
        ours.decompress(strings[::-1], *parameters)


# ----- whole models


def test_adopted_models_code_and_load() -> None:
    torch.manual_seed(0)
    theirs = FactorizedPrior(8, 12).eval()
    x = torch.rand(1, 3, 64, 64)
    theirs.update()
    expected = theirs.decompress(**theirs.compress(x))["x_hat"]
    names = [n for n, _ in theirs.named_parameters()]
    state = theirs.state_dict()
    ours = adopt(theirs)
    assert ours is theirs and type(ours.entropy_bottleneck) is EntropyBottleneck
    assert [n for n, _ in ours.named_parameters()] == names
    out = ours.compress(x)
    assert torch.equal(ours.decompress(**out)["x_hat"], expected)
    fresh = adopt(FactorizedPrior(8, 12).eval())
    fresh.load_state_dict(state)
    assert fresh.compress(x) == out
    again = adopt(FactorizedPrior(8, 12).eval())
    again.load_state_dict(fresh.state_dict())
    assert again.compress(x) == out
    assert again.update(force=True)


def test_adopt_leaves_others_and_shared_ones() -> None:
    class Own(peer.EntropyBottleneck):
        pass

    shared = peer.GaussianConditional(None)
    model = nn.ModuleList([nn.Sequential(shared), shared, Own(2), peer.GaussianMixtureConditional(K=2)])
    adopt(adopt(model))
    assert model[0][0] is model[1] and type(model[1]) is GaussianConditional and len(model[1].scale_table) == 64
    assert type(model[2]) is Own and type(model[3]) is GaussianMixtureConditional and model[3].K == 2
