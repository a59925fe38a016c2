"""The post-filter against its equation, written out."""

import numpy as np
import pytest
import torch
from support.naive import Array, assert_written_out, conv, picture, randomised, sigmoid, unreached
from torch import nn

from lic_image.layers.post_filter import PostFilter


def filtered(block: nn.Module, x: Array) -> Array:
    first, slope, second, other_slope, third = block.layers
    for layer, prelu in ((first, slope), (second, other_slope)):
        x = conv(layer, x)
        x = np.where(x > 0, x, prelu.weight.item() * x)
    return conv(third, x)


@pytest.mark.parametrize("printed", [False, True])
def test_equation(printed: bool) -> None:
    block = randomised(PostFilter(4, sigmoid=printed))
    form = (lambda b, x: sigmoid(filtered(b, x))) if printed else (lambda b, x: x + filtered(b, x))
    assert_written_out(block, form, (3, 5, 4), (3, 1, 1), (3, 1, 7))


def test_starts_as_the_identity() -> None:
    x = torch.rand(2, 3, 9, 7)
    assert torch.equal(PostFilter(8)(x), x)


@pytest.mark.parametrize("printed", [False, True])
def test_gradients_reach_everything(printed: bool) -> None:
    torch.manual_seed(0)
    assert unreached(PostFilter(6, printed), picture(3, 6, 5)) == set()
