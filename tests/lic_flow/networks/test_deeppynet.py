"""`deeppynet`: its size, its first flow, and its steps against equations (4.6) and (4.7)."""

import pytest
import torch
from hydra.utils import instantiate
from support import compose
from torch.nn import functional as F

from common.layers.warp import warp
from lic_flow.layers.dense_decoder import PlainDecoder
from lic_flow.networks.deeppynet import DeepPyNet


def tiny(**settings: object) -> DeepPyNet:
    kind = {"widths": (4, 4, 6, 8), "embedding": 8, "decoder": PlainDecoder, "hypotheses": 2, "iterations": (1, 2)}
    return DeepPyNet(**{**kind, "decoder_widths": (8, 4), "context_widths": 6 * (4,), **settings})  # type: ignore[arg-type]


@pytest.mark.parametrize(("model", "low", "high"), [("deeppynet", 5.8, 6.41), ("deeppynet_small", 1.0, 1.1)])
def test_parameters(model: str, low: float, high: float) -> None:
    network = instantiate(compose(f"model=flow/{model}").model.network)
    assert low < sum(p.numel() for p in network.parameters()) / 1e6 < high
    assert network.iterations == [4, 4]


def test_it_starts_as_block_matching_and_learns_all_of_itself() -> None:
    torch.manual_seed(0)
    network = tiny()
    first, second = torch.rand(2, 2, 3, 32, 48).unbind(0)
    flows = network(first, second)
    assert [f.shape for f in flows] == 3 * [(2, 2, 32, 48)]
    a, b = network.pyramids(2 * torch.cat([first, second]) - 1)[1].split(2)
    guesses, rest = network.cost_volume(a, b)
    first_confidence, second_confidence = rest[:, :2].unbind(1)
    total = first_confidence + second_confidence + 0.5  # none of them counts as a confidence of a half
    chosen = (first_confidence / total)[:, None] * guesses[:, 0] + (second_confidence / total)[:, None] * guesses[:, 1]
    expected = 16 * F.interpolate(chosen, scale_factor=16, mode="bilinear")
    torch.testing.assert_close(flows[0], expected)
    for layer in (network.decoder.flow, network.context.flow, network.select):
        torch.nn.init.normal_(layer.weight, std=0.1)
    for part in network.modules():  # what starts at zero keeps others from learning in the first step only
        if isinstance(part, torch.nn.Conv2d) and (part.weight == 0).all():
            torch.nn.init.normal_(part.weight, std=0.1)
    sum((f - 1).abs().mean() for f in network(first, second)).backward()
    silent = [name for name, p in network.named_parameters() if p.grad is None or not p.grad.abs().sum() > 0]
    assert silent == []


def test_steps() -> None:
    torch.manual_seed(1)
    network = tiny()
    for layer in (network.decoder.flow, network.context.flow, network.select):
        torch.nn.init.normal_(layer.weight, std=0.05)
    first, second = torch.rand(2, 1, 3, 32, 48).unbind(0)
    fine, coarse = (m.split(1) for m in network.pyramids(2 * torch.cat([first, second]) - 1))

    def step(a: torch.Tensor, b: torch.Tensor, shown: torch.nn.Module, flow: torch.Tensor) -> torch.Tensor:
        guesses, rest = network.cost_volume(a, warp(b, flow))
        features, residual = network.decoder(torch.cat([guesses.flatten(1, 2), rest, shown(a), flow], 1))
        told = network.select(features).exp() * rest[:, :2]
        weights = told / (told.sum(1, keepdim=True) + 0.5)
        flow = flow + residual + weights[:, :1] * guesses[:, 0] + weights[:, 1:] * guesses[:, 1]
        return flow + network.context(torch.cat([features, flow], 1))

    def up(flow: torch.Tensor, factor: int) -> torch.Tensor:
        return factor * F.interpolate(flow, scale_factor=factor, mode="bilinear", align_corners=False)

    flow = step(*coarse, network.shown[0], torch.zeros(1, 2, 2, 3))
    expected = [up(flow, 16)]
    flow = up(flow, 2)
    for _ in range(2):
        flow = step(*fine, network.shown[1], flow)
        expected.append(up(flow, 8))
    for ours, theirs in zip(network(first, second), expected):
        torch.testing.assert_close(ours, theirs)
        assert ours.abs().max() > 0.01


@pytest.mark.parametrize("iterations", [(0, 1), (2, 0)])
def test_a_level_left_out_takes_no_gradient_and_changes_no_other(iterations: tuple[int, int]) -> None:
    torch.manual_seed(2)
    whole = tiny(iterations=(2, 1))
    for p in whole.parameters():
        torch.nn.init.normal_(p, std=0.1)
    part = tiny(iterations=iterations)
    part.load_state_dict(whole.state_dict())
    first, second = torch.rand(2, 1, 3, 32, 48).unbind(0)
    flows = part(first, second)
    if iterations == (2, 0):
        torch.testing.assert_close(flows, whole(first, second)[:2])
    else:
        a, b = whole.pyramids(2 * torch.cat([first, second]) - 1)[0].chunk(2)
        flow = whole.refine(a, b, whole.shown[1](a), torch.zeros(1, 2, 4, 6))
        torch.testing.assert_close(flows, [8 * F.interpolate(flow, scale_factor=8, mode="bilinear")])
    flows[-1].abs().sum().backward()
    unused = {name for name, p in part.named_parameters() if not p.requires_grad}
    assert unused and unused == {name for name, p in part.named_parameters() if p.grad is None}


def test_no_refinement_is_named() -> None:
    with pytest.raises(ValueError, match="at least one refinement"):
        tiny(iterations=(0, 0))


def test_studied_settings() -> None:
    count = lambda network: sum(p.numel() for p in network.parameters())  # noqa: E731
    assert count(tiny(pyramids=2)) < count(tiny())
    assert count(tiny(repaired=())) < count(tiny(repaired=(2,))) < count(tiny(repaired=(2, 3, 4)))


def test_what_repeats_is_compiled_once() -> None:
    """Four times as many refinements give no more to compile, and the flows are the same."""
    torch.manual_seed(0)
    first, second = torch.rand(2, 1, 3, 32, 48).unbind(0)
    compiled = []
    for count in (1, 4):
        graphs: list[int] = []
        torch.compiler.reset()
        network = tiny(iterations=(count, count)).eval()
        expected = network(first, second)

        def counting(graph: torch.fx.GraphModule, _: object, graphs: list[int] = graphs) -> object:
            graphs.append(len(graph.graph.nodes))
            return graph.forward

        network.compile(backend=counting)
        torch.testing.assert_close(network(first, second), expected)
        compiled.append(sum(graphs))
    assert compiled[0] == compiled[1] > 0
