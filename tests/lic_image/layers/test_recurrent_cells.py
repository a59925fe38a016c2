"""Recurrent cells against their equations, written out in numbers."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from common.errors import LicError
from lic_image.layers.recurrent_cells import AssociativeLSTM, ConvGRU, ConvLSTM

CELLS: dict[str, Callable[..., nn.Module]] = {"lstm": ConvLSTM, "gru": ConvGRU, "associative": AssociativeLSTM}


def preactivations(cell: nn.Module, x: Tensor, h: Tensor) -> Tensor:
    own = F.conv2d(h, cell.hidden.weight, padding=cell.hidden.kernel_size[0] // 2)
    return F.conv2d(x, cell.inputs.weight, cell.inputs.bias, cell.inputs.stride, padding=1) + own


def lstm(cell: nn.Module, x: Tensor, h: Tensor, c: Tensor) -> Tensor:
    f, i, j, o = preactivations(cell, x, h).chunk(4, 1)
    return torch.sigmoid(o) * torch.tanh(torch.sigmoid(f) * c + torch.sigmoid(i) * torch.tanh(j))


def gru(cell: nn.Module, x: Tensor, h: Tensor) -> Tensor:
    z, r = torch.sigmoid(preactivations(cell, x, h)).chunk(2, 1)
    return (1 - z) * h + z * torch.tanh(preactivations(cell.candidate, x, r * h))


def associative(cell: nn.Module, x: Tensor, h: Tensor, *memories: Tensor) -> Tensor:
    """In complex numbers."""

    def complexes(a: Tensor) -> Tensor:
        return torch.complex(*a.chunk(2, 1))

    def bound(a: Tensor) -> Tensor:
        return a / a.abs().clamp_min(1)

    C = cell.channels // 2
    f, i, o, j, r_i, r_o = preactivations(cell, x, h).split([C, C, C, 2 * C, 2 * C, 2 * C], 1)
    j, r_i, r_o = (bound(complexes(a)) for a in (j, r_i, r_o))
    total = 0
    for order, memory in zip(cell.order, memories):
        kept = torch.sigmoid(f) * complexes(memory) + r_i[:, order] * torch.sigmoid(i) * j
        total = total + r_o[:, order] * kept
    found = torch.sigmoid(o) * bound(total / len(memories))
    return torch.cat([found.real, found.imag], 1)


@pytest.mark.parametrize(
    ("name", "equation", "states"), [("lstm", lstm, 2), ("gru", gru, 1), ("associative", associative, 4)]
)
@pytest.mark.parametrize("hidden_kernel", [1, 3])
def test_equation(name: str, equation: Callable[..., Tensor], states: int, hidden_kernel: int) -> None:
    torch.manual_seed(0)
    cell = CELLS[name](5, 8, stride=2, hidden_kernel=hidden_kernel).double()
    x, state = torch.randn(2, 5, 6, 8).double(), tuple(torch.randn(states, 2, 8, 3, 4).double().unbind())
    h, after = cell(x, state)
    assert torch.allclose(h, equation(cell, x, *state)) and h is after[0] and len(after) == states


@pytest.mark.parametrize("name", CELLS)
def test_no_state_is_a_state_of_zeros(name: str) -> None:
    torch.manual_seed(0)
    cell = CELLS[name](4, 6)
    x = torch.randn(1, 4, 5, 3)
    h, state = cell(x)
    assert torch.allclose(h, cell(x, tuple(torch.zeros_like(each) for each in state))[0])


def test_copies_of_the_memory_are_in_orders_of_their_own() -> None:
    cell = AssociativeLSTM(4, 32, copies=4)
    assert cell.order[0].tolist() == list(range(16)) and len({tuple(order) for order in cell.order.tolist()}) == 4
    assert torch.equal(cell.order, AssociativeLSTM(4, 32, copies=4).order), "the decoder's are the encoder's"
    with pytest.raises(LicError, match="even number of channels, not 5"):
        AssociativeLSTM(4, 5)


@pytest.mark.parametrize("name", CELLS)
@pytest.mark.parametrize("keeps", [False, True])
def test_a_start_as_a_convolution_or_as_its_running_sum(name: str, keeps: bool) -> None:
    """Gates vary with x, and 5 % of the last h stay where none should: hence the margin."""
    torch.manual_seed(0)
    cell, weight = CELLS[name](5, 8, stride=2), 0.3 * torch.randn(8, 5, 3, 3)
    cell.start_linear(weight, keeps)  # type: ignore[operator]
    x, y = 0.05 * torch.randn(2, 2, 5, 16, 16)
    first, state = cell(x, None)
    second, _ = cell(y, state)
    found, wanted = torch.stack([first, second]), F.conv2d(torch.cat([x, y]), weight, None, 2, 1).unflatten(0, (2, 2))
    if keeps:
        wanted = wanted.cumsum(0)
    assert (found - wanted).square().mean() < 0.02 * wanted.square().mean()
