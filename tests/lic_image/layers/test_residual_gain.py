"""The gain of residuals."""

import pytest
import torch
from torch.nn import functional as F

from lic_image.layers.residual_gain import ResidualGain


@pytest.mark.parametrize(("height", "width"), [(16, 16), (64, 96), (80, 48)])
def test_each_32x32_pixels_have_a_gain_above_1(height: int, width: int) -> None:
    torch.manual_seed(0)
    gain = ResidualGain(8)
    x = torch.rand(2, 3, height, width)
    assert torch.equal(gain(x), torch.full((2, 1, height, width), 2.0))
    torch.nn.init.normal_(gain.leave.weight)
    found = gain(x)
    assert found.shape == (2, 1, height, width) and found.min() > 1 and found.std() > 0.01
    blocks = F.max_pool2d(found, 32, ceil_mode=True) + F.max_pool2d(-found, 32, ceil_mode=True)
    assert not blocks.any()
