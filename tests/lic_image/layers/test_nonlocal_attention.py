"""NLAM against its equation, written out."""

import numpy as np
import torch
from support.naive import (
    Array,
    assert_written_out,
    conv,
    non_local,
    picture,
    randomised,
    residual_unit,
    sigmoid,
    unreached,
)
from torch import nn

from lic_image.layers.nonlocal_attention import NonLocalAttention
from lic_image.layers.simplified_attention import SimplifiedAttention


def mask(block: nn.Module, x: Array) -> Array:
    seeing, *units, last = block.conv_b
    x = non_local(seeing, x, side=2)
    for unit in units:
        x = residual_unit(unit, x)
    return sigmoid(conv(last, x))


def written_out(block: nn.Module, x: Array) -> Array:
    trunk = x
    for unit in block.conv_a:
        trunk = residual_unit(unit, trunk)
    return x + trunk * mask(block, x)


def test_equation() -> None:
    assert_written_out(randomised(NonLocalAttention(4)), written_out, (4, 5, 3), (4, 1, 1), (4, 1, 6), (4, 4, 4))


def test_starts_as_the_simplified_attention() -> None:
    """Its non-local block starts as the identity, and nothing else tells the two apart."""
    ours, other = NonLocalAttention(8), SimplifiedAttention(8)
    state = other.state_dict()
    units = {name: name for name in state if name.startswith("conv_a")}
    units |= {
        name.replace(f"conv_b.{i}", f"conv_b.{i + 1}"): name for i in range(4) for name in state if f"b.{i}" in name
    }
    missing = ours.load_state_dict({ours_: state[name] for ours_, name in units.items()}, strict=False)
    assert not missing.unexpected_keys and all(name.startswith("conv_b.0.") for name in missing.missing_keys)
    x = torch.randn(2, 8, 5, 7)
    assert torch.equal(ours(x), other(x))


def test_gradients_reach_all_but_what_the_softmax_cancels() -> None:
    torch.manual_seed(0)
    assert unreached(NonLocalAttention(8), picture(8, 6, 5)) == {"conv_b.0.beta.bias"}


def test_map_is_the_mask() -> None:
    block = randomised(NonLocalAttention(4))
    x = picture(4, 5, 3)
    np.testing.assert_allclose(block.maps(x)["mask"][0].detach(), mask(block, x[0].numpy()).mean(0))
