"""DIRB against equations (12) to (14) over patches, written out."""

import numpy as np
import pytest
import torch
from support.naive import Array, assert_written_out, non_local, picture, randomised, unreached
from torch import nn

from lic_image.layers.decoded_refinement import DecodedRefinement


def written_out(patch: int, side: int = 1):  # type: ignore[no-untyped-def]
    def refined(block: nn.Module, x: Array) -> Array:
        C, H, W = x.shape
        patches = np.empty((C * patch * patch, H // patch, W // patch))
        out = np.empty_like(x)
        places = [(c, dy, dx) for c in range(C) for dy in range(patch) for dx in range(patch)]
        for channel, (c, dy, dx) in enumerate(places):
            patches[channel] = x[c, dy::patch, dx::patch]
        patches = non_local(block.similar, patches, side)
        for channel, (c, dy, dx) in enumerate(places):
            out[c, dy::patch, dx::patch] = patches[channel]
        return out

    return refined


def test_equation() -> None:
    block = randomised(DecodedRefinement(patch=2), size=0.2)
    assert_written_out(block, written_out(2), (3, 6, 10), (3, 2, 2), (3, 2, 8))


def test_equation_with_patches_of_eight() -> None:
    assert_written_out(randomised(DecodedRefinement(), size=0.03), written_out(8), (3, 16, 24), (3, 8, 8))


def test_equation_above_the_limit_of_keys() -> None:
    """3 x 5 patches, at most 6 keys: windows of 2 x 2 leave 2 x 3."""
    assert_written_out(randomised(DecodedRefinement(2, keys=6), size=0.2), written_out(2, side=2), (3, 6, 10))


def test_starts_as_the_identity() -> None:
    x = torch.rand(2, 3, 48, 64)
    assert torch.equal(DecodedRefinement()(x), x)


def test_gradients_reach_all_but_what_the_softmax_cancels() -> None:
    assert unreached(DecodedRefinement(2), picture(3, 8, 10)) == {"similar.beta.bias"}


def test_pictures_must_be_whole_patches() -> None:
    with pytest.raises(RuntimeError, match="divisible"):
        DecodedRefinement()(torch.rand(1, 3, 16, 20))
