"""DIRB against equations (12) to (14) over patches, written out."""

import numpy as np
import pytest
import torch
from support.naive import Array, assert_written_out, non_local, non_local_differences, picture, randomised, unreached
from torch import nn

from lic_image.layers.decoded_refinement import DecodedRefinement

SIMILAR = {"product": non_local, "distance": non_local_differences}
both = pytest.mark.parametrize("similarity", SIMILAR)


def written_out(patch: int, similarity: str, side: int = 1):  # type: ignore[no-untyped-def]
    def refined(block: nn.Module, x: Array) -> Array:
        C, H, W = x.shape
        patches = np.empty((C * patch * patch, H // patch, W // patch))
        out = np.empty_like(x)
        places = [(c, dy, dx) for c in range(C) for dy in range(patch) for dx in range(patch)]
        for channel, (c, dy, dx) in enumerate(places):
            patches[channel] = x[c, dy::patch, dx::patch]
        patches = SIMILAR[similarity](block.similar, patches, side)
        for channel, (c, dy, dx) in enumerate(places):
            out[c, dy::patch, dx::patch] = patches[channel]
        return out

    return refined


@both
def test_equation(similarity: str) -> None:
    block = randomised(DecodedRefinement(2, similarity=similarity), size=0.2)
    assert_written_out(block, written_out(2, similarity), (3, 6, 10), (3, 2, 2), (3, 2, 8))


@both
def test_equation_with_patches_of_eight(similarity: str) -> None:
    block = randomised(DecodedRefinement(similarity=similarity), size=0.03)
    assert_written_out(block, written_out(8, similarity), (3, 16, 24), (3, 8, 8))


@both
def test_equation_above_the_limit_of_keys(similarity: str) -> None:
    """3 x 5 patches, at most 6 keys: windows of 2 x 2, or every second row and column, leave 2 x 3."""
    block = randomised(DecodedRefinement(2, keys=6, similarity=similarity), size=0.2)
    assert_written_out(block, written_out(2, similarity, side=2), (3, 6, 10))


@both
def test_starts_as_the_identity(similarity: str) -> None:
    x = torch.rand(2, 3, 48, 64)
    assert torch.equal(DecodedRefinement(similarity=similarity)(x), x)


def test_gradients_reach_all_but_what_the_softmax_cancels() -> None:
    assert unreached(DecodedRefinement(2, similarity="product"), picture(3, 8, 10)) == {"similar.beta.bias"}
    assert unreached(DecodedRefinement(2, similarity="distance"), picture(3, 8, 10)) == set()


def test_pictures_must_be_whole_patches() -> None:
    with pytest.raises(RuntimeError, match="divisible"):
        DecodedRefinement()(torch.rand(1, 3, 16, 20))
