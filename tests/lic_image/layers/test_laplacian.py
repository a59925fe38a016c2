"""Noise on decoded values: its distribution, and that it is the same everywhere."""

import numpy as np
import pytest
import torch

from common.errors import LicError
from lic_image.layers.laplacian import TruncatedLaplacian, drawn


@pytest.mark.parametrize(("scale", "bound"), [(0.1, 0.5), (0.4, 0.5), (0.05, 0.1)])
def test_its_distribution(scale: float, bound: float) -> None:
    noise = drawn((50, 40, 50), scale, bound).double().flatten().numpy()
    assert np.abs(noise).max() <= bound and abs(noise.mean()) < 0.01 * scale
    at = np.linspace(-bound, bound, 21)[1:-1]
    inside = 1 - np.exp(-bound / scale)
    expected = 0.5 + np.sign(at) * (1 - np.exp(-np.abs(at) / scale)) / inside / 2
    assert np.abs([(noise < x).mean() for x in at] - expected).max() < 0.01


def test_it_is_the_same_everywhere_and_for_each_of_a_batch() -> None:
    noise = TruncatedLaplacian(0.1)
    values = torch.randn(3, 4, 5, 6)
    together = noise.added_to(values)
    assert torch.equal(torch.cat([noise.added_to(one[None]) for one in values]), together)
    first = drawn((2, 2), 0.1, 0.5).flatten().double().tolist()
    assert first == FIRST  # as written by the version that introduced it: files depend on these bits
    with pytest.raises(LicError, match="above 0"):
        TruncatedLaplacian(-1.0)


FIRST = [0.042969610542058945, -0.08381818234920502, -0.04756646230816841, 0.09036129713058472]
