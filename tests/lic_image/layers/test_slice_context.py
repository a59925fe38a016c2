"""A slice's parameters may depend on what is decoded before them and on nothing else."""

import torch

from lic_image.layers.depthwise import DepthwiseBlock
from lic_image.layers.slice_context import SliceContext, with_magnitude


def test_magnitudes_stand_behind_the_latents() -> None:
    y = torch.tensor([[[[2.0]], [[-1.0]]]])
    expected = torch.tensor([0.5, -0.25, torch.log(torch.tensor(7.0)), torch.log(torch.tensor(4.0))])
    assert torch.allclose(with_magnitude(y / 4, y).flatten(), expected)


def test_starts_at_mean_zero_and_scale_one() -> None:
    context = SliceContext(channels=3, earlier=2, side=4, width=8)
    mean, log_scale = context.head(context.base(torch.randn(1, 4, 5, 5), torch.randn(1, 4, 5, 5)))
    assert mean.abs().max() == 0 and log_scale.abs().max() == 0 and mean.shape == (1, 3, 5, 5)


def test_residual_block_starts_as_the_identity() -> None:
    u = torch.randn(2, 6, 9, 7)
    assert torch.equal(DepthwiseBlock(6)(u), u)
