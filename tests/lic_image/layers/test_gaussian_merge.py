"""GMB against three 1x1 convolutions and a softmax over the components, written out."""

import numpy as np
import pytest
import torch
from support.naive import conv, picture, randomised, softmax

from common.entropy.models import GaussianConditional, GaussianMixtureConditional
from lic_image.layers.gaussian_merge import GaussianMerge


@pytest.mark.parametrize("G", [1, 2, 3, 5])
@pytest.mark.parametrize("size", [(3, 2), (1, 1)], ids=str)
def test_equation(G: int, size: tuple[int, int]) -> None:
    M = 4
    block = randomised(GaussianMerge(8, M, G))
    h = picture(8, *size)
    first, second, third = (block.layers[i] for i in (0, 2, 4))
    plain = h[0].numpy()
    for layer in (first, second):
        plain = conv(layer, plain)
        plain = np.where(plain > 0, plain, 0.01 * plain)
    plain = conv(third, plain)
    scales, means, logits = plain[: G * M], plain[G * M : 2 * G * M], plain[2 * G * M :]
    weights = np.empty_like(logits)
    for m, i, j in np.ndindex(M, *size):
        weights[m::M, i, j] = softmax(logits[g * M + m, i, j] for g in range(G))
    before = h.clone()
    given = block(h)
    for name, expected in (("scales", scales), ("means", means), ("weights", weights)):
        np.testing.assert_allclose(getattr(given, name)[0].detach(), expected, rtol=1e-9, atol=1e-12)
    assert torch.equal(h, before), "its activations work in place, but not on its input"


def test_channels_of_the_paper() -> None:
    block = GaussianMerge(640, 320, 3)
    shapes = [tuple(block.layers[i].weight.shape[:2]) for i in (0, 2, 4)]
    assert shapes == [(640, 640), (800, 640), (2880, 800)]


def test_weights_sum_to_one_and_one_component_weighs_one() -> None:
    h = 20 * torch.randn(2, 8, 5, 3)
    weights = GaussianMerge(8, 6, 3)(h).weights
    assert torch.allclose(weights.unflatten(1, (3, 6)).sum(1), torch.ones(2, 6, 5, 3))
    assert torch.equal(GaussianMerge(8, 6, 1)(h).weights, torch.ones(2, 6, 5, 3))


def test_gradients_reach_everything() -> None:
    torch.manual_seed(0)
    block = GaussianMerge(16, 8, 3)
    targets = torch.randn(3, 1, 24, 4, 5)
    given = block(torch.randn(1, 16, 4, 5))
    sum(((part - target) ** 2).mean() for part, target in zip(given, targets)).backward()  # type: ignore[union-attr]
    assert all(p.grad.abs().max() > 0 for p in block.parameters())


def test_one_component_writes_the_bytes_of_the_plain_gaussian() -> None:
    torch.manual_seed(0)
    block = randomised(GaussianMerge(8, 6, G=1)).float()
    scales, means, weights = block(5 * torch.randn(2, 8, 9, 7))
    y = means + 2 * scales.abs() * torch.randn_like(means)
    merged, plain = GaussianMixtureConditional(1), GaussianConditional()
    strings = merged.write(y, scales, means, weights)
    assert strings == plain.write(y, scales, means) == plain.compress(y, plain.build_indexes(scales), means)
    y_hat = merged.read(strings, scales, means, weights)
    assert torch.equal(y_hat, plain.read(strings, scales, means))
    for training in (False, True):
        results = []
        for call in (merged, lambda y, s, m, w, training: plain(y, s, m, training=training)):
            torch.manual_seed(1)
            results.append(call(y, scales, means, weights, training=training))
        assert all(torch.equal(a, b) for a, b in zip(*results))
    assert torch.equal(merged(y, scales, means, weights, training=False)[0], y_hat)
