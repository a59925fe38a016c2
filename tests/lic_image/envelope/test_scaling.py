"""Pictures made smaller and larger."""

import pytest
import torch
from torch.nn import functional as F

from lic_image.envelope.contract import Decoded
from lic_image.envelope.pre import Compact, Downscale
from lic_image.envelope.scaling import SuperResolution, Upscale


@pytest.mark.parametrize("factor", [2, 4])
def test_the_filter_starts_as_the_bicubic_one(factor: int) -> None:
    x = torch.rand(2, 3, 9, 12)
    expected = F.interpolate(x, scale_factor=factor, mode="bicubic")
    assert torch.allclose(Upscale(factor)(x), expected, atol=1e-5)


def test_a_smaller_picture_and_back() -> None:
    """Of a plane little is lost inside, as torch's bicubic filter nearly keeps it; at first nothing else is learned."""
    rows, columns = torch.arange(32) / 64, torch.arange(48) / 96
    x = (rows[:, None] + columns).expand(1, 3, -1, -1)
    for pre in (Downscale(2), Compact(4)):
        sent = pre(x)
        assert sent.picture.shape == (1, 3, 16, 24) and sent.hints is None
        x_hat = SuperResolution(2, N=4, blocks=1)(Decoded(sent.picture))
        assert (x_hat - x)[..., 8:-8, 8:-8].abs().max() < 3e-3


def test_the_compact_picture_learns() -> None:
    pre, x = Compact(4), torch.rand(1, 3, 16, 16)
    pre(x).picture.square().sum().backward()
    assert pre.layers[-1].weight.grad.abs().sum() > 0
