"""Motion estimation around a network whose answer is known: padding, smaller frames, cutting, pixels."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from common.layers.warp import warp
from lic_video.parts.motion_estimation import MotionEstimation, NoMotion, worth_moving


class Answering(nn.Module):
    """Gives a wrong flow and then what `answer` says for the size it sees; keeps what it has been shown."""

    def __init__(self, answer: Callable[[int, int], Tensor], multiple: int = 16) -> None:
        super().__init__()
        self.answer, self.multiple = answer, multiple

    def forward(self, first: Tensor, second: Tensor) -> list[Tensor]:
        self.seen = first, second
        flow = self.answer(*first.shape[2:]).expand(len(first), -1, -1, -1)
        return [flow + 99, flow]


def constant(height: int, width: int) -> Tensor:
    return torch.tensor([1.5, -0.5]).view(1, 2, 1, 1).expand(1, 2, height, width)


def ramps(height: int, width: int) -> Tensor:
    """Each position's column and row."""
    rows, columns = torch.meshgrid(torch.arange(float(height)), torch.arange(float(width)), indexing="ij")
    return torch.stack([columns, rows])[None]


def test_the_network_sees_the_frame_first_and_its_last_flow_is_taken() -> None:
    network = Answering(constant)
    frame, reference = torch.rand(2, 2, 3, 32, 48)
    flow = MotionEstimation(network)(frame, reference)
    assert torch.equal(network.seen[0], frame) and torch.equal(network.seen[1], reference)
    assert torch.equal(flow, constant(32, 48).expand(2, -1, -1, -1))


def test_sides_become_multiples_by_repeating_the_border_and_the_flow_is_cut() -> None:
    network = Answering(ramps)
    frame, reference = torch.rand(2, 1, 3, 17, 33)
    flow = MotionEstimation(network)(frame, reference)
    assert torch.equal(flow, ramps(17, 33))
    for seen, x in zip(network.seen, (frame, reference)):
        assert seen.shape == (1, 3, 32, 48) and torch.equal(seen[..., :17, :33], x)
        assert torch.equal(seen[..., 17:, :33], x[..., -1:, :].expand(-1, -1, 15, -1))
        assert torch.equal(seen[..., 33:], seen[..., 32:33].expand(-1, -1, -1, 15))


def test_a_network_with_a_least_size_sees_no_less() -> None:
    network = Answering(constant, multiple=8)
    network.least = 128  # type: ignore[assignment]
    flow = MotionEstimation(network)(*torch.rand(2, 1, 3, 40, 200))
    assert network.seen[0].shape == (1, 3, 128, 200) and flow.shape == (1, 2, 40, 200)
    MotionEstimation(network, downscale=2)(*torch.rand(2, 1, 3, 40, 200))
    assert network.seen[0].shape == (1, 3, 128, 128)


@pytest.mark.parametrize("downscale", [2, 4])
def test_smaller_frames_are_means_of_blocks(downscale: int) -> None:
    network = Answering(constant)
    frame, reference = torch.rand(2, 1, 3, 64, 128)
    MotionEstimation(network, downscale)(frame, reference)
    blocks = frame.reshape(1, 3, 64 // downscale, downscale, 128 // downscale, downscale)
    torch.testing.assert_close(network.seen[0], blocks.mean((3, 5)))


@pytest.mark.parametrize("downscale", [2, 4])
def test_flow_on_smaller_frames_is_given_in_pixels_of_the_frame(downscale: int) -> None:
    flow = MotionEstimation(Answering(constant), downscale)(*torch.rand(2, 1, 3, 61, 95))
    torch.testing.assert_close(flow, downscale * constant(61, 95))


@pytest.mark.parametrize("downscale", [2, 4])
def test_flow_on_smaller_frames_stays_at_its_place(downscale: int) -> None:
    """Position i of the smaller frame is at r·i + (r - 1)/2, so that a flow of i, r·i in pixels, is x - (r - 1)/2."""
    flow = MotionEstimation(Answering(ramps), downscale)(*torch.rand(2, 1, 3, 64, 128))
    inside = slice(downscale, -downscale)
    expected = ramps(64, 128) - (downscale - 1) / 2
    torch.testing.assert_close(flow[..., inside, inside], expected[..., inside, inside])


def test_half_precision_is_for_use_and_not_for_training() -> None:
    class Convolving(nn.Module):
        multiple = 16

        def __init__(self) -> None:
            super().__init__()
            self.layer = nn.Conv2d(6, 2, 3, padding=1)

        def forward(self, first: Tensor, second: Tensor) -> list[Tensor]:
            self.seen = self.layer(torch.cat([first, second], 1))
            return [self.seen]

    network = Convolving()
    pair = torch.rand(2, 1, 3, 32, 48)
    full = MotionEstimation(network).eval()(*pair)
    estimation = MotionEstimation(network, precision="bf16-mixed")
    assert torch.equal(estimation.train()(*pair), full)
    flow = estimation.eval()(*pair)
    assert network.seen.dtype == torch.bfloat16 and flow.dtype == torch.float32
    torch.testing.assert_close(flow, full, atol=0.02, rtol=0)
    with pytest.raises(ValueError, match="one of 32-true, bf16-mixed, not 16"):
        MotionEstimation(network, precision="16")


def test_blocks_that_motion_does_not_help_stay_where_they_are() -> None:
    """The right half has moved as the network says, the left has not."""
    reference = torch.rand(1, 3, 64, 128)
    flow = torch.tensor([3.0, 0.0]).view(1, 2, 1, 1).expand(1, 2, 64, 128)
    frame = torch.cat([reference[..., :64], warp(reference, flow)[..., 64:]], 3)
    estimation = MotionEstimation(Answering(lambda *size: flow), zero_motion=16)
    assert torch.equal(estimation.train()(frame, reference), flow)
    found = estimation.eval()(frame, reference)
    assert not found[..., :24].any() and torch.equal(found[..., 104:], flow[..., 104:])
    assert (found[:, 0].diff(dim=2) >= 0).all() and found[:, 0].diff(dim=2).max() < 0.2, "no step in between"
    assert not estimation(reference, reference).any()


@pytest.mark.parametrize("size", [(61, 95), (16, 16), (5, 7)])
def test_which_blocks_move_is_known_at_any_size(size: tuple[int, int]) -> None:
    frame, still = torch.rand(2, 2, 3, *size)
    assert torch.equal(worth_moving(frame, still, frame, 16), torch.ones(2, 1, *size))
    assert torch.equal(worth_moving(frame, frame, still, 16), torch.zeros(2, 1, *size))
    assert torch.equal(worth_moving(frame, frame, frame, 16), torch.ones(2, 1, *size)), "no hole where all is flat"
    with pytest.raises(ValueError, match="side in pixels or null, not 0"):
        MotionEstimation(Answering(constant), zero_motion=0)


def test_no_motion_is_zero_everywhere() -> None:
    flow = NoMotion()(*torch.rand(2, 3, 3, 5, 7))
    assert flow.shape == (3, 2, 5, 7) and not flow.any()
