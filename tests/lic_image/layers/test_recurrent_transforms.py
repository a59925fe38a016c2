"""Encoder, decoder and binarizer of the recurrent codecs."""

import math

import pytest
import torch

from common.errors import LicError
from lic_image.layers.recurrent_cells import ConvLSTM
from lic_image.layers.recurrent_transforms import RecurrentDecoder, RecurrentEncoder, binarized


def test_sixteen_by_sixteen_pixels_are_a_position() -> None:
    encoder, decoder = RecurrentEncoder(ConvLSTM, (4, 8, 8, 12), 6), RecurrentDecoder(ConvLSTM, (16, 16, 8, 8), 6)
    values, states = encoder(torch.rand(2, 3, 48, 32), encoder.begin())
    assert values.shape == (2, 6, 3, 2) and len(states) == 3
    x, states = decoder(binarized(values, training=False), decoder.begin())
    assert x.shape == (2, 3, 48, 32) and x.abs().max() < 1 and len(states) == 4


def test_later_iterations_know_of_earlier_ones() -> None:
    torch.manual_seed(0)
    decoder = RecurrentDecoder(ConvLSTM, (16, 16, 8, 8), 6)
    bits = torch.ones(1, 6, 2, 2)
    first, states = decoder(bits, decoder.begin())
    again, _ = decoder(bits, states)
    assert not torch.allclose(first, again)


def test_the_papers_network_at_size_base() -> None:
    """Of 512 and 256 channels: 16 iterations of 32 bits for 16x16 pixels are 2 bpp."""
    encoder, decoder = (
        RecurrentEncoder(ConvLSTM, (64, 256, 512, 512), 32),
        RecurrentDecoder(ConvLSTM, (512, 512, 256, 128), 32),
    )
    assert [cell.inputs.weight.shape[:2] for cell in decoder.cells] == [
        (2048, 512),
        (2048, 128),
        (1024, 128),
        (512, 64),
    ]
    assert [cell.hidden.kernel_size[0] for cell in decoder.cells] == [1, 1, 3, 3]
    assert [cell.hidden.kernel_size[0] for cell in encoder.cells] == [1, 1, 1]


@pytest.mark.parametrize("channels", [(16, 16, 8), (16, 16, 8, 6)])
def test_a_decoder_that_cannot_shuffle_is_refused(channels: tuple[int, ...]) -> None:
    with pytest.raises(LicError, match="four cells, of multiples of 4 channels"):
        RecurrentDecoder(ConvLSTM, channels, 6)


def test_bits_at_random_expect_the_tanh_of_the_value_and_have_its_gradient() -> None:
    torch.manual_seed(0)
    values = torch.full((1, 4000), math.atanh(0.3), requires_grad=True)
    bits = binarized(values, training=True)
    assert set(bits.round(decimals=6).tolist()[0]) == {-1.0, 1.0} and bits.mean().item() == pytest.approx(0.3, abs=0.05)
    bits.sum().backward()
    assert torch.allclose(values.grad, torch.full_like(values, 1 - 0.3**2))  # type: ignore[arg-type]
    assert binarized(torch.tensor([-0.1, 0.0, 0.1]), training=False).tolist() == [-1.0, 1.0, 1.0]
