"""CBAM's channel attention against its equation, written out."""

import math

import numpy as np
import pytest
import torch
from support.naive import Array, assert_written_out, picture, randomised, sigmoid, unreached
from torch import nn

from lic_image.layers.channel_attention import ChannelAttention


def written_out(block: nn.Module, x: Array) -> Array:
    W_0, W_1 = (block.mlp[i].weight.detach().numpy() for i in (0, 2))
    out = np.empty_like(x)
    for c in range(len(x)):
        total = 0.0
        for descriptor in ([sum(map(sum, f)) / f.size for f in x], [max(map(max, f)) for f in x]):
            hidden = [max(0.0, sum(w * v for w, v in zip(row, descriptor))) for row in W_0]
            total += sum(w * h for w, h in zip(W_1[c], hidden))
        out[c] = x[c] * sigmoid(np.float64(total))
    return out


@pytest.mark.parametrize(("C", "reduction", "hidden"), [(8, 2, 4), (8, 16, 1), (33, 16, 2)])
def test_equation(C: int, reduction: int, hidden: int) -> None:
    block = randomised(ChannelAttention(C, reduction), size=1)
    assert block.mlp[0].weight.shape == (hidden, C)
    assert_written_out(block, written_out, (C, 5, 3), (C, 1, 1), (C, 1, 6))


def test_one_channel_by_hand() -> None:
    """Positions 1 and 3: average 2, maximum 3, MLP with weights one: the gate is sigmoid(5)."""
    block = ChannelAttention(1)
    nn.init.ones_(block.mlp[0].weight)
    nn.init.ones_(block.mlp[2].weight)
    gate = 1 / (1 + math.exp(-5))
    assert torch.allclose(block(torch.tensor([[[[1.0, 3.0]]]])), torch.tensor([[[[gate, 3 * gate]]]]))


def test_gradients_reach_everything() -> None:
    torch.manual_seed(0)
    assert unreached(ChannelAttention(32, 8), picture(32, 4, 5)) == set()


def test_each_image_has_its_gates() -> None:
    x = torch.randn(3, 8, 4, 5)
    block = ChannelAttention(8, 2)
    gates = block.gates(x)
    assert gates.shape == (3, 8) and gates.min() > 0 and gates.max() < 1
    assert torch.allclose(gates, torch.cat([block.gates(image[None]) for image in x]))
