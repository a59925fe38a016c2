"""The network of the bits' probabilities sees what a decoder has, and nothing else."""

import torch
from torch import Tensor

from common.entropy import exact
from common.entropy.walks import phases
from lic_image.layers.bit_context import BitContext


def network() -> BitContext:
    torch.manual_seed(0)
    context = BitContext(6, 3, 8).eval()
    with torch.no_grad():
        for parameter in context.parameters():
            parameter.add_(0.1 * torch.randn_like(parameter))
    return context


def walked(context: BitContext, iterations: list[Tensor]) -> tuple[list[Tensor], Tensor]:
    """The logits that are told, part by part, and the last state."""
    state, told = context.begin(1, (4, 5)), list[Tensor]()
    with torch.no_grad():
        for t, bits in enumerate(iterations):

            def visit(logits: Tensor, positions: Tensor, bits: Tensor = bits) -> Tensor:
                told.append(logits * positions)
                return bits

            done, state = context.walk(state, t, visit)
            assert torch.equal(done, bits)
    return told, state


def test_a_part_depends_on_those_before_it_alone() -> None:
    context = network()
    even, _ = phases(4, 5, 2)
    bits = [torch.where(torch.rand(1, 6, 4, 5) < 0.5, 1.0, -1.0) for _ in range(2)]
    told, _ = walked(context, bits)
    odd_changed, _ = walked(context, [bits[0], torch.where(even, bits[1], -bits[1])])
    assert all(torch.equal(a, b) for a, b in zip(told, odd_changed)), "odd positions of the last iteration: no one's"
    even_changed, _ = walked(context, [bits[0], torch.where(even, -bits[1], bits[1])])
    assert torch.equal(told[2], even_changed[2]) and not torch.equal(told[3], even_changed[3])
    first_changed, _ = walked(context, [-bits[0], bits[1]])
    assert torch.equal(told[0], first_changed[0])
    assert not torch.equal(told[1], first_changed[1]) and not torch.equal(told[2], first_changed[2])


def test_it_is_exact() -> None:
    context = network()
    bits = [torch.where(torch.rand(1, 6, 4, 5) < 0.5, 1.0, -1.0) for _ in range(3)]
    told, state = walked(context, bits)
    with exact.shuffled_sums():
        again, other = walked(context, bits)
    assert all(torch.equal(a, b) for a, b in zip(told, again)) and torch.equal(state, other)
    assert state.abs().max() <= 1


def test_it_starts_at_bits_of_one_bit() -> None:
    told, _ = walked(BitContext(6, 3, 8).eval(), [torch.ones(1, 6, 4, 5)])
    assert not any(logits.any() for logits in told)
