"""Start a recurrent codec as a transform of 16x16 pixels whose coefficients' signs are its bits.

    encoder   four levels of `common.layers.classical_start` (Haar's pyramid, or a KLT), values are the coefficients
    decoder   its transpose; with `keeps` its first cell adds up what all iterations said (for one-shot reconstruction)

With `BitChoice` this is successive approximation: the sign of what is still missing, times its mean size. What a random
start gives instead: an encoder whose values differ by 0.0003 from place to place, so that bits are noise, and nothing
says to the encoder what they should be.
"""

from typing import Any

import torch
from torch import Tensor

from common.errors import LicError
from common.layers.classical_start import Start, basis
from lic_image.layers.recurrent_transforms import RecurrentDecoder, RecurrentEncoder

SMALL = 0.25  # of values inside, times those outside: where tanh is close to the identity


@torch.no_grad()
def start_as_transform(
    start: Start, encoder: RecurrentEncoder, decoder: RecurrentDecoder, x: Tensor, keeps: bool
) -> None:
    """Set the weights from examples `x` (B, 3, H, W), whose values are centred at 0.

    The values of the encoder are then coefficients, and the decoder takes coefficients.

    Args:
        keeps: the decoder is to tell the sum of what it has been given, not the last.

    Raises:
        LicError: the decoder has too few channels for three colours.
    """
    cells: Any = decoder.cells  # each with its channels
    widths: list[Any] = [encoder.enter.out_channels, *(cell.channels for cell in encoder.cells)]
    rooms = [*(cell.channels // 4 for cell in list(cells)[2::-1]), decoder.enter.in_channels]
    if cells[-1].channels < 12:
        raise LicError(
            f"model.codec.start={start} needs a last cell of the decoder of 12 channels or more, four for each "
            f"colour, not {cells[-1].channels}; start=random does not."
        )
    levels, kept = [], x
    for width, room in zip(widths, rooms):
        patterns, kept = basis(start)(kept, min(width, room))
        levels.append(patterns)
    _start_encoder(encoder, levels)
    _start_decoder(decoder, levels[::-1], keeps)


def _start_encoder(encoder: RecurrentEncoder, levels: list[Tensor]) -> None:
    cells: Any = encoder.cells
    inputs = [3, *(cell.inputs.in_channels for cell in cells)]
    first, *others = (_taps(count, each) for count, each in zip(inputs, levels))
    encoder.enter.weight[: len(first)] = SMALL * first
    encoder.enter.bias.zero_()  # type: ignore[union-attr]
    for cell, weight in zip(cells, others):
        cell.start_linear(weight, keeps=False)
    _start_as_identity(encoder.leave, 1 / SMALL)


def _taps(inputs: int, patterns: Tensor) -> Tensor:
    """Patterns (n, C, 2, 2) as 3x3 kernels of stride 2, (n, inputs, 3, 3); a mean stays as large as it is."""
    weight = patterns.new_zeros(len(patterns), inputs, 3, 3)
    weight[:, : patterns.shape[1], 1:, 1:] = patterns / 2
    return weight


def _start_decoder(decoder: RecurrentDecoder, levels: list[Tensor], keeps: bool) -> None:
    _start_as_identity(decoder.enter, SMALL)
    cells: Any = decoder.cells
    for place, (cell, patterns) in enumerate(zip(cells, levels)):
        n, C = patterns.shape[:2]
        weight = patterns.new_zeros(4 * C, cell.inputs.in_channels, 3, 3)
        weight[:, :n, 1, 1] = 2 * patterns.reshape(n, 4 * C).T  # in the order of F.pixel_shuffle
        cell.start_linear(weight, keeps=keeps and place == 0)
    _start_as_identity(decoder.leave, 1 / SMALL)


def _start_as_identity(layer: torch.nn.Conv2d, gain: float) -> None:
    """A 1x1 convolution."""
    torch.nn.init.dirac_(layer.weight)
    layer.weight *= gain
    layer.bias.zero_()  # type: ignore[union-attr]
