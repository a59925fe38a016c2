"""Watching a flow network at work."""

import pytest
import torch
from torch import nn

from common.errors import LicError
from common.layers.warp import warp
from lic_flow.layers.dense_decoder import PlainDecoder
from lic_flow.networks.deeppynet import DeepPyNet
from lic_flow.networks.pwcnet import PWCNet
from lic_flow.watch import watching


def busy(**settings: object) -> DeepPyNet:
    """A small network in which nothing is zero any more, as after some training."""
    torch.manual_seed(0)
    kind = {"widths": (4, 4, 6, 8), "embedding": 8, "decoder": PlainDecoder, "hypotheses": 2, "iterations": (1, 2)}
    network = DeepPyNet(**{**kind, "decoder_widths": (8, 4), "context_widths": 6 * (4,), **settings})  # type: ignore[arg-type]
    with torch.no_grad():
        for p in network.parameters():
            p.add_(0.1 * torch.randn_like(p))
    return network.eval()


def hooks(network: nn.Module) -> int:
    return sum(len(part._forward_hooks) + len(part._forward_pre_hooks) for part in network.modules())


@torch.no_grad()
def test_every_pyramid_is_seen_and_how_it_is_repaired() -> None:
    network = busy()
    first, second = torch.rand(2, 1, 3, 32, 48).unbind(0)
    with watching(network) as seen:
        network(first, second)
    assert {level: [f.shape for f in pyramids] for level, pyramids in seen.features.items()} == {
        level: 3 * [(2, C, 32 >> level, 48 >> level)] for level, C in zip((1, 2, 3, 4), (4, 4, 6, 8))
    }
    assert {level: len(repairs) for level, repairs in seen.repairs.items()} == {2: 2, 3: 2, 4: 2}
    left, middle, _ = seen.features[3]
    right = network.pyramids.pyramids[2][2]
    for repair, before in zip(seen.repairs[3], (left, middle)):
        assert repair.mask.shape == before.shape and 0 <= repair.mask.min() < repair.mask.max() <= 1
    coarse = right.down(seen.features[2][2])
    mask, added = seen.repairs[3][1]
    torch.testing.assert_close(right.repair(coarse, middle), coarse * mask + added)


@torch.no_grad()
def test_every_step_is_seen_with_what_its_decoder_is_given() -> None:
    network = busy()
    first, second = torch.rand(2, 1, 3, 32, 48).unbind(0)
    given: list[torch.Tensor] = []
    handle = network.decoder.register_forward_hook(lambda block, args, out: given.append(args[0]))
    with watching(network) as seen:
        flows = network(first, second)
    handle.remove()
    assert len(seen.steps) == len(flows) == 3
    assert [step.flow.shape for step in seen.steps] == [(1, 2, 2, 3), (1, 2, 4, 6), (1, 2, 4, 6)]
    assert seen.steps[0].flow.abs().max() == 0 and seen.steps[2].flow.abs().max() > 0
    for step, x in zip(seen.steps, given):
        parts = [step.guesses.flatten(1, 2), step.confidences, step.costs.mean(1).flatten(1, 2)]
        assert torch.equal(torch.cat(parts, 1), x[:, : network.cost_volume.channels])
        assert not torch.allclose(step.costs, step.similarities)
    fine = network.pyramids(2 * torch.cat([first, second]) - 1)[0].split(1)
    warped = warp(fine[1], seen.steps[2].flow)
    torch.testing.assert_close(seen.steps[2].similarities, network.cost_volume.similarities(fine[0], warped))


@torch.no_grad()
def test_what_is_seen_is_the_last_pass() -> None:
    network = busy(pyramids=1, repaired=())
    with watching(network) as seen:
        for _ in range(2):
            network(*torch.rand(2, 1, 3, 16, 32).unbind(0))
    assert len(seen.steps) == 3 and [len(pyramids) for pyramids in seen.features.values()] == 4 * [1]
    assert seen.repairs == {}


def test_the_network_is_left_as_it_was() -> None:
    network = busy()
    before = hooks(network)
    with pytest.raises(RuntimeError), watching(network):
        assert hooks(network) > before
        network(torch.rand(1, 1, 32, 32), torch.rand(1, 1, 32, 32))  # no pictures
    assert hooks(network) == before


def test_another_network_is_refused() -> None:
    with pytest.raises(LicError, match="PWCNet"), watching(PWCNet(0.25)):
        pass
