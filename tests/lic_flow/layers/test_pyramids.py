"""Repaired pyramids against equations (4.2) to (4.4), level by level."""

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from lic_flow.layers.pyramids import Level, Repair, RepairedPyramids, ResidualBlock


def block(part: ResidualBlock, x: Tensor) -> Tensor:
    return x + part.second(F.leaky_relu(part.first(F.leaky_relu(x, 0.1)), 0.1))


def randomised(module: torch.nn.Module) -> torch.nn.Module:
    for p in module.parameters():
        torch.nn.init.normal_(p, std=0.2)
    return module


def test_repair() -> None:
    repair = Repair(2)
    x, before = torch.randn(2, 1, 2, 3, 4)
    weight = torch.zeros(2, 2, 3, 3)
    weight[0, 0, 1, 1] = weight[1, 1, 1, 1] = 1  # MAF and ABF see the features as they are
    for part in (repair.maf, repair.abf):
        part.weight.data, part.bias.data = weight, torch.zeros(2)
    torch.testing.assert_close(repair(x, before), x * torch.sigmoid(before) + torch.tanh(before))


@pytest.mark.parametrize("pooled", [False, True])
@pytest.mark.parametrize("repaired", [False, True])
def test_level(pooled: bool, repaired: bool) -> None:
    level = randomised(Level(3, 4, pooled=pooled, repaired=repaired))
    x, before = torch.randn(2, 3, 8, 12), torch.randn(2, 4, 4, 6)
    n = F.conv2d(x, level.down.weight, level.down.bias, stride=2, padding=1)
    if pooled:
        n = n + level.pooled[1](F.max_pool2d(x, 2))
    if repaired:
        n = n * torch.sigmoid(level.repair.maf(before)) + torch.tanh(level.repair.abf(before))
    n = n + level.rest(F.leaky_relu(n, 0.1))
    torch.testing.assert_close(level(x, before), block(level.block, n))


def test_who_repairs_whom() -> None:
    """The left pyramid is the others' foundation; the middle one repairs the right one, where told to."""
    pyramids = randomised(RepairedPyramids((2, 2, 2, 2), 4, repaired=(2, 4)))
    for number, levels in enumerate(pyramids.pyramids):
        assert [level.repair is not None for level in levels] == [number > 0 and n in (2, 4) for n in (1, 2, 3, 4)]
        assert [level.pooled is not None for level in levels] == 4 * [number == 1]
    x = torch.rand(1, 3, 16, 32)
    fine, coarse = pyramids(x)
    assert fine.shape == (1, 4, 2, 4) and coarse.shape == (1, 4, 1, 2)
    maps = []
    left, middle, right = x, x, x
    for a, b, c in zip(*pyramids.pyramids):
        left = a(left, None)
        middle = b(middle, left)
        right = c(right, middle)
        maps.append(torch.cat([left, middle, right], 1))
    torch.testing.assert_close(coarse, pyramids.embed[1](F.leaky_relu(maps[3], 0.1)))
    torch.testing.assert_close(fine, pyramids.embed[0](F.leaky_relu(maps[2], 0.1)))


def test_bad_settings_are_named() -> None:
    with pytest.raises(ValueError, match="1, 2 or 3"):
        RepairedPyramids(pyramids=4)
    with pytest.raises(ValueError, match="level 5 of 4"):
        RepairedPyramids(repaired=(2, 5))
