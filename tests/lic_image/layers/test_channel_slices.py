"""Slices are predicted from what is decoded before them and from nothing else; what is decoded is completed."""

from typing import Any

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from common.entropy import exact
from common.entropy.walks import Visitor
from lic_image.layers.channel_slices import ChannelSlices

SLICES, SUPPORT, C = 5, 2, 3
Told = tuple[slice, Tensor, Tensor]


class Known(Visitor):
    """Hands out what is known, and notes what it was told."""

    def __init__(self, y: Tensor) -> None:
        self.y, self.size = y, (y.shape[2], y.shape[3])
        self.told: list[Told] = []

    def __call__(self, scales: Tensor, means: Any = None, *args: Any, **kwargs: Any) -> Tensor:
        assert kwargs.get("positions") is None
        self.told.append((kwargs["channels"], scales, means))
        return self.y[:, kwargs["channels"]]


def context() -> tuple[ChannelSlices, Tensor, Tensor, Tensor]:
    torch.manual_seed(0)
    M = SLICES * C
    scales, means, y = torch.randn(3, 2, M, 4, 6)
    return ChannelSlices(M, SLICES, SUPPORT, (8, 6)).eval(), scales, means, y


def test_it_is_its_equations() -> None:
    made, scales, means, y = context()

    def net(layers: Any, *known: Tensor) -> Tensor:
        x = torch.cat(known, 1)
        for layer in layers[:-1:2]:
            x = F.gelu(F.conv2d(x, layer.weight, layer.bias, padding=1))
        return F.conv2d(x, layers[-1].weight, layers[-1].bias, padding=1)

    made.train()  # in floats
    visit = Known(y)
    with torch.no_grad():
        y_hat = made.walk(scales, means, visit).chunk(SLICES, 1)
        for i, decoded in enumerate(y.chunk(SLICES, 1)):
            first = y_hat[: min(i, SUPPORT)]
            assert torch.allclose(visit.told[i][1], net(made.scales[i], scales, *first), atol=1e-5)
            assert torch.allclose(visit.told[i][2], net(made.means[i], means, *first), atol=1e-5)
            missing = net(made.residuals[i], means, *first, decoded)
            assert torch.allclose(y_hat[i], decoded + 0.5 * missing.tanh(), atol=1e-5)


@pytest.mark.parametrize("i", range(SLICES))
def test_a_slice_sees_what_is_decoded_and_nothing_else(i: int) -> None:
    made, scales, means, y = context()

    def told(y: Tensor) -> Told:
        visit = Known(y)
        with torch.inference_mode():
            made.walk(scales, means, visit)
        assert len(visit.told) == SLICES
        return visit.told[i]

    before, later = told(y), y.clone()
    later[:, i * C :] = 99.0
    assert all(torch.equal(a, b) for a, b in zip(before[1:], told(later)[1:]))
    for j in range(i):  # the first slices count, and no others
        earlier = y.clone()
        earlier[:, j * C : (j + 1) * C] += 3.0
        assert all(torch.equal(a, b) == (j >= SUPPORT) for a, b in zip(before[1:], told(earlier)[1:]))


def test_what_is_added_is_exact_and_less_than_a_half() -> None:
    made, scales, means, y = context()
    for layer in made.residuals:
        layer[-1].weight.data.mul_(100)  # type: ignore[index, union-attr, operator]
    with torch.inference_mode():
        y_hat = made.walk(scales, means, Known(y))
        with exact.shuffled_sums():
            assert torch.equal(made.walk(scales, means, Known(y)), y_hat)
    assert 0.4 < (y_hat - y).abs().max() <= 0.5


def test_slices_are_equal() -> None:
    with pytest.raises(ValueError, match="10 channels do not make 3"):
        ChannelSlices(10, 3, 2, (4,))
