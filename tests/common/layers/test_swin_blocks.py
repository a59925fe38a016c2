"""A block against its equation, and which blocks' windows are shifted."""

from typing import Any

import torch
from torch.nn import functional as F

from common.layers.swin_blocks import SwinBlock, swin_blocks


def test_a_block_written_out() -> None:
    torch.manual_seed(0)
    block, u = SwinBlock(16, 2, window=4, shift=2, mlp=4.0).eval(), torch.randn(2, 9, 6, 16)
    v = u + block.attn(F.layer_norm(u, (16,), eps=1e-5))
    mlp: Any = block.mlp
    assert mlp[0].out_features == 64
    assert torch.allclose(block(u), v + mlp[3](F.gelu(mlp[0](F.layer_norm(v, (16,))))), atol=1e-6)


def test_every_second_block_is_shifted_and_each_has_its_drop_path() -> None:
    blocks: Any = swin_blocks(16, 2, 4, 2.0, [0.0, 0.1, 0.2])
    assert [block.attn.shift_size for block in blocks] == [[0, 0], [2, 2], [0, 0]]
    assert [block.stochastic_depth.drop for block in blocks] == [0.0, 0.1, 0.2]
