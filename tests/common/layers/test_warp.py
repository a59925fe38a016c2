"""Backward warping against shifts and kornia."""

import torch
from kornia.geometry.transform import remap

from common.layers.warp import warp


def test_whole_pixels_are_fetched_and_the_border_goes_on() -> None:
    x = torch.arange(12.0).view(1, 1, 3, 4)
    flow = torch.zeros(1, 2, 3, 4)
    flow[:, 0] = 1  # one to the right
    expected = [[1.0, 2, 3, 3], [5, 6, 7, 7], [9, 10, 11, 11]]
    torch.testing.assert_close(warp(x, flow)[0, 0], torch.tensor(expected))
    down = torch.zeros(1, 2, 3, 4)
    down[:, 1] = 1
    torch.testing.assert_close(warp(x, down)[0, 0], torch.tensor([[4.0, 5, 6, 7], [8, 9, 10, 11], [8, 9, 10, 11]]))


def test_between_pixels_it_is_kornias() -> None:
    x, flow = torch.rand(2, 3, 7, 9), 3 * torch.randn(2, 2, 7, 9)
    rows, columns = torch.meshgrid(torch.arange(7.0), torch.arange(9.0), indexing="ij")
    theirs = remap(x, columns + flow[:, 0], rows + flow[:, 1], padding_mode="border", align_corners=True)
    torch.testing.assert_close(warp(x, flow), theirs)


def test_half_precision_does_not_shorten_the_way() -> None:
    """At column 999 bfloat16 steps by 4 pixels."""
    x = torch.arange(1000.0).expand(1, 1, 2, 1000)
    with torch.autocast("cpu", torch.bfloat16):
        moved = warp(x, torch.full((1, 2, 2, 1000), -1.0))
    torch.testing.assert_close(moved[0, 0, 0, 1:], torch.arange(999.0))


def test_a_single_row_or_column() -> None:
    x = torch.rand(1, 2, 1, 5)
    torch.testing.assert_close(warp(x, torch.zeros(1, 2, 1, 5)), x)
