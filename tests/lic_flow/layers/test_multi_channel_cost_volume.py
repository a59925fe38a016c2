"""The multi-channel cost volume against its parts, written out, and on shifts that it must find."""

import torch
from torch.nn import functional as F

from lic_flow.layers.multi_channel_cost_volume import MultiChannelCostVolume


def similarities(first: torch.Tensor, second: torch.Tensor, K: int, radius: int) -> torch.Tensor:
    """Equation (4.5), position by position."""
    B, C, H, W = first.shape
    side = 2 * radius + 1
    out = torch.zeros(B, K, side, side, H, W)
    for b, k, i, j, y, x in torch.cartesian_prod(*map(torch.arange, (B, K, side, side, H, W))).tolist():
        row, column = y + i - radius, x + j - radius
        if 0 <= row < H and 0 <= column < W:
            group = slice(k * C // K, (k + 1) * C // K)
            out[b, k, i, j, y, x] = F.cosine_similarity(first[b, group, y, x], second[b, group, row, column], dim=0)
    return out


def test_similarities_are_cosines_of_groups() -> None:
    first, second = torch.randn(2, 1, 6, 3, 4).unbind(0)
    volume = MultiChannelCostVolume(hypotheses=3, radius=1)
    mean = first.mean((2, 3), keepdim=True)
    expected = similarities(first - mean, second - mean, 3, 1)
    torch.testing.assert_close(volume.similarities(first, second), expected)


def test_filter_is_separable_in_four_dimensions() -> None:
    """A cost that stands alone spreads over 3x3 displacements and 5x5 positions."""
    volume = MultiChannelCostVolume(hypotheses=1, radius=2, filters=1)
    for conv in (volume.over_displacements[0], volume.over_positions[0]):
        torch.nn.init.ones_(conv.weight)
    costs = torch.zeros(1, 1, 5, 5, 7, 8)
    costs[0, 0, 2, 1, 3, 4] = 1
    expected = torch.zeros_like(costs)
    expected[0, 0, 1:4, 0:3, 1:6, 2:7] = 1
    torch.testing.assert_close(volume.filtered(costs), expected)
    twice = MultiChannelCostVolume(hypotheses=1, radius=2, filters=2)
    assert twice.filtered(costs).count_nonzero() > 25, "again by the second filter"


def test_filters_start_as_sums_over_positions() -> None:
    """Inside, constant costs stay what they are; displacements are not mixed, hypotheses half."""
    volume = MultiChannelCostVolume(hypotheses=2, radius=1, filters=1)
    costs = torch.zeros(1, 2, 3, 3, 9, 9)
    costs[0, 0, 1, 2] = 1
    filtered = volume.filtered(costs)[0, :, :, :, 4, 4]
    expected = torch.zeros(2, 3, 3)
    expected[:, 1, 2] = torch.tensor([0.75, 0.25])
    torch.testing.assert_close(filtered, expected)


def test_soft_argmax_is_truncated_to_the_neighbours_of_the_best() -> None:
    volume = MultiChannelCostVolume(hypotheses=1, radius=2)
    scores = torch.full((1, 1, 5, 5), -3.0)
    scores[0, 0, 1, 3] = 2.0  # dy = -1, dx = +1
    scores[0, 0, 1, 2] = 1.0
    scores[0, 0, 4, 0] = 1.9  # a second candidate far away does not draw it
    guess, confidence = volume.soft_argmax(scores.reshape(1, 1, 25, 1, 1))
    p = scores.flatten().softmax(0).view(5, 5)
    near = p[0:3, 2:5]
    dx = (near * torch.tensor([0.0, 1, 2])).sum() / near.sum()
    dy = (near * torch.tensor([[-2.0], [-1], [0]])).sum() / near.sum()
    torch.testing.assert_close(guess.flatten(), torch.stack([dx, dy]))
    torch.testing.assert_close(confidence.item(), near.sum().item())


def test_at_the_border_of_the_window_there_are_fewer_neighbours() -> None:
    volume = MultiChannelCostVolume(hypotheses=1, radius=1)
    scores = torch.tensor([5.0, 1, 9, 0, 0, 9, 0, 0, 0]).view(1, 1, 9, 1, 1)
    scores[0, 0, 2] = 20.0  # dy = -1, dx = +1, a corner: four displacements count
    guess, confidence = volume.soft_argmax(scores)
    p = scores.flatten().softmax(0)
    part = p[1] + p[2] + p[4] + p[5]
    torch.testing.assert_close(guess.flatten(), torch.stack([(p[2] + p[5]) / part, -(p[1] + p[2]) / part]))
    torch.testing.assert_close(confidence.flatten(), part[None])


def test_every_hypothesis_finds_a_shift() -> None:
    second = torch.randn(1, 64, 10, 12)
    first = second.roll((-2, 3), (2, 3))  # first(y, x) = second(y + 2, x - 3)
    volume = MultiChannelCostVolume(hypotheses=4)
    volume.sharpness.data.fill_(100)
    guesses, rest = volume(first, second)
    assert guesses.shape == (1, 4, 2, 10, 12) and rest.shape == (1, 4 + 81, 10, 12) and volume.channels == 3 * 4 + 81
    found = guesses[0, :, :, :8, 3:].mean((2, 3))
    torch.testing.assert_close(found, torch.tensor([[-3.0, 2.0]]).expand(4, 2), atol=0.1, rtol=0)


def test_all_parameters_learn() -> None:
    volume = MultiChannelCostVolume(hypotheses=2, radius=2)
    first, second = torch.randn(2, 1, 8, 6, 6, requires_grad=True).unbind(0)
    sum(part.square().sum() for part in volume(first, second)).backward()
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in volume.parameters())
