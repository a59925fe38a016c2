"""Convolutional recurrent cells: what the recurrent codecs of Toderici et al. are made of.

    (x, state) -> (h, state)      gates are of W x + U h, W and U convolutions; only W may have a stride

G. Toderici, D. Vincent, N. Johnston, S. J. Hwang, D. Minnen, J. Shor, M. Covell: "Full resolution image compression
with recurrent neural networks", CVPR 2017, section 3.1; "Variable rate image compression with recurrent neural
networks", ICLR 2016. The associative LSTM is that of I. Danihelka, G. Wayne, B. Uria, N. Kalchbrenner, A. Graves,
ICML 2016.

Called with `channels` C, `x` (B, inputs, H, W) gives h (B, C, H / stride, W / stride). The state of None is all zeros.

At random, gates are half open and weights are small: of what a cell takes, about a fifth comes out, and seven cells
leave 1/10000. `start_linear` opens the gates instead, so that small values come out as a convolution says.
"""

import math

import torch
from torch import Tensor, nn

from common.errors import LicError

State = tuple[Tensor, ...]

OPEN = 2.0  # of a gate's bias, at a start as a convolution: it lets 88 % through, and can still learn
SHARE = 1 / (1 + math.exp(-OPEN))
KEEP, FORGET = 4.0, -3.0  # of a forget gate's bias: 98 % and 5 % of the memory stay


class _Cell(nn.Module):
    """W and U of a cell; `gates` (B, G, h, w) are of both."""

    def __init__(self, inputs: int, channels: int, gates: int, stride: int, hidden_kernel: int) -> None:
        super().__init__()
        self.channels = channels
        self.inputs = nn.Conv2d(inputs, gates, 3, stride, padding=1)
        self.hidden = nn.Conv2d(channels, gates, hidden_kernel, padding=hidden_kernel // 2, bias=False)

    def preactivations(self, x: Tensor, h: Tensor | None) -> Tensor:
        return self.inputs(x) if h is None else self.inputs(x) + self.hidden(h)

    def start_linear(self, weight: Tensor, keeps: bool) -> None:
        """Let the first n channels begin as h = weight * x for small values, with what is left of the h before them.

        Args:
            weight: (n, inputs, 3, 3), n at most `channels`; the kernels of a convolution of the cell's stride.
            keeps: whether all of the h before is to be left, so that h is a running sum, or little.
        """
        raise NotImplementedError

    def candidate_rows(self, first: int, weight: Tensor) -> None:
        """Set W's rows from `first` on to `weight`, and U's and the bias to 0."""
        rows = slice(first, first + len(weight))
        self.inputs.weight[rows] = weight
        self.inputs.bias[rows] = 0  # type: ignore[index]
        self.hidden.weight[rows] = 0


class ConvLSTM(_Cell):
    """Long short-term memory, equations 3 and 4.

        f, i, j, o = σ, σ, tanh, σ (W x + U h)        c = f c + i j        h = o tanh(c)

    Args:
        inputs, channels: of x, of h.
        stride: of W.
        hidden_kernel: side of U's kernels, odd.
    """

    def __init__(self, inputs: int, channels: int, stride: int = 1, hidden_kernel: int = 1) -> None:
        super().__init__(inputs, channels, 4 * channels, stride, hidden_kernel)

    def forward(self, x: Tensor, state: State | None = None) -> tuple[Tensor, State]:
        f, i, j, o = self.preactivations(x, None if state is None else state[0]).chunk(4, 1)
        c = torch.sigmoid(i) * torch.tanh(j)
        if state is not None:
            c = torch.sigmoid(f) * state[1] + c
        h = torch.sigmoid(o) * torch.tanh(c)
        return h, (h, c)

    @torch.no_grad()
    def start_linear(self, weight: Tensor, keeps: bool) -> None:
        f, i, _, o = self.inputs.bias.chunk(4)  # type: ignore[union-attr]
        n = len(weight)
        f[:n], i[:n], o[:n] = KEEP if keeps else FORGET, OPEN, OPEN
        self.candidate_rows(2 * self.channels, weight / SHARE**2)


class ConvGRU(_Cell):
    """Gated recurrent unit, equations 8 to 10, without their terms outside of the gates.

        z, r = σ (W x + U h)        h = (1 - z) h + z tanh(W' x + U' (r h))

    Args: as `ConvLSTM`'s.
    """

    def __init__(self, inputs: int, channels: int, stride: int = 1, hidden_kernel: int = 1) -> None:
        super().__init__(inputs, channels, 2 * channels, stride, hidden_kernel)
        self.candidate = _Cell(inputs, channels, channels, stride, hidden_kernel)

    def forward(self, x: Tensor, state: State | None = None) -> tuple[Tensor, State]:
        last = None if state is None else state[0]
        z, r = torch.sigmoid(self.preactivations(x, last)).chunk(2, 1)
        h = z * torch.tanh(self.candidate.preactivations(x, None if last is None else r * last))
        if last is not None:
            h = h + (1 - z) * last
        return h, (h,)

    @torch.no_grad()
    def start_linear(self, weight: Tensor, keeps: bool) -> None:
        z, r = self.inputs.bias.chunk(2)  # type: ignore[union-attr]
        n = len(weight)
        z[:n], r[:n] = -FORGET, OPEN  # what the update gate does not take is what stays of the memory
        self.candidate.candidate_rows(0, weight / torch.sigmoid(z[:n, None, None, None]))
        if keeps:  # tanh(W x + h) for tanh(W x)
            middle = self.hidden.kernel_size[0] // 2
            self.candidate.hidden.weight[range(n), range(n), middle, middle] = 1 / SHARE


class AssociativeLSTM(_Cell):
    """Long short-term memory with several copies of a complex memory, equations 5 to 7.

        f, i, o = σ, j, r_i, r_o = bound (W x + U h)        c_n = f c_n + (P_n r_i) i j
        h = o bound(1/N Σ_n (P_n r_o) c_n)                  bound(a) = a / max(1, |a|)

    P_n are fixed permutations, the first the identity; gates are real, all else is complex: C real channels, then as
    many imaginary ones.

    Args:
        inputs, stride, hidden_kernel: as `ConvLSTM`'s.
        channels: of h, even.
        copies: N.

    Raises:
        LicError: an odd number of channels.
    """

    order: Tensor

    def __init__(self, inputs: int, channels: int, stride: int = 1, hidden_kernel: int = 1, copies: int = 3) -> None:
        if channels % 2:
            raise LicError(f"an associative LSTM has an even number of channels, not {channels}: half are imaginary.")
        super().__init__(inputs, channels, 3 * channels // 2 + 3 * channels, stride, hidden_kernel)
        C = channels // 2
        generator = torch.Generator().manual_seed(0)
        shuffled = [torch.arange(C), *(torch.randperm(C, generator=generator) for _ in range(copies - 1))]
        self.register_buffer("order", torch.stack(shuffled), persistent=False)

    def forward(self, x: Tensor, state: State | None = None) -> tuple[Tensor, State]:
        C = self.channels // 2
        f, i, o, j, write, read = self.preactivations(x, None if state is None else state[0]).split(
            3 * [C] + 3 * [2 * C], 1
        )
        value = torch.sigmoid(i).repeat(1, 2, 1, 1) * bound(j)
        keep = torch.sigmoid(f).repeat(1, 2, 1, 1)
        write, read = bound(write), bound(read)
        memories, total = [], torch.zeros_like(value)
        for n, order in enumerate(self.order):
            memory = product(_permuted(write, order), value)
            if state is not None:
                memory = keep * state[1 + n] + memory
            memories.append(memory)
            total = total + product(_permuted(read, order), memory)
        h = torch.sigmoid(o).repeat(1, 2, 1, 1) * bound(total / len(memories))
        return h, (h, *memories)

    @torch.no_grad()
    def start_linear(self, weight: Tensor, keeps: bool) -> None:
        C = self.channels // 2
        f, i, o, _, write, read = self.inputs.bias.split(3 * [C] + 3 * [2 * C])  # type: ignore[union-attr]
        n = min(len(weight), C)  # gates are of a real part and of an imaginary one
        f[:n], i[:n], o[:n] = KEEP if keeps else FORGET, OPEN, OPEN
        self.candidate_rows(3 * C, weight / SHARE**2)
        self.candidate_rows(5 * C, torch.zeros_like(self.inputs.weight[: 4 * C]))
        write[:C], read[:C] = 1, 1  # keys of 1 everywhere, so that each copy holds the same


def _permuted(a: Tensor, order: Tensor) -> Tensor:
    return torch.cat([part[:, order] for part in a.chunk(2, 1)], 1)


def product(a: Tensor, b: Tensor) -> Tensor:
    """Of complex numbers, whose imaginary parts are the second half of the channels."""
    (ar, ai), (br, bi) = a.chunk(2, 1), b.chunk(2, 1)
    return torch.cat([ar * br - ai * bi, ar * bi + ai * br], 1)


def bound(a: Tensor) -> Tensor:
    """Complex numbers, those outside of the unit circle moved onto it."""
    real, imaginary = a.chunk(2, 1)
    size = torch.sqrt((real * real + imaginary * imaginary).clamp_min(1.0))
    return torch.cat([real / size, imaginary / size], 1)
