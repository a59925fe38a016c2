"""Simplified attention against its equation, written out, and against CompressAI's weights."""

import numpy as np
import torch
from compressai.layers import AttentionBlock
from support.naive import Array, assert_written_out, conv, picture, randomised, residual_unit, sigmoid, unreached
from torch import nn

from lic_image.layers.simplified_attention import SimplifiedAttention


def mask(block: nn.Module, x: Array) -> Array:
    for unit in block.conv_b[:-1]:
        x = residual_unit(unit, x)
    return sigmoid(conv(block.conv_b[-1], x))


def written_out(block: nn.Module, x: Array) -> Array:
    trunk = x
    for unit in block.conv_a:
        trunk = residual_unit(unit, trunk)
    return x + trunk * mask(block, x)


def test_equation() -> None:
    assert_written_out(randomised(SimplifiedAttention(4)), written_out, (4, 5, 3), (4, 1, 1), (4, 1, 6))


def test_weights_of_compressai_go_both_ways() -> None:
    theirs, ours = AttentionBlock(8), SimplifiedAttention(8)
    ours.load_state_dict(theirs.state_dict())
    x = torch.randn(2, 8, 5, 7)
    assert torch.equal(ours(x), theirs(x))
    theirs.load_state_dict(SimplifiedAttention(8).state_dict())


def test_three_units_in_each_branch() -> None:
    block = SimplifiedAttention(4)
    assert (len(block.conv_a), len(block.conv_b)) == (3, 4)


def test_gradients_reach_everything() -> None:
    torch.manual_seed(0)
    assert unreached(SimplifiedAttention(8), picture(8, 6, 5)) == set()


def test_map_is_the_mask() -> None:
    block = randomised(SimplifiedAttention(4))
    x = picture(4, 5, 3)
    np.testing.assert_allclose(block.maps(x)["mask"][0].detach(), mask(block, x[0].numpy()).mean(0))
