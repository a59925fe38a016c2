"""PWC-Net: published size, the units of its flow, what is warped where."""

from collections.abc import Iterator

import pytest
import torch
from torch import Tensor

from common.layers.warp import warp
from lic_flow.networks import pwcnet
from lic_flow.networks.pwcnet import PWCNet

LEVELS = [6, 5, 4, 3, 2]


@pytest.fixture
def network() -> PWCNet:
    torch.manual_seed(0)
    return PWCNet(0.125)


@pytest.fixture
def silent(network: PWCNet) -> Iterator[PWCNet]:
    """All weights zero."""
    for p in network.parameters():
        torch.nn.init.zeros_(p)
    with torch.no_grad():
        yield network


def pair(H: int, W: int) -> tuple[Tensor, Tensor]:
    return torch.rand(2, 3, H, W), torch.rand(2, 3, H, W)


def test_it_has_as_many_weights_as_ptlflows() -> None:
    with torch.device("meta"):
        assert sum(p.numel() for p in PWCNet().parameters()) == 9_374_274


def test_flows_are_at_full_resolution_and_every_weight_learns(network: PWCNet) -> None:
    first, second = pair(64, 128)
    flows = network(first, second)
    assert [tuple(flow.shape) for flow in flows] == 5 * [(2, 2, 64, 128)]
    sum(flow.square().mean() for flow in flows).backward()
    assert [name for name, p in network.named_parameters() if p.grad is None or not p.grad.any()] == []


def test_flow_is_in_units_of_20_pixels_at_every_level(silent: PWCNet) -> None:
    for level, decoder in zip(LEVELS, silent.decoders):
        decoder.flow.bias.copy_(torch.tensor([level, -0.5]))  # type: ignore[union-attr, operator]
    silent.context.flow.bias.copy_(torch.tensor([0.25, 1]))  # type: ignore[union-attr]
    flows = silent(*pair(64, 64))
    expected = [(20.0 * level, -10.0) for level in LEVELS]
    expected[-1] = (20 * 2.25, 10.0)  # the context network adds to the finest only
    for flow, (u, v) in zip(flows, expected, strict=True):
        torch.testing.assert_close(flow, torch.tensor([u, v]).view(1, 2, 1, 1).expand(2, 2, 64, 64))


def test_the_coarser_flow_moves_the_second_onto_the_first(network: PWCNet, monkeypatch: pytest.MonkeyPatch) -> None:
    """The second picture is the first, moved by 16 pixels to the right and 8 down; the flow handed on says so."""
    flows: list[Tensor] = []
    volumes: list[tuple[Tensor, Tensor]] = []

    def noting_warp(x: Tensor, flow: Tensor) -> Tensor:
        flows.append(flow)
        return warp(x, flow)

    def noting_volume(c1: Tensor, c2: Tensor, radius: int) -> Tensor:
        volumes.append((c1, c2))
        return torch.zeros(c1.shape[0], (2 * radius + 1) ** 2, *c1.shape[2:])

    monkeypatch.setattr(pwcnet, "warp", noting_warp)
    monkeypatch.setattr(pwcnet, "cost_volume", noting_volume)
    for layer in network.flows_up:
        torch.nn.init.zeros_(layer.weight)  # type: ignore[arg-type]
        layer.bias.data = torch.tensor([16 / 20, 8 / 20])
    scene = torch.rand(1, 3, 128 + 8, 128 + 16)
    with torch.no_grad():
        network(scene[..., 8:, 16:], scene[..., :-8, :-16])
    for level, flow in zip(LEVELS[1:], flows, strict=True):
        torch.testing.assert_close(flow[0, :, 0, 0], torch.tensor([16.0, 8.0]) / 2**level)
    c1, moved = volumes[LEVELS.index(2)]
    inner = (..., slice(8, -8), slice(8, -8))  # as far as the borders reach into level 2, and the motion
    torch.testing.assert_close(moved[inner], c1[inner])
    assert not torch.equal(moved, c1)


def test_pictures_of_a_batch_do_not_meet(network: PWCNet) -> None:
    first, second = pair(64, 64)
    with torch.no_grad():
        torch.testing.assert_close(network(first, second)[-1][1:], network(first[1:], second[1:])[-1])
