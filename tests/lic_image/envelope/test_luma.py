"""Luma and few colours."""

import pytest
import torch
from kornia.color import rgb_to_ycbcr

from common.errors import LicError
from lic_image.envelope.contract import Decoded
from lic_image.envelope.luma import Colourise, Luma, to_rgb, to_ycc


def test_luma_and_chroma_are_jpegs() -> None:
    rgb = torch.rand(1, 3, 4, 4)
    expected = rgb_to_ycbcr(rgb) - torch.tensor([0, 0.5, 0.5])[:, None, None]
    assert torch.allclose(to_ycc(rgb), expected, atol=1e-3)
    assert torch.allclose(to_rgb(to_ycc(rgb)), rgb, atol=1e-6)


def test_one_colour_is_sent_whole() -> None:
    """Luma of (200, 100, 50) is 124.2; chroma (50 - 124.2) / 1.772 = -41.9 and (200 - 124.2) / 1.402 = 54.1 levels."""
    x = (torch.tensor([200.0, 100.0, 50.0]) / 255)[:, None, None].expand(1, 3, 32, 32)
    sent = Luma(hint_step=16, step=8)(x)
    assert sent.picture.shape == x.shape and (sent.picture == sent.picture[:, :1]).all()
    assert sent.hints is not None and sent.hints.shape == (1, 2, 2, 2)
    assert sent.hints[0, :, 0, 0].tolist() == pytest.approx([-41.87 / 8, 54.07 / 8], abs=0.02)
    back = Colourise(hint_step=16, step=8, N=4, blocks=1)(Decoded(sent.picture, sent.hints))
    assert torch.allclose(back, x, atol=1e-5)


def test_without_colours() -> None:
    pre, post = Luma(hint_step=0), Colourise(hint_step=0, N=4, blocks=1)
    assert (pre.hint_channels, post.takes_hints) == (0, 0)
    sent = pre(torch.rand(1, 3, 16, 16))
    assert sent.hints is None and torch.allclose(post(Decoded(sent.picture)), sent.picture, atol=1e-6)
    with pytest.raises(LicError, match="above 0"):
        Luma(step=0)
    for side in (-8, 7, 128):
        with pytest.raises(LicError, match=r"pre\.hint_step is 8, 16, 32 or 64"):
            Luma(hint_step=side)
