"""Bilinear sampling by hand, torchvision's deformable convolution, zero offsets, the offsets' learning rate."""

import math

import pytest
import torch
from torch import Tensor
from torchvision.ops import deform_conv2d

from lic_image.layers.deformable_merging import OFFSET_RATE, DeformableMerging


def made(inputs: int = 3, C: int = 5, k: int = 2, spread: float = 20.0) -> DeformableMerging:
    torch.manual_seed(0)
    layer = DeformableMerging(inputs, C, k).double()
    torch.nn.init.normal_(layer.offsets.weight, std=spread)  # of a pixel or two, also beyond the picture
    return layer


def bilinear(plane: Tensor, row: float, column: float) -> float:
    """(H, W) at a place between positions; zero outside."""
    top, left = math.floor(row), math.floor(column)
    found = 0.0
    for i in (top, top + 1):
        for j in (left, left + 1):
            if 0 <= i < plane.shape[0] and 0 <= j < plane.shape[1]:
                found += (1 - abs(row - i)) * (1 - abs(column - j)) * plane[i, j].item()
    return found


@pytest.mark.parametrize("k", [2, 4])
def test_against_the_equation(k: int) -> None:
    layer, x = made(2, 3, k), torch.rand(2, 2, 2 * k, 3 * k, dtype=torch.float64)
    with torch.no_grad():
        told, offsets = layer.convolved(x), OFFSET_RATE * layer.offsets(x)
        assert offsets.abs().max() > 0.5
        across, down = offsets.unflatten(1, (2, k, k)).unbind(1)
        for b, o, i, j in torch.cartesian_prod(*(torch.arange(n) for n in told.shape)).tolist():
            total = layer.merge.bias[o].item()  # type: ignore[index]
            for c in range(2):
                for s in range(k):
                    for t in range(k):
                        row, column = i * k + s + down[b, s, t, i, j], j * k + t + across[b, s, t, i, j]
                        total += layer.merge.weight[o, c, s, t].item() * bilinear(x[b, c], row.item(), column.item())
            assert told[b, o, i, j].item() == pytest.approx(total, abs=1e-9)


@pytest.mark.parametrize("size", [(4, 4), (2, 8), (10, 6)])
def test_as_torchvision_with_its_gradients(size: tuple[int, int]) -> None:
    layer, x = made(), torch.rand(2, 3, *size, dtype=torch.float64)
    offsets = (OFFSET_RATE * layer.offsets(x)).unflatten(1, (2, -1)).flip(1).transpose(1, 2).flatten(1, 2)
    theirs = deform_conv2d(x, offsets, layer.merge.weight, layer.merge.bias, stride=2)
    assert torch.allclose(layer.convolved(x), theirs, atol=1e-10)
    weights = [layer.merge.weight, layer.offsets.weight]
    for ours, other in zip(
        torch.autograd.grad(layer.convolved(x).square().sum(), weights),
        torch.autograd.grad(theirs.square().sum(), weights),
    ):
        assert torch.allclose(ours, other, atol=1e-9)


def test_at_the_start_it_is_a_strided_convolution() -> None:
    layer, x = DeformableMerging(3, 8, 4).eval(), torch.rand(1, 3, 32, 48)
    with torch.no_grad():
        plain = torch.nn.functional.conv2d(x, layer.merge.weight, layer.merge.bias, stride=4)
        assert torch.allclose(layer.convolved(x), plain, atol=1e-5)
        expected = torch.nn.functional.gelu(layer.norm(plain))
        assert layer(x).shape == (1, 8, 8, 12) and torch.allclose(layer(x), expected, atol=1e-5)


def test_half_precision_samples_at_full_positions() -> None:
    layer, x = made(3, 4, 2, spread=5.0).float(), torch.rand(1, 3, 64, 512)
    with torch.no_grad(), torch.autocast("cpu", torch.bfloat16):
        told = layer.convolved(x)
    assert torch.allclose(told.float(), layer.convolved(x), atol=0.05)


def test_offsets_learn_at_a_tenth_of_the_rate() -> None:
    layer, x = DeformableMerging(3, 4, 2), torch.rand(2, 3, 8, 8)
    optimiser = torch.optim.Adam(layer.parameters(), lr=1e-3)
    layer(x).square().sum().backward()
    optimiser.step()
    step = (OFFSET_RATE * layer.offsets.bias).abs().max().item()  # type: ignore[operator]
    assert step == pytest.approx(1e-4, rel=0.01)


def test_batches_in_training_running_statistics_in_evaluation() -> None:
    layer, x = made().float(), 5 + 3 * torch.randn(4, 3, 8, 8)
    for _ in range(200):
        layer.train()(x)
    with torch.no_grad():
        assert torch.allclose(layer.eval()(x), layer.train()(x), atol=0.1)
        assert torch.equal(layer.eval()(x)[:1], layer(x[:1]))
