"""Non-local differences against their equation, written out."""

import numpy as np
import torch
from support.naive import assert_written_out, non_local_differences, picture, randomised, unreached
from torch import nn

from lic_image.layers.nonlocal_differences import NonLocalDifferences


def test_equation() -> None:
    block = randomised(NonLocalDifferences(5))
    assert_written_out(block, non_local_differences, (5, 3, 4), (5, 1, 1), (5, 1, 7))


def test_moves_a_patch_to_its_neighbours_only() -> None:
    """Two clusters far from each other: with W_o = 1 each position becomes the mean of its own cluster."""
    block = NonLocalDifferences(2)
    with torch.no_grad():
        nn.init.dirac_(block.output.weight)
        block.log_tau.fill_(-7.0)  # distances inside are nothing, those between the clusters are all
        x = torch.tensor([[[0.0, 1.0, 1000.0, 1002.0]], [[0.0, 1.0, 0.0, 2.0]]])[None]
        out = block(x)[0, :, 0].numpy()
    np.testing.assert_allclose(out, [[0.5, 0.5, 1001, 1001], [0.5, 0.5, 1, 1]], atol=0.01)


def test_equal_positions_stay_as_they_are() -> None:
    block = randomised(NonLocalDifferences(3))
    with torch.no_grad():
        block.output.bias.zero_()  # type: ignore[union-attr]
        x = picture(3, 1, 1).expand(1, 3, 4, 5)
        assert torch.allclose(block(x), x)


def test_starts_as_the_identity_and_learns_all_of_itself() -> None:
    x = torch.rand(2, 6, 4, 4)
    assert torch.equal(NonLocalDifferences(6)(x), x)
    assert unreached(NonLocalDifferences(6), picture(6, 4, 5)) == set()
