"""The attention against its equations, head by head; plain attention; the block; exact arithmetic."""

import pytest
import torch
from torch import Tensor, nn

from common.entropy import exact
from lic_image.layers.position_embedding import PositionEmbedding
from lic_image.layers.spatial_reduction import SpatialReductionAttention, TransformerBlock


def by_equations(layer: SpatialReductionAttention, x: Tensor, r: int) -> Tensor:
    """3.14 to 3.17, with Reshape as the thesis has it: r x r positions' channels one behind the other."""
    B, H, W, C = x.shape
    if layer.reduce is not None and layer.norm is not None:
        tokens = x.reshape(B, H // r, r, W // r, r, C).transpose(2, 3).reshape(B, -1, r * r * C)
        tokens = layer.norm(tokens @ layer.reduce.weight.permute(2, 3, 1, 0).reshape(-1, C) + layer.reduce.bias)
    else:
        tokens = x.reshape(B, -1, C)
    d, heads = C // layer.heads, []
    for j in range(layer.heads):
        part = slice(j * d, (j + 1) * d)
        q = x.reshape(B, -1, C) @ layer.query.weight[part].T + layer.query.bias[part]
        k = tokens @ layer.key_value.weight[:C][part].T + layer.key_value.bias[:C][part]
        v = tokens @ layer.key_value.weight[C:][part].T + layer.key_value.bias[C:][part]
        heads.append((q @ k.transpose(1, 2) / d**0.5).softmax(2) @ v)
    told = torch.cat(heads, 2) @ layer.project.weight.T + layer.project.bias
    return told.reshape(B, H, W, C)


@pytest.mark.parametrize("r", [1, 2, 4])
def test_against_the_equations(r: int) -> None:
    torch.manual_seed(0)
    layer, x = SpatialReductionAttention(24, r, head=8).double(), torch.randn(2, 4, 8, 24, dtype=torch.float64)
    with torch.no_grad():
        assert torch.allclose(layer(x), by_equations(layer, x, r), atol=1e-12)
        assert layer.reduced(x).shape == (2, 4 // r, 8 // r, 24)


def test_without_reduction_it_is_plain_multi_head_attention() -> None:
    torch.manual_seed(0)
    layer, x = SpatialReductionAttention(24, 1, head=8), torch.randn(2, 3, 5, 24)
    plain = nn.MultiheadAttention(24, 3, batch_first=True)
    with torch.no_grad():
        plain.in_proj_weight.copy_(torch.cat([layer.query.weight, layer.key_value.weight]))
        plain.in_proj_bias.copy_(torch.cat([layer.query.bias, layer.key_value.bias]))
        plain.out_proj.load_state_dict(layer.project.state_dict())
        tokens = x.flatten(1, 2)
        assert torch.allclose(layer(x).flatten(1, 2), plain(tokens, tokens, tokens)[0], atol=1e-5)


def test_heads_that_do_not_divide_are_refused() -> None:
    with pytest.raises(ValueError, match="100 channels are no multiple of 64"):
        SpatialReductionAttention(100)


def test_the_block_is_pre_norm_with_two_residuals() -> None:
    torch.manual_seed(0)
    block, x = TransformerBlock(16, 2, 3, head=8), torch.randn(1, 16, 4, 6)
    for layer in (block.attention.project, block.mlp[-1]):
        nn.init.zeros_(layer.weight)  # type: ignore[arg-type]
    assert torch.equal(block(x), x)
    nn.init.normal_(block.mlp[-1].weight)  # type: ignore[arg-type]
    u = x.permute(0, 2, 3, 1)
    expected = u + block.mlp(nn.functional.layer_norm(u, (16,)))
    assert torch.allclose(block(x).permute(0, 2, 3, 1), expected, atol=1e-5)
    assert block.mlp[0].out_features == 48


@pytest.mark.parametrize("r", [1, 2])
def test_in_exact_arithmetic_neither_batch_nor_order_nor_parts_matter(r: int, monkeypatch: pytest.MonkeyPatch) -> None:
    torch.manual_seed(0)
    block, x = TransformerBlock(32, r, 2, head=16).eval(), torch.randn(2, 32, 6, 10)
    with torch.inference_mode():
        told = exact.run(block, x)
        assert torch.allclose(told, block(x), atol=2e-3)
        with exact.shuffled_sums():
            assert torch.equal(exact.run(block, x), told)
        assert torch.equal(exact.run(block, x[:1]), told[:1])
        monkeypatch.setattr("common.entropy.exact.attention.SCORES", 700)  # a few queries at a time
        assert torch.equal(exact.run(block, x), told)


def test_positions_are_resized_to_the_picture() -> None:
    layer = PositionEmbedding(4, side=8)
    x = torch.zeros(2, 4, 8, 8)
    assert torch.equal(layer(x)[1], layer.embedding[0]) and layer(torch.zeros(1, 4, 16, 4)).shape == (1, 4, 16, 4)
    nn.init.constant_(layer.embedding, 0.5)
    assert torch.allclose(layer(torch.zeros(1, 4, 5, 11)), torch.tensor(0.5))
