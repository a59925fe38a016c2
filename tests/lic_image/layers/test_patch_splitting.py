"""Patch splitting against its equation, position by position."""

import torch
from torch.nn import functional as F

from lic_image.layers.patch_splitting import PatchSplitting


def test_a_position_becomes_four() -> None:
    torch.manual_seed(0)
    split, u = PatchSplitting(8), torch.randn(2, 3, 5, 8)
    with torch.no_grad():
        out = split(u)
        wide = F.layer_norm(u, (8,)) @ split.expand.weight.T
    assert out.shape == (2, 6, 10, 4)
    for i in range(2):
        for j in range(2):
            assert torch.allclose(out[:, i::2, j::2], wide[..., 2 * i + j :: 4], atol=1e-6)
