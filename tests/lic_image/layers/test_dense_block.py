"""Dense blocks and concatenated residual modules against their equations."""

import torch

from lic_image.layers.concatenated_residual import ConcatenatedResidual
from lic_image.layers.dense_block import DenseBlock, FeatureEnhancement

X = torch.randn(2, 8, 5, 6, generator=torch.Generator().manual_seed(0))


@torch.no_grad()
def test_dense_block() -> None:
    block = DenseBlock(8, growth=3)
    one = block.layers[0](X).clamp_min(0)
    two = block.layers[1](torch.cat([X, one], 1)).clamp_min(0)
    assert one.shape[1] == two.shape[1] == 3
    torch.testing.assert_close(block(X), X + block.fusion(torch.cat([X, one, two], 1)))


@torch.no_grad()
def test_enhancement_starts_as_the_identity() -> None:
    enhancement = FeatureEnhancement(8)
    assert torch.equal(enhancement(X), X) and len(enhancement.blocks) == 3
    enhancement.blocks[-1].weight.normal_()  # type: ignore[operator, union-attr]
    first, second, last = enhancement.blocks
    torch.testing.assert_close(enhancement(X), X + last(second(first(X))))


@torch.no_grad()
def test_concatenated_residual_module() -> None:
    module = ConcatenatedResidual(8)
    u = X + module.first(X)
    torch.testing.assert_close(module(X), X + (u + module.second(u)))
