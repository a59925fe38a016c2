"""Probabilities of a recurrent codec's bits, from all bits of earlier iterations and half of this one's.

    state ──────────────────┬─ 5x5 ─ 1x1 ─ logits of the positions with row + column even
    this iteration, even ───┴─ 5x5 ─ 1x1 ─ logits of the odd ones
    state = tanh(3x3 (state, bits)) goes to the next iteration

The idea is the BinaryRNN of Toderici et al. (CVPR 2017, section 3.3), which predicts a bit from those above and to the
left of it, line after line, and from a state of earlier iterations. Two phases of a checkerboard (D. He et al., CVPR
2021) stand for the lines here: they decode in two steps. Everything is exact in evaluation (`common.entropy.exact`).
"""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from common.entropy import exact
from common.entropy.walks import phases

BitVisitor = Callable[[Tensor, Tensor], Tensor]


class BitContext(nn.Module):
    """The network.

    Args:
        bits: channels of bits.
        iterations: how many there may be; each has a bias of its own.
        width: channels of the state and of the hidden layer.
    """

    def __init__(self, bits: int, iterations: int, width: int) -> None:
        super().__init__()
        self.width = width
        self.iteration = nn.Parameter(torch.zeros(iterations, width, 1, 1))
        self.before = nn.Conv2d(width, width, 5, padding=2)
        self.beside = nn.Conv2d(bits, width, 5, padding=2, bias=False)
        self.leave = nn.Sequential(nn.Conv2d(width, width, 1), nn.ReLU(), nn.Conv2d(width, bits, 1))
        self.state = nn.Conv2d(width + bits, width, 3, padding=1)
        nn.init.zeros_(self.leave[-1].weight)  # type: ignore[arg-type]
        nn.init.zeros_(self.leave[-1].bias)  # type: ignore[arg-type]

    def begin(self, batch: int, size: Sequence[int]) -> Tensor:
        """The state of no bits, (B, width, *size)."""
        return self.iteration.new_zeros(batch, self.width, *size)

    def walk(self, state: Tensor, iteration: int, visit: BitVisitor) -> tuple[Tensor, Tensor]:
        """Goes through an iteration's bits in coding order -> the bits, -1 and 1, (B, bits, h, w), and the next state.

        `visit` is called with logits (B, bits, h, w) and positions, bool (h, w), and gives bits there.
        """
        even, odd = phases(state.shape[2], state.shape[3], 2, state.device)
        logits, h = self.first(state, iteration)
        done = visit(logits, even) * even
        done = done + visit(self.second(h, done), odd) * odd
        return done, self.next(state, done)

    @exact.parameters
    def first(self, state: Tensor, iteration: int) -> tuple[Tensor, Tensor]:
        """Logits of the even positions, and features for `second`."""
        h = self.before(state) + self.iteration[iteration]
        return self.leave(F.relu(h)), h

    @exact.parameters
    def second(self, h: Tensor, even: Tensor) -> Tensor:
        """Logits of the odd positions, given the bits of the even ones, 0 elsewhere."""
        return self.leave(F.relu(h + self.beside(even)))

    @exact.parameters
    def next(self, state: Tensor, bits: Tensor) -> Tensor:
        """The state behind an iteration whose bits are `bits`, -1 and 1."""
        return torch.tanh(self.state(torch.cat([state, bits], 1)))
