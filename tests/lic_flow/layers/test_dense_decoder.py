"""Decoders: what each convolution gets, and in which order its results stand."""

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from lic_flow.layers.dense_decoder import DenseDecoder, PlainDecoder


def parameters(module: nn.Module) -> int:
    return sum(p.numel() for p in module.parameters())


def test_dense_decoder_of_the_paper_has_the_weights_counted_by_hand() -> None:
    decoder = DenseDecoder(81)
    inputs = [81, 81 + 128, 81 + 256, 81 + 352, 81 + 416, 81 + 448]
    outputs = [128, 128, 96, 64, 32, 2]
    assert decoder.channels_out == inputs[-1]
    assert parameters(decoder) == sum(9 * i * o + o for i, o in zip(inputs, outputs))


def test_each_convolution_of_the_dense_decoder_gets_all_before_it_newest_first() -> None:
    decoder = DenseDecoder(2, (3, 5))
    x = torch.randn(1, 2, 4, 6)
    (conv1, _), (conv2, _) = decoder.layers  # type: ignore[misc]
    first = F.leaky_relu(conv1(x), 0.1)
    second = F.leaky_relu(conv2(torch.cat([first, x], 1)), 0.1)
    features, flow = decoder(x)
    torch.testing.assert_close(features, torch.cat([second, first, x], 1))
    torch.testing.assert_close(flow, decoder.flow(features))
    assert flow.shape == (1, 2, 4, 6)


def test_plain_decoder_is_a_chain() -> None:
    decoder = PlainDecoder(4, [6, 5])
    x = torch.randn(2, 4, 3, 5)
    (conv1, _), (conv2, _) = decoder.layers  # type: ignore[misc]
    expected = F.leaky_relu(conv2(F.leaky_relu(conv1(x), 0.1)), 0.1)
    features, flow = decoder(x)
    torch.testing.assert_close(features, expected)
    torch.testing.assert_close(flow, decoder.flow(expected))
    assert decoder.channels_out == features.shape[1] == 5
    assert parameters(decoder) == 9 * (4 * 6 + 6 * 5 + 5 * 2) + 6 + 5 + 2


@pytest.mark.parametrize("kind", [DenseDecoder, PlainDecoder])
def test_gradients_reach_everything(kind: type[nn.Module]) -> None:
    decoder = kind(3, (4, 4, 4))
    x = torch.randn(1, 3, 4, 4, requires_grad=True)
    decoder(x)[1].square().sum().backward()
    assert x.grad is not None and x.grad.abs().sum() > 0
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in decoder.parameters())
