"""Shapes, what surrounds the blocks, and drop path, of both transforms."""

from typing import Any

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from common.layers.drop_path import DropPath
from lic_image.layers.swin_transforms import SwinAnalysis, SwinSynthesis

SMALL: dict[str, Any] = {"C": 4, "depths": (1, 2, 3, 1), "head": 4}


@pytest.mark.parametrize(("channels", "patch"), [(3, 2), (5, 1)])
def test_shapes(channels: int, patch: int) -> None:
    """For photographs, and for features of half their size that another module makes of them."""
    analysis = SwinAnalysis(**SMALL, inputs=channels, patch=patch)
    synthesis = SwinSynthesis(**SMALL, outputs=channels, patch=patch)
    x = torch.rand(2, channels, 24 * patch, 40 * patch)
    y = analysis(x)
    assert y.shape == (2, 32, 3, 5) and synthesis(y).shape == x.shape


def test_patches_are_embedded_and_merged_as_written() -> None:
    torch.manual_seed(0)
    analysis = SwinAnalysis(4, (1, 1, 1, 1), head=4)
    for layer in analysis.layers[::2]:  # type: ignore[union-attr]  # without blocks
        layer[0].attn.proj.weight.data.zero_(), layer[0].mlp[3].weight.data.zero_()  # type: ignore[index]
        layer[0].attn.proj.bias.data.zero_(), layer[0].mlp[3].bias.data.zero_()  # type: ignore[index]
    x = torch.rand(1, 3, 32, 32)
    patches = F.unfold(x, 2, stride=2).mT @ analysis.embed.weight.flatten(1).T + analysis.embed.bias
    u = F.layer_norm(patches, (4,)).unflatten(1, (16, 16))
    for merging in analysis.layers[1::2]:
        four = torch.cat([u[:, i::2, j::2] for j in range(2) for i in range(2)], 3)
        u = F.layer_norm(four, four.shape[3:]) @ merging.reduction.weight.T
    assert torch.allclose(analysis(x), u.movedim(3, 1), atol=1e-5)


@pytest.mark.parametrize("made", [SwinAnalysis, SwinSynthesis])
def test_parts_are_left_out_more_and_more_often(made: type[nn.Module]) -> None:
    drops = [layer.drop for layer in made(**SMALL, drop=0.3).modules() if isinstance(layer, DropPath)]
    assert drops == pytest.approx([0.05 * i for i in range(7)])


@pytest.mark.parametrize("made", [SwinAnalysis, SwinSynthesis])
def test_blocks_begin_near_the_identity_and_what_is_between_them_keeps_lengths(made: type[nn.Module]) -> None:
    torch.manual_seed(0)
    for layer in made(**SMALL).layers.modules():  # type: ignore[union-attr, operator]
        if isinstance(layer, nn.Linear) and layer.bias is None:
            lengths = torch.linalg.svdvals(layer.weight)
            assert torch.allclose(lengths, torch.ones_like(lengths), atol=1e-5)
        elif isinstance(layer, nn.Linear):
            assert layer.weight.std() < 0.03 and layer.bias.abs().max() == 0
