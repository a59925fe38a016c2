"""A recurrent codec that starts as a transform."""

from typing import Any

import pytest
import torch
from support import textured

from common.errors import LicError
from lic_image.layers.recurrent_cells import AssociativeLSTM, ConvGRU, ConvLSTM
from lic_image.layers.recurrent_start import start_as_transform
from lic_image.layers.recurrent_transforms import RecurrentDecoder, RecurrentEncoder

VALUES = 64


def networks(cell: Any, start: Any, keeps: bool) -> tuple[RecurrentEncoder, RecurrentDecoder, torch.Tensor]:
    torch.manual_seed(0)
    encoder = RecurrentEncoder(cell, (16, 32, 48, VALUES), VALUES)
    decoder = RecurrentDecoder(cell, (VALUES, 48, 24, 12), VALUES)
    x = torch.from_numpy(textured(64, 64)).permute(2, 0, 1)[None] / 255 - 0.5
    start_as_transform(start, encoder, decoder, x, keeps)
    return encoder, decoder, x


@torch.no_grad()
@pytest.mark.parametrize("start", ["pyramid", "klt"])
@pytest.mark.parametrize("cell", [ConvLSTM, ConvGRU, AssociativeLSTM])
def test_the_decoder_undoes_the_encoder(cell: Any, start: str) -> None:
    """All but the finest detail of a smooth picture is in 64 of 768 coefficients."""
    encoder, decoder, x = networks(cell, start, keeps=False)
    values, _ = encoder(x, encoder.begin())
    x_hat, _ = decoder(values, decoder.begin())
    assert (x_hat - x).square().mean() < 0.1 * x.square().mean()


@torch.no_grad()
def test_a_decoder_that_keeps_adds_up_what_it_is_given() -> None:
    for keeps in (True, False):
        encoder, decoder, x = networks(ConvLSTM, "klt", keeps)
        values, _ = encoder(x, encoder.begin())
        first, states = decoder(values / 2, decoder.begin())
        second, _ = decoder(values / 2, states)
        gain = ((second * first).sum() / first.square().sum()).item()
        assert gain == pytest.approx(2 if keeps else 1, abs=0.25)


def test_too_few_channels_are_one_sentence() -> None:
    encoder, decoder = RecurrentEncoder(ConvLSTM, (4, 8, 8, 12), 6), RecurrentDecoder(ConvLSTM, (16, 16, 8, 8), 6)
    with pytest.raises(LicError, match="12 channels or more"):
        start_as_transform("klt", encoder, decoder, torch.rand(1, 3, 32, 32), keeps=False)
