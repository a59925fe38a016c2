"""Encoder and decoder of the recurrent residual codecs, and the binarizer between them.

    residual ─ 3x3 s2 ─ cell s2 ─ cell s2 ─ cell s2 ─ 1x1 ─ values ─ tanh ─ binarizer ─ bits, each for 16x16 pixels
    bits ─ 1x1 ─ cell ─ shuffle ─ cell ─ shuffle ─ cell ─ shuffle ─ cell ─ shuffle ─ 1x1 ─ tanh ─ picture or residual

G. Toderici et al.: "Full resolution image compression with recurrent neural networks", CVPR 2017, figure 2 and table 1.
A shuffle turns four channels into 2x2 pixels of one.
"""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from common.entropy.quantisers import straight_through
from common.errors import LicError
from common.randomness import rand_for_batch
from lic_image.layers.recurrent_cells import State

Cell = Callable[..., nn.Module]  # called with (inputs, channels, stride=…, hidden_kernel=…)
States = Sequence[State | None]


class RecurrentEncoder(nn.Module):
    """Args: `cell`, makes one; `channels` of the first convolution and of the three cells; `bits` for 16x16 pixels."""

    def __init__(self, cell: Cell, channels: Sequence[int], bits: int) -> None:
        super().__init__()
        enter, *cells = channels
        self.enter = nn.Conv2d(3, enter, 3, stride=2, padding=1)
        self.cells = nn.ModuleList(cell(a, b, stride=2, hidden_kernel=1) for a, b in zip(channels, cells))
        self.leave = nn.Conv2d(cells[-1], bits, 1)

    def begin(self) -> States:
        return [None] * len(self.cells)

    def forward(self, x: Tensor, states: States) -> tuple[Tensor, States]:
        """x (B, 3, H, W), the cells' states or None -> values (B, bits, H/16, W/16), whose signs are bits; states."""
        x = self.enter(x)
        x, after = through(self.cells, x, states)
        return self.leave(x), after


class RecurrentDecoder(nn.Module):
    """Args: `cell`, makes one; `channels` of the four cells, which a multiple of 4 are; `bits` for 16x16 pixels."""

    def __init__(self, cell: Cell, channels: Sequence[int], bits: int) -> None:
        super().__init__()
        if len(channels) != 4 or any(c % 4 for c in channels):
            raise LicError(f"a recurrent decoder has four cells, of multiples of 4 channels, not {list(channels)}.")
        entering = [channels[0], *(c // 4 for c in channels[:-1])]
        self.enter = nn.Conv2d(bits, channels[0], 1)
        self.cells = nn.ModuleList(
            cell(a, b, stride=1, hidden_kernel=k) for a, b, k in zip(entering, channels, (1, 1, 3, 3))
        )
        self.leave = nn.Conv2d(channels[-1] // 4, 3, 1)

    def begin(self) -> States:
        return [None] * len(self.cells)

    def forward(self, bits: Tensor, states: States) -> tuple[Tensor, States]:
        """bits (B, bits, h, w), signed, and the cells' states -> values in (-1, 1), (B, 3, 16 h, 16 w); states."""
        x, after = through(self.cells, self.enter(bits), states, shuffled=True)
        return torch.tanh(self.leave(x)), after


def through(cells: nn.ModuleList, x: Tensor, states: States, shuffled: bool = False) -> tuple[Tensor, States]:
    """`x` through `cells`, one after the other."""
    after: list[State] = []
    for cell, state in zip(cells, states):
        x, new = cell(x, state)
        x = F.pixel_shuffle(x, 2) if shuffled else x
        after.append(new)
    return x, after


def binarized(values: Tensor, training: bool) -> Tensor:
    """Values -> -1 and 1: their signs, in training at random, so that their tanh is expected.

    The gradient is that of their tanh (ICLR 2016, equations 2 and 3).
    """
    if not training:
        return torch.where(values < 0, -1.0, 1.0)
    values = torch.tanh(values)
    drawn = 2 * rand_for_batch(values.shape, values.device, values.dtype) - 1
    return straight_through(values, torch.where(drawn < values, 1.0, -1.0).to(values))
