"""Motion compensation: the warped reference at its start, and the network of the diagram, written out again."""

import pytest
import torch
from kornia.geometry.transform import remap
from torch import Tensor, nn
from torch.nn import functional as F

from common.errors import LicError
from lic_video.layers.channel_residual_block import ChannelResidualBlock
from lic_video.layers.residual_block import ResidualBlock
from lic_video.parts.motion_compensation import MotionCompensation

WIDTHS = (4, 6, 8)


def shaken(model: MotionCompensation) -> MotionCompensation:
    """With no layer at zero any more."""
    with torch.no_grad():
        for p in model.parameters():
            p.add_(0.1 * torch.randn_like(p))
    return model


def kornias(reference: Tensor, flow: Tensor) -> Tensor:
    rows, columns = torch.meshgrid(*(torch.arange(float(side)) for side in reference.shape[2:]), indexing="ij")
    places = columns + flow[:, 0], rows + flow[:, 1]
    return remap(reference, *places, padding_mode="border", align_corners=True)


def into_channels(x: Tensor, side: int) -> Tensor:
    B, C, H, W = x.shape
    blocks = x.reshape(B, C, H // side, side, W // side, side)
    return blocks.permute(0, 1, 3, 5, 2, 4).reshape(B, C * side**2, H // side, W // side)


def out_of_channels(x: Tensor, side: int) -> Tensor:
    B, C, H, W = x.shape
    blocks = x.reshape(B, C // side**2, side, side, H, W)
    return blocks.permute(0, 1, 4, 2, 5, 3).reshape(B, C // side**2, H * side, W * side)


def left(net: MotionCompensation, x: Tensor) -> Tensor:
    """The last layers, PReLU and convolution, written out."""
    slopes, conv = net.leave[0].weight, net.leave[1]
    return F.conv2d(x.clamp_min(0) + slopes * x.clamp_max(0), conv.weight, conv.bias, padding=1)


@pytest.mark.parametrize("block", [ChannelResidualBlock, ResidualBlock])
@pytest.mark.parametrize("shuffle", [1, 4])
@torch.no_grad()
def test_it_starts_as_the_warped_reference(block: type[nn.Module], shuffle: int) -> None:
    torch.manual_seed(0)
    reference, flow = torch.rand(2, 3, 16, 32), 3 * torch.randn(2, 2, 16, 32)
    found = MotionCompensation(block, WIDTHS, shuffle)(reference, flow)
    torch.testing.assert_close(found.warped, kornias(reference, flow))
    assert torch.equal(found.prediction, found.warped)


@torch.no_grad()
def test_a_clip_that_moves_to_the_left_is_warped_back() -> None:
    """The flow leads from the frame to the reference: 2 to the left there, for what has come 2 to the right since."""
    reference = torch.rand(1, 3, 8, 16)
    frame = reference.roll(2, 3)
    flow = torch.tensor([-2.0, 0.0]).view(1, 2, 1, 1).expand(1, 2, 8, 16)
    found = MotionCompensation(ResidualBlock, WIDTHS)(reference, flow)
    torch.testing.assert_close(found.prediction[..., 2:], frame[..., 2:], rtol=0, atol=1e-5)


@pytest.mark.parametrize("block", [ChannelResidualBlock, ResidualBlock])
@pytest.mark.parametrize("shuffle", [1, 4])
@torch.no_grad()
def test_it_is_put_together_as_drawn(block: type[nn.Module], shuffle: int) -> None:
    torch.manual_seed(1)
    net = shaken(MotionCompensation(block, WIDTHS, shuffle))
    reference, flow = torch.rand(1, 3, 16, 48), 3 * torch.randn(1, 2, 16, 48)
    warped = kornias(reference, flow)

    def half(x: Tensor) -> Tensor:
        return (x[..., ::2, ::2] + x[..., 1::2, ::2] + x[..., ::2, 1::2] + x[..., 1::2, 1::2]) / 4

    def double(x: Tensor) -> Tensor:
        return nn.Upsample(scale_factor=2, mode="bilinear")(x)

    conv, slopes = net.enter[0], net.enter[1].weight
    full = F.conv2d(into_channels(torch.cat([warped, reference], 1), shuffle), conv.weight, conv.bias, padding=1)
    a = net.down1(full.clamp_min(0) + slopes * full.clamp_max(0))
    b = net.down2(half(a))
    c = net.up3(net.down3(half(b)))
    last = net.up1(a + double(net.up2(b + double(c))))
    assert [x.shape[1] for x in (a, b, c, last)] == [4, 6, 6, 4]
    expected = warped + out_of_channels(left(net, last), shuffle)
    torch.testing.assert_close(net(reference, flow).prediction, expected, rtol=1e-4, atol=1e-5)


@torch.no_grad()
def test_global_pooling_is_a_mean_over_the_frame_that_every_position_gets() -> None:
    """With the weights of the other reading, on a frame of any size."""
    torch.manual_seed(1)
    local = shaken(MotionCompensation(ChannelResidualBlock, WIDTHS))
    net = MotionCompensation(ChannelResidualBlock, WIDTHS, pooling="global")
    net.load_state_dict(local.state_dict())
    reference, flow = torch.rand(1, 3, 9, 23), 3 * torch.randn(1, 2, 9, 23)
    a = net.down1(net.enter(torch.cat([kornias(reference, flow), reference], 1)))
    b = net.down2(a.flatten(2).mean(2)[..., None, None])
    told = net.up2(b + net.up3(net.down3(b)))
    expected = kornias(reference, flow) + left(net, net.up1(a + told.expand(-1, -1, 9, 23)))
    torch.testing.assert_close(net(reference, flow).prediction, expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("pooling", ["local", "global"])
def test_either_pooling_learns_what_warping_lacks(pooling: str) -> None:
    """A scene that grows darker by a tenth: convolutions can tell, the flow cannot."""
    torch.manual_seed(0)
    net = MotionCompensation(ChannelResidualBlock, WIDTHS, pooling=pooling)  # type: ignore[arg-type]
    reference, flow = torch.rand(2, 3, 16, 16), torch.zeros(2, 2, 16, 16)
    optimizer = torch.optim.Adam(net.parameters(), lr=1e-2)
    losses = []
    for _ in range(60):
        loss = (net(reference, flow).prediction - 0.9 * reference).square().mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < 0.2 * losses[0]


def test_there_is_no_third_pooling() -> None:
    with pytest.raises(LicError, match="must be one of local, global, not max"):
        MotionCompensation(ResidualBlock, WIDTHS, pooling="max")  # type: ignore[arg-type]


def test_the_flow_is_told_where_a_better_prediction_is() -> None:
    """A ramp of 0.05 a pixel, warped by one pixel too few: the gradient says so, everywhere inside."""
    reference = (0.05 * torch.arange(16.0)).expand(1, 3, 8, 16).contiguous()
    flow = torch.zeros(1, 2, 8, 16, requires_grad=True)
    prediction = MotionCompensation(ResidualBlock, WIDTHS)(reference, flow).prediction
    (prediction - (reference + 0.05)).square().sum().backward()
    expected = torch.full((8, 14), -2 * 3 * 0.05 * 0.05)
    torch.testing.assert_close(flow.grad[0, 0, :, 1:-1], expected, rtol=1e-3, atol=1e-6)  # type: ignore[index]
    torch.testing.assert_close(flow.grad[0, 1, 1:-1, 1:-1], torch.zeros(6, 14), rtol=0, atol=1e-6)  # type: ignore[index]


def test_gradients_reach_every_parameter() -> None:
    net = shaken(MotionCompensation(ChannelResidualBlock, WIDTHS))
    net(torch.rand(1, 3, 8, 8), torch.rand(1, 2, 8, 8)).prediction.square().sum().backward()
    assert all(p.grad is not None and p.grad.any() for p in net.parameters())
