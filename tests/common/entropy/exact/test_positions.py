"""Layers at single positions give what the same layers give anywhere else in exact arithmetic, to the last bit."""

from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from common.entropy import exact
from common.entropy.exact.positions import AtPositions
from common.entropy.exact.sums import shuffled_sums

REACH = np.array([-7, -2, -1])


def network(S: int, M: int, widths: tuple[int, ...]) -> tuple[nn.Parameter, Tensor, list[nn.Module]]:
    """The context layer's weight and bias, and the layers behind it."""
    torch.manual_seed(0)
    inputs, layers = S + 2 * M, list[nn.Module]()
    for width in widths:
        layers += [nn.Conv2d(inputs, width, 1, bias=width % 2 == 0), nn.LeakyReLU(0.1)]
        inputs = width
    return nn.Parameter(torch.randn(2 * M, 3 * M)), torch.randn(2 * M), layers[:-1]


def by_torch(context: Any, layers: list[nn.Module], side: Tensor, seen: Tensor) -> Tensor:
    """The same with torch's functions in exact arithmetic: (B, n, S) and (B, n, taps M) -> (B, n, outputs)."""

    def told(side: Tensor, seen: Tensor) -> Tensor:
        x = torch.cat([side, nn.functional.linear(seen, *context)], 2).transpose(1, 2).unsqueeze(2)
        return nn.Sequential(*layers)(x).squeeze(2).transpose(1, 2)  # type: ignore[no-any-return]

    return exact.run(told, side, seen)


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize(
    ("batch", "n", "S", "M", "widths"),
    [(1, 1, 3, 4, (8,)), (2, 11, 8, 12, (66, 131, 24)), (1, 70, 64, 32, (128, 64)), (3, 40, 5, 4, (70, 7))],
)
def test_as_everywhere_else(batch: int, n: int, S: int, M: int, widths: tuple[int, ...], threads: int) -> None:
    weight, bias, layers = network(S, M, widths)
    random = torch.Generator().manual_seed(n)
    side = 5 * torch.randn(batch, 80, S, generator=random)
    values = (2 * torch.randn(batch, 100, M, generator=random)).round()
    values[:, 50:] = 0
    values[0, 20, 0] = 3e5  # beyond what the grid holds
    positions = torch.randperm(80, generator=random)[:n].numpy()
    places = positions + 8
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        with torch.inference_mode():
            assert AtPositions.fits(layers, side, M)
            told = AtPositions((weight, bias), layers, side, values, REACH)(positions, places)
            seen = values[:, (places[:, None] + REACH).reshape(-1)].reshape(batch, n, -1)
            assert torch.equal(told, by_torch((weight, bias), layers, side[:, positions], seen))
    finally:
        torch.set_num_threads(before)


def test_what_else_is_known_stands_between_side_information_and_context() -> None:
    torch.manual_seed(0)
    weight, bias = nn.Parameter(torch.randn(8, 12)), torch.randn(8)
    layers = [nn.Linear(5 + 3 + 8, 16), nn.LeakyReLU(0.01), nn.Linear(16, 6)]
    side, known, values = torch.randn(2, 20, 5), torch.randn(2, 4, 3), torch.randn(2, 30, 4).round()
    positions = np.array([3, 4, 9, 17])
    with torch.inference_mode():
        assert AtPositions.fits(layers, side, 4)
        told = AtPositions((weight, bias), layers, side, values, REACH, more=3)(positions, positions + 8, known)
        seen = values[:, (positions[:, None] + 8 + REACH).reshape(-1)].reshape(2, 4, -1)

        def by_torch(side: Tensor, known: Tensor, seen: Tensor) -> Tensor:
            context = nn.functional.linear(seen, weight, bias)
            return nn.Sequential(*layers)(torch.cat([side, known, context], 2))  # type: ignore[no-any-return]

        assert torch.equal(told, exact.run(by_torch, side[:, positions], known, seen))


def test_it_follows_its_weights_and_the_values() -> None:
    weight, bias, layers = network(4, 4, (8,))
    side, values, one = torch.ones(1, 9, 4), torch.zeros(1, 20, 4), np.array([8])
    with torch.inference_mode():
        network_now = AtPositions((weight, bias), layers, side, values, REACH)
        first = network_now(one, one)
        values[:, 7] = 3.0
        assert not torch.equal(network_now(one, one), first)
        values.zero_()
        assert torch.equal(network_now(one, one), first)
    with torch.no_grad():
        weight.mul_(2)
        layers[0].bias.add_(1)  # type: ignore[operator, union-attr]
    with torch.inference_mode():
        again = AtPositions((weight, bias), layers, side, values, REACH)(one, one)
        assert torch.equal(again, by_torch((weight, bias), layers, side[:, one], torch.zeros(1, 1, 12)))


def test_what_it_does_not_know_is_left_to_others() -> None:
    side, conv, leaky = torch.ones(1, 9, 4), nn.Conv2d(12, 8, 1), nn.LeakyReLU()
    with torch.inference_mode():
        assert AtPositions.fits([conv, leaky, nn.Conv2d(8, 8, 1)], side, 4)
        for layers in ([leaky, conv], [conv, leaky, leaky], [conv, nn.GELU()], [nn.Conv2d(12, 8, 3)], []):
            assert not AtPositions.fits(layers, side, 4)
        assert not AtPositions.fits([nn.Conv2d(12, 8, 1, groups=2)], side, 4)
        assert not AtPositions.fits([conv], side, 6)  # inputs are taken four at a time
        with shuffled_sums():
            assert not AtPositions.fits([conv], side, 4)
