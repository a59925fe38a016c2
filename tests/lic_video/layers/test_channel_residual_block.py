"""CRB position by position."""

import torch
from torch.nn import functional as F

from lic_video.layers.channel_residual_block import ChannelResidualBlock, with_channels


def test_it_starts_as_the_identity_on_the_channels_that_stay() -> None:
    x = torch.randn(1, 6, 5, 4)
    assert torch.equal(ChannelResidualBlock(6)(x), x)
    assert torch.equal(ChannelResidualBlock(6, 9)(x), torch.cat([x, torch.zeros(1, 3, 5, 4)], 1))
    assert torch.equal(ChannelResidualBlock(6, 4)(x), x[:, :4])


@torch.no_grad()
def test_one_position_by_hand() -> None:
    torch.manual_seed(0)
    block = ChannelResidualBlock(5, 7)
    torch.nn.init.normal_(block.leave.weight)
    x = torch.randn(1, 5, 6, 6)

    def normed(r: int, c: int, norm: torch.nn.Module) -> torch.Tensor:
        return F.layer_norm(x[0, :, r, c], (5,), norm.norm.weight, norm.norm.bias)  # type: ignore[arg-type, union-attr]

    r, c = 2, 3
    conv = block.a[2]
    a = conv.bias + sum(conv.weight[:, :, i, j] @ normed(r + i, c + j, block.a[0]) for i in range(2) for j in range(2))
    around = x[0, :, r - 1 : r + 2, c - 1 : c + 2]
    b = (around.mean((1, 2)) + around.amax((1, 2))) / 2
    told = block.c[1].weight[:, :, 0, 0] @ normed(r, c, block.c[0]) + block.c[1].bias
    third = torch.where(told > 0, told, block.c[2].weight * told)
    joined = torch.cat([a, F.pad(b, (0, 2)), third])
    expected = F.pad(x[0, :, r, c], (0, 2)) + block.leave.weight[:, :, 0, 0] @ joined
    torch.testing.assert_close(block(x)[0, :, r, c], expected, rtol=1e-4, atol=1e-5)


def test_channels_are_added_or_left_out() -> None:
    x = torch.ones(1, 2, 1, 1)
    assert with_channels(x, 3).flatten().tolist() == [1, 1, 0]
    assert with_channels(x, 1).flatten().tolist() == [1]
