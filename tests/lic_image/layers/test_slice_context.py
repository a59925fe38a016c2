"""A slice's parameters may depend on what is decoded before them and on nothing else."""

import torch
from torch import nn

from common.entropy.rules import PRESENT, coding_by
from common.entropy.walks import phases
from lic_image.layers.depthwise import DepthwiseBlock
from lic_image.layers.slice_context import SliceContext, with_magnitude


def test_magnitudes_stand_behind_the_latents() -> None:
    y = torch.tensor([[[[2.0]], [[-1.0]]]])
    expected = torch.tensor([0.5, -0.25, torch.log(torch.tensor(7.0)), torch.log(torch.tensor(4.0))])
    assert torch.allclose(with_magnitude(y / 4, y).flatten(), expected)


def test_starts_at_mean_zero_and_scale_one() -> None:
    context = SliceContext(channels=3, earlier=2, side=4, width=8)
    base = context.base(torch.randn(1, 4, 5, 5), torch.randn(1, 4, 5, 5))
    mean, log_scale = context.head(base, torch.ones(5, 5, dtype=torch.bool))
    assert mean.abs().max() == 0 and log_scale.abs().max() == 0 and mean.shape == (1, 3, 5, 5)


def test_exactly_it_computes_nothing_but_the_positions_asked_for() -> None:
    torch.manual_seed(0)
    context, even = SliceContext(channels=3, earlier=2, side=4, width=8).eval(), phases(4, 6, 2, torch.device("cpu"))[0]
    nn.init.normal_(context.leave.weight)
    seen: list[int] = []
    context.mix.register_forward_hook(lambda layer, inputs, out: seen.append(inputs[0].shape[2:].numel()))
    with torch.inference_mode():
        h = context.base(torch.randn(2, 4, 4, 6), torch.randn(2, 4, 4, 6))
        for part, whole in zip(context.head(h, even), context.head(h, torch.ones_like(even))):
            assert torch.equal(part[:, :, even], whole[:, :, even]) and part[:, :, ~even].abs().max() == 0
        with coding_by(PRESENT._replace(exact=False)):  # float sums may differ with their number: as files were written
            context.head(h, even)
    assert seen == [12, 24, 24]


def test_residual_block_starts_as_the_identity() -> None:
    u = torch.randn(2, 6, 9, 7)
    assert torch.equal(DepthwiseBlock(6)(u), u)
