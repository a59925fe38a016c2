"""Artifact reduction: the sum at its start, and the module of the diagram on blocks of pixels."""

import pytest
import torch
from torch import Tensor

from lic_video.layers.swin_conv import SwinConv
from lic_video.layers.unet import UNet
from lic_video.parts.artifact_reduction import ArtifactContraction, Sum


def small(shuffle: int = 1) -> ArtifactContraction:
    torch.manual_seed(0)
    return ArtifactContraction(C=8, widths=(4, 6), blocks=1, layers=2, window=4, head=4, shuffle=shuffle).eval()


def shaken(model: ArtifactContraction) -> ArtifactContraction:
    """With no layer at zero any more."""
    with torch.no_grad():
        for p in model.parameters():
            p.add_(0.1 * torch.randn_like(p))
    return model


def test_without_it_the_frame_is_prediction_plus_residual() -> None:
    prediction, residual = torch.rand(2, 1, 3, 5, 7)
    assert torch.equal(Sum()(prediction, residual), prediction + residual)


@pytest.mark.parametrize("shuffle", [1, 4])
@torch.no_grad()
def test_it_starts_as_the_sum(shuffle: int) -> None:
    prediction, residual = torch.rand(2, 2, 3, 16, 24)
    model = small(shuffle)
    assert torch.equal(model(prediction, residual), prediction + residual)
    assert not torch.allclose(shaken(model)(prediction, residual), prediction + residual, atol=0.01)


@torch.no_grad()
def test_any_size_that_blocks_divide() -> None:
    for size in ((1, 1), (37, 21), (16, 50)):
        assert shaken(small())(*torch.rand(2, 1, 3, *size)).shape == (1, 3, *size)
    assert shaken(small(4))(*torch.rand(2, 1, 3, 36, 20)).shape == (1, 3, 36, 20)


@pytest.mark.parametrize("shuffle", [1, 2, 4])
@torch.no_grad()
def test_what_it_adds_is_seen_from_prediction_and_residual_in_blocks(shuffle: int) -> None:
    model = shaken(small(shuffle))
    prediction, residual = torch.rand(2, 1, 3, 16, 32)
    rows, columns = 16 // shuffle, 32 // shuffle

    def blocks(x: Tensor) -> Tensor:
        return x.reshape(3, rows, shuffle, columns, shuffle).permute(0, 2, 4, 1, 3).reshape(1, -1, rows, columns)

    x = torch.cat([blocks(prediction), blocks(residual)], 1)
    for layer in model.layers:
        x = layer(x)
    added = x.reshape(3, shuffle, shuffle, rows, columns).permute(0, 3, 1, 4, 2).reshape(1, 3, 16, 32)
    torch.testing.assert_close(model(prediction, residual), prediction + residual + added)


def test_layers_are_those_of_the_thesis_in_its_order() -> None:
    first, swin, unet, other, last = ArtifactContraction().layers
    assert (first.in_channels, first.out_channels, first.kernel_size) == (6, 64, (3, 3))
    assert isinstance(swin, SwinConv) and isinstance(other, SwinConv) and isinstance(unet, UNet)
    assert [layer.in_channels for layer in unet.down] == [16, 32, 64] and unet.down[-1].out_channels == 128
    assert all(layer.kernel_size == layer.stride == (2, 2) for layer in [*unet.down, *unet.up])
    assert len(swin.swin.layers) == 6 and swin.swin.window == 8
    assert (last.in_channels, last.out_channels, last.kernel_size) == (64, 3, (3, 3))


def test_it_learns_to_undo_a_pattern_of_errors() -> None:
    """Blocks that are each too bright by an eighth of what the residual says: most of the error goes in some steps."""
    torch.manual_seed(1)
    model = small(4).train()
    prediction = torch.rand(4, 3, 16, 16)
    residual = (torch.rand(4, 3, 4, 4) - 0.5).repeat_interleave(4, 2).repeat_interleave(4, 3)
    frame = prediction + residual * 0.875
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
    losses, reached = [], set()
    for _ in range(40):
        loss = (model(prediction, residual) - frame).square().mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        reached |= {name for name, p in model.named_parameters() if p.grad is not None and p.grad.any()}
        losses.append(loss.item())
    assert losses[-1] < losses[0] / 4
    assert reached == dict(model.named_parameters()).keys()  # by some step: a rectifier may die of a later one
