"""Padding and cropping around any flow network."""

import pytest
import torch
from torch import nn

from lic_flow.inference import estimate


class Coordinates(nn.Module):
    """Returns the first two colours of the first picture as a flow, and checks the sides it is given."""

    def __init__(self, multiple: int, least: int = 0) -> None:
        super().__init__()
        self.multiple, self.least = multiple, least

    def forward(self, first: torch.Tensor, second: torch.Tensor) -> list[torch.Tensor]:
        assert all(side % self.multiple == 0 and side >= self.least for side in first.shape[2:])
        return [torch.zeros_like(first[:, :2]), first[:, :2]]


@pytest.mark.parametrize(("height", "width"), [(16, 32), (17, 31), (1, 1), (5, 64)])
def test_the_flow_is_where_the_picture_was(height: int, width: int) -> None:
    first = torch.rand(2, 3, height, width)
    for network in (Coordinates(16), Coordinates(8, least=128)):
        assert torch.equal(estimate(network, first, first), first[:, :2])


def test_bytes_become_fractions() -> None:
    first = torch.randint(0, 256, (1, 3, 9, 9), dtype=torch.uint8)
    assert torch.equal(estimate(Coordinates(8), first, first), first[:, :2].float() / 255)
