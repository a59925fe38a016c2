"""Grids: what is on them, how fine they are, and that the bound is one."""

from itertools import pairwise

import pytest
import torch

from common.entropy.exact import grids
from common.errors import LicError


@pytest.mark.parametrize("size", [1e-30, 1e-3, 1.0, 50.0, 3e3])
def test_weights_come_within_half_a_grid_and_no_row_can_reach_the_bound(size: float) -> None:
    weight = size * torch.randn(8, 5, 3, 3, generator=torch.Generator().manual_seed(0))
    bias = size * torch.randn(8, generator=torch.Generator().manual_seed(1))
    made = grids.on_grid(weight, bias)
    assert made.bias is not None
    for integers, of, bits in ((made.weight, weight, made.grid.w), (made.bias, bias, made.grid.a + made.grid.w)):
        assert torch.equal(integers, integers.round())
        assert (integers * 2.0**-bits - of.double()).abs().max() <= 2.0 ** (-bits - 1)
    largest = made.weight.abs().flatten(1).sum(1).max() * grids.INPUT_LIMIT + made.bias.abs().max()
    assert largest <= made.bound < grids.BOUND


def test_larger_weights_have_coarser_grids() -> None:
    weight = torch.ones(2, 64)
    found = [grids.on_grid(weight * 2.0**n, None).grid.w for n in range(11)]
    assert found[0] == 15 and all(a - b == 1 for a, b in pairwise(found))


def test_rows_of_transposed_convolutions_are_output_channels() -> None:
    weight = torch.zeros(64, 2, 3, 3)
    weight[:, 0] = 1
    made = grids.on_grid(weight, None, outputs=1)
    assert made.bound == 2.0**made.grid.w * 64 * 9 * grids.INPUT_LIMIT


def test_weights_that_leave_no_bits_are_refused() -> None:
    with pytest.raises(LicError, match=r"too large for exact arithmetic .*L1 norm is 1e\+08"):
        grids.on_grid(torch.full((1, 100), 1e6), None)
    with pytest.raises(LicError, match="too large for exact arithmetic"):
        grids.on_grid(torch.zeros(1, 4), torch.tensor([1e12]))


@pytest.mark.parametrize("wrong", [torch.nan, torch.inf])
def test_weights_that_are_not_finite_are_refused(wrong: float) -> None:
    with pytest.raises(LicError, match="not finite: it diverged"):
        grids.on_grid(torch.tensor([[1.0, wrong]]), None)
    with pytest.raises(LicError, match="not finite: it diverged"):
        grids.on_grid(torch.ones(1, 2), torch.tensor([wrong]))


def test_weights_of_zeros_and_layers_without_weights() -> None:
    assert grids.on_grid(torch.zeros(3, 4), torch.zeros(3)).bound == 0
    assert grids.on_grid(torch.zeros(0, 4), None).bound == 0


def test_what_enters_is_clamped_and_finite() -> None:
    x = torch.tensor([torch.nan, torch.inf, -torch.inf, 1e30, 0.3])
    found = grids.to_grid(x, grids.FIXED_BITS, grids.INPUT_LIMIT)
    assert found.tolist() == [0, 2.0**28, -(2.0**28), 2.0**28, round(0.3 * 2**13)]


def test_exponents_are_those_of_each_row_whatever_is_in_it() -> None:
    x = torch.tensor([[1.0, -1.0], [0.0, 0.0], [torch.nan, 3.0], [torch.inf, 0.0]])
    found = grids.exponents(x, (1,))
    assert found.shape == (4, 1) and found[[0, 2]].flatten().tolist() == [1, 2]
    assert (x[0].abs() <= 2.0 ** found[0]).all()
    assert grids.exponents(x[:, :0], (1,)).shape == (1, 1)


def test_sums_of_activations_beyond_the_limit_are_refused() -> None:
    grids.check(2.0**49)
    with pytest.raises(LicError, match="may reach"):
        grids.check(2.0**50)
