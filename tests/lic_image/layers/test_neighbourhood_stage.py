"""The block against its equation, and the residual around the stage."""

import torch
from torch import nn
from torch.nn import functional as F

from lic_image.layers.neighbourhood_stage import NeighbourhoodBlock, NeighbourhoodStage


def test_a_block_written_out() -> None:
    torch.manual_seed(0)
    block, u = NeighbourhoodBlock(32, window=3).eval(), torch.randn(2, 5, 6, 32)
    v = u + block.attention(F.layer_norm(u, (32,)))
    first, _, second = block.mlp
    assert torch.allclose(block(u), v + second(F.gelu(first(F.layer_norm(v, (32,))))), atol=1e-6)


def test_the_stage_is_a_residual_around_its_blocks() -> None:
    torch.manual_seed(0)
    stage, x = NeighbourhoodStage(16, 3, (0.0, 0.0)).eval(), torch.randn(1, 16, 7, 9)
    inner = stage.blocks(x.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)
    assert torch.allclose(stage(x), x + inner)
    for layer in stage.modules():
        if isinstance(layer, nn.Linear):
            assert layer.weight.std() < 0.03 and layer.bias.abs().max() == 0
