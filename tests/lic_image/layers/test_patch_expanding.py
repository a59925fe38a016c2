"""Expanding: the equation by hand, the ends of decoders, exact arithmetic with batch normalisation in evaluation."""

import pytest
import torch
from torch import nn

from common.entropy import exact
from lic_image.layers.patch_expanding import PatchExpanding


@pytest.mark.parametrize("k", [2, 4])
def test_against_the_equation(k: int) -> None:
    torch.manual_seed(0)
    layer, x = PatchExpanding(6, 3, k).eval(), torch.randn(2, 6, 2, 3)
    norm = layer.norm
    assert norm is not None and norm.running_mean is not None and norm.running_var is not None
    nn.init.normal_(norm.running_mean)
    nn.init.uniform_(norm.running_var, 0.5, 2)
    with torch.no_grad():
        told = layer(x)
        assert told.shape == (2, 3, 2 * k, 3 * k)
        for c in range(3):
            for s in range(k):
                for t in range(k):
                    row = c * k * k + s * k + t
                    value = torch.einsum("bihw,i->bhw", x, layer.expand.weight[row, :, 0, 0]) + layer.expand.bias[row]  # type: ignore[index]
                    value = (value - norm.running_mean[c]) / (norm.running_var[c] + 1e-5).sqrt()
                    assert torch.allclose(told[:, c, s::k, t::k], nn.functional.gelu(value), atol=1e-5)


def test_a_decoders_last_is_linear() -> None:
    layer, x = PatchExpanding(6, 3, last=True), torch.randn(2, 6, 2, 3)
    assert layer.norm is None and torch.allclose(layer(2 * x) - layer(x), layer(x) - layer(0 * x), atol=1e-5)


def test_in_exact_arithmetic_neither_batch_nor_order_matter() -> None:
    torch.manual_seed(0)
    layer, x = PatchExpanding(16, 8), torch.randn(3, 16, 5, 7)
    layer(x)  # statistics that are not those of the start
    layer.eval()
    with torch.inference_mode():
        told = exact.run(layer, x)
        assert torch.allclose(told, layer(x), atol=1e-3)
        with exact.shuffled_sums():
            assert torch.equal(exact.run(layer, x), told)
        assert torch.equal(exact.run(layer, x[:1]), told[:1])
