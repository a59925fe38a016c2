"""Weights of 2-D convolutions change their order, all else stays."""

import torch
from torch import nn

from common.layers.memory_format import in_memory_format


def test_networks_with_3d_convolutions_too() -> None:
    network = nn.Sequential(nn.Conv2d(3, 4, 3), nn.Conv3d(4, 4, 3), nn.Linear(3, 3))
    before = {name: value.clone() for name, value in network.state_dict().items()}
    parameters = list(network.parameters())
    assert in_memory_format(network, torch.channels_last) is network
    assert network[0].weight.is_contiguous(memory_format=torch.channels_last)
    assert network[1].weight.is_contiguous() and all(a is b for a, b in zip(parameters, network.parameters()))
    assert all(torch.equal(value, before[name]) for name, value in network.state_dict().items())
    assert in_memory_format(network, torch.contiguous_format)[0].weight.is_contiguous()
