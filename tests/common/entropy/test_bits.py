"""Bits under logits: likelihoods are those of the tables, and what is written is read."""

import pytest
import torch

from common.entropy.bits import LEAST_BITS, MOST, STEP, BitLikelihoods, BitModel, BitReader, BitWriter
from common.entropy.walks import phases
from common.errors import StreamError


def drawn(size: tuple[int, int, int, int] = (1, 8, 20, 31)) -> tuple[torch.Tensor, torch.Tensor]:
    """Logits, and bits as probable as these say."""
    torch.manual_seed(0)
    logits = 3 * torch.randn(size)
    return logits, torch.where(torch.rand(size) < torch.sigmoid(logits), 1.0, -1.0)


def test_likelihoods_are_the_logistic_function_of_rounded_logits() -> None:
    logits, bits = drawn()
    model = BitModel().eval()
    rounded = (logits.clamp(-MOST, MOST) / STEP).round() * STEP
    assert torch.allclose(model(bits, logits), torch.sigmoid(bits * rounded), atol=2e-4)
    assert torch.equal(model.train()(bits, logits), torch.sigmoid(bits * logits.clamp(-MOST, MOST)))


@pytest.mark.parametrize("kind", [torch.float32, torch.float16])
def test_in_training_a_bit_costs_at_most_what_it_does_in_a_file(kind: torch.dtype) -> None:
    """And a logit that is too sure of a wrong bit is pulled back, one that is sure of a right bit not pushed on."""
    logits = torch.tensor([40.0, 40.0, -40.0, 1.0], dtype=kind).requires_grad_()
    bits = torch.tensor([-1.0, 1.0, 1.0, -1.0], dtype=kind)
    nats = -BitModel().train()(bits, logits).log()
    assert nats.dtype == torch.float32
    assert nats.tolist() == pytest.approx([6.0025, 0.0025, 6.0025, 1.3133], rel=1e-2)
    nats.sum().backward()
    assert logits.grad is not None
    assert logits.grad.tolist() == pytest.approx([0.9975, 0.0, -0.9975, 0.7311], rel=1e-3)


def test_rounding_logits_costs_next_to_nothing() -> None:
    logits, bits = drawn((1, 8, 100, 100))
    model = BitModel()
    exact, coded = (-model.train(mode)(bits, logits.clamp(-MOST, MOST)).log2().mean() for mode in (True, False))
    assert abs(coded - exact) < 7e-4


def test_no_bit_costs_less_than_is_said() -> None:
    model = BitModel().eval()
    assert -model(torch.ones(1), torch.tensor([100.0])).log2().item() > LEAST_BITS


def test_what_is_written_is_read() -> None:
    logits, bits = drawn()
    model = BitModel().eval()
    parts = phases(20, 31, 2)
    measured, writer = BitLikelihoods(model, bits), BitWriter(model, bits)
    for positions in parts:
        assert measured(logits, positions) is bits and writer(logits, positions) is bits
    stream = writer.finish()
    assert 8 * len(stream) == pytest.approx(-measured.likelihoods.log2().sum().item(), rel=0.01)
    reader = BitReader(model, stream)
    read = [reader(logits, positions) for positions in parts]
    reader.finish()
    assert torch.equal(read[0] + read[1], bits) and not (read[0] * read[1]).any()
    for damaged in (stream[:-4], stream + bytes(4), b"", bytes(len(stream))):
        with pytest.raises(StreamError):
            reader = BitReader(model, damaged)
            for positions in parts:
                reader(logits, positions)
            reader.finish()
