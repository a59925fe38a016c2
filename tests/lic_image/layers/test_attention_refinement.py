"""The 3-D blocks against their equations, written out."""

import pytest
import torch
from torch.nn import functional as F

from lic_image.layers.attention_refinement import AttentionRefinement, ChannelGate3d, FeatureAttention3d, SpatialGate3d
from lic_image.layers.residual_3d import CascadedResidual3d

X = torch.randn(2, 4, 5, 6, 7, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("levels", [1, 2, 3])
@torch.no_grad()
def test_cascaded_residual_blocks(levels: int) -> None:
    cascade = CascadedResidual3d(4, 3, levels)
    u = X
    for block in cascade.blocks:
        first, activation, second = block.block  # type: ignore[misc, union-attr]
        hidden = F.prelu(F.conv3d(u, first.weight, first.bias, padding=1), activation.weight)
        u = u + F.conv3d(hidden, second.weight, second.bias, padding=1)
    torch.testing.assert_close(cascade(X), u if levels == 1 else X + u)


@torch.no_grad()
def test_gates() -> None:
    channel, spatial = ChannelGate3d(4), SpatialGate3d()
    first, _, second, _ = channel.gate  # type: ignore[misc]
    means = X.flatten(2).mean(2)
    weights = torch.sigmoid(second(first(means).clamp_min(0)))
    torch.testing.assert_close(channel(X), torch.einsum("bcdhw,bc->bcdhw", X, weights))
    found = spatial(X)
    for d in range(X.shape[2]):  # a depth by itself
        seen = torch.stack([X[:, :, d].mean(1), X[:, :, d].amax(1)], 1)
        gate = F.conv2d(seen, spatial.gate.weight[:, :, 0], spatial.gate.bias, padding=3).sigmoid()
        torch.testing.assert_close(found[:, :, d], X[:, :, d] * gate)


@torch.no_grad()
def test_feature_attention_and_the_whole_block() -> None:
    attention = FeatureAttention3d(4, 3, 2)
    cascade, pointwise = attention.mask  # type: ignore[misc]
    mask = torch.einsum("bcdhw,oc->bodhw", cascade(X), pointwise.weight[:, :, 0, 0, 0])
    mask = torch.sigmoid(mask + pointwise.bias[:, None, None, None])
    torch.testing.assert_close(attention(X), X + attention.trunk(X) * mask)
    for convolutions, blocks in ((2, 3), (1, 1)):
        arb = AttentionRefinement(4, 3, convolutions, blocks)
        assert len(arb.first) == 2 * convolutions - 1 and len(arb.residuals) == blocks
        u = X + arb.first(X)
        r = u
        for block in arb.residuals:
            r = block(r)
        c = u + arb.channel(r)
        torch.testing.assert_close(arb(X), u + arb.attention(arb.spatial(c)))
