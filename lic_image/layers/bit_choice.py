"""Which values an iteration's bits tell the signs of, and how large what they stand for is.

    bit k of iteration t = sign(v[n bits + k] / step)      what is decoded at n bits + k: bit times step, elsewhere 0

where n is chosen for each k and t: where most was missing in the first training crops. Steps are trained.
"""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn

SHARPNESS = 1.5  # of a value of mean size, as it is told to the binarizer: its tanh is 0.9, so that bits are 95 % sure


class BitChoice(nn.Module):
    """Args: `iterations`; `bits` of each; `room`, values for each bit to choose from."""

    mask: Tensor

    def __init__(self, iterations: int, bits: int, room: int) -> None:
        super().__init__()
        self.fitting = False
        self.log_steps = nn.Parameter(torch.zeros(iterations, room, bits, 1, 1))  # by logarithms: sizes span decades
        self.register_buffer("mask", torch.zeros(iterations, room, bits, 1, 1))
        self.mask[:, 0] = 1

    def chosen(self, values: Tensor, t: int) -> Tensor:
        """Values (B, room · bits, h, w) -> those chosen (B, bits, h, w), so that the mean size is `SHARPNESS`."""
        values = values.unflatten(1, self.mask.shape[1:3])
        if self.fitting:
            self._fit(values, t)
        return (values * self.mask[t] * torch.exp(-self.log_steps[t])).sum(1) * SHARPNESS

    def values(self, bits: Tensor, t: int) -> Tensor:
        """Bits (B, bits, h, w) -> what they stand for, (B, room · bits, h, w)."""
        return (bits.unsqueeze(1) * self.mask[t] * torch.exp(self.log_steps[t])).flatten(1, 2)

    @contextmanager
    def fitted(self) -> Iterator[None]:
        """Within which each iteration chooses and measures by the values that `chosen` is given."""
        self.fitting = True
        try:
            with torch.no_grad():
                yield
        finally:
            self.fitting = False

    def _fit(self, values: Tensor, t: int) -> None:
        best = values.square().mean((0, 3, 4)).argmax(0)  # (bits,)
        self.mask[t] = nn.functional.one_hot(best, len(self.mask[t])).T[..., None, None]
        self.log_steps[t] = values.abs().mean((0, 3, 4)).clamp_min(1e-4).log()[..., None, None]
