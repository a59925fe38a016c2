"""DIRB against equations (12) to (14) over patches, written out."""

from collections.abc import Callable

import numpy as np
import pytest
import torch
from support.naive import Array, assert_written_out, non_local, non_local_differences, picture, randomised, unreached
from torch import nn

from lic_image.layers.decoded_refinement import DecodedRefinement

SIMILAR = {"product": non_local, "distance": non_local_differences}
both = pytest.mark.parametrize("similarity", SIMILAR)


def written_out(patch: int, similarity: str, window: int | None):  # type: ignore[no-untyped-def]
    def refined(block: nn.Module, x: Array) -> Array:
        C, H, W = x.shape
        patches = np.empty((C * patch * patch, H // patch, W // patch))
        out = np.empty_like(x)
        places = [(c, dy, dx) for c in range(C) for dy in range(patch) for dx in range(patch)]
        for channel, (c, dy, dx) in enumerate(places):
            patches[channel] = x[c, dy::patch, dx::patch]
        patches = by_window(lambda part: SIMILAR[similarity](block.similar, part), patches, window or max(H, W))
        for channel, (c, dy, dx) in enumerate(places):
            out[c, dy::patch, dx::patch] = patches[channel]
        return out

    return refined


def by_window(improve: Callable[[Array], Array], x: Array, side: int) -> Array:
    """Each position from its own window, the last of which on each axis is moved inward until it is whole."""
    out = np.empty_like(x)
    starts = [[max(0, min(i, size - side)) for i in range(0, size, side)] for size in x.shape[1:]]
    for i in reversed(starts[0]):
        for j in reversed(starts[1]):
            out[:, i : i + side, j : j + side] = improve(x[:, i : i + side, j : j + side])
    return out


@both
@pytest.mark.parametrize("window", [None, 2, 3])
def test_equation(similarity: str, window: int | None) -> None:
    """Of 1 x 4 to 5 x 7 patches: windows that fit, that do not, and that are larger than the picture."""
    block = randomised(DecodedRefinement(2, similarity, window), size=0.2)
    assert_written_out(block, written_out(2, similarity, window), (3, 6, 10), (3, 2, 2), (3, 2, 8), (3, 10, 14))


@both
def test_equation_with_patches_of_eight(similarity: str) -> None:
    block = randomised(DecodedRefinement(similarity=similarity), size=0.03)
    assert_written_out(block, written_out(8, similarity, 8), (3, 16, 24), (3, 8, 8), (3, 72, 8))


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
