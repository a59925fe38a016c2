"""The cost volume against its equation, written out, and its derivative against automatic differentiation."""

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from lic_flow.layers import cost_volume as module
from lic_flow.layers.cost_volume import cost_volume


def written_out(first: Tensor, second: Tensor, radius: int) -> Tensor:
    H, W = first.shape[2:]
    padded = F.pad(second, [radius] * 4)
    shifts = [(dy, dx) for dy in range(2 * radius + 1) for dx in range(2 * radius + 1)]
    return torch.stack([(first * padded[:, :, dy : dy + H, dx : dx + W]).mean(1) for dy, dx in shifts], 1)


@pytest.mark.parametrize("radius", [1, 4])
@pytest.mark.parametrize("shape", [(2, 6, 5, 37), (1, 3, 1, 2), (3, 1, 4, 24)])
def test_equation_and_derivative(shape: tuple[int, ...], radius: int) -> None:
    """Widths below, at and beyond a block of columns."""
    assert shape[3] != 37 or shape[3] > module.BLOCK
    first, second = torch.randn(2, *shape, dtype=torch.double, requires_grad=True).unbind(0)
    ours, theirs = (f(first, second, radius) for f in (cost_volume, written_out))
    torch.testing.assert_close(ours, theirs)
    gradient = torch.randn_like(ours)
    torch.testing.assert_close(*(torch.autograd.grad(out, (first, second), gradient) for out in (ours, theirs)))


def test_a_shift_is_found_where_it_is() -> None:
    second = torch.randn(1, 64, 8, 12)
    first = second.roll((-2, 1), (2, 3))  # first(y, x) = second(y + 2, x - 1)
    best = cost_volume(first, second, 3).argmax(1)[0, 1:5, 2:9]
    assert (best == (2 + 3) * 7 + (-1 + 3)).all()
