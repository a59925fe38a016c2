"""The context network: how far it sees, what it counts."""

from itertools import pairwise

import pytest
import torch

from lic_flow.layers.context_network import ContextNetwork


def test_it_sees_67_positions_across_and_no_further() -> None:
    network = ContextNetwork(1, (2, 2, 2, 2, 2, 2))
    for p in network.parameters():
        torch.nn.init.constant_(p, 0.1)  # nothing cancels
    x = torch.zeros(1, 1, 73, 73, requires_grad=True)
    network(x)[0, :, 36, 36].sum().backward()
    assert x.grad is not None
    rows, columns = x.grad[0, 0].nonzero().unbind(1)
    assert (rows.min(), rows.max(), columns.min(), columns.max()) == (3, 69, 3, 69)


def test_weights_of_the_paper_counted_by_hand() -> None:
    channels = [565, 128, 128, 128, 96, 64, 32, 2]
    expected = sum(9 * i * o + o for i, o in pairwise(channels))
    assert sum(p.numel() for p in ContextNetwork(565).parameters()) == expected


def test_other_widths_and_dilations() -> None:
    network = ContextNetwork(5, [4, 3], [1, 2])
    assert network(torch.randn(2, 5, 6, 7)).shape == (2, 2, 6, 7)
    with pytest.raises(ValueError):
        ContextNetwork(5, [4, 3], [1, 2, 4])
