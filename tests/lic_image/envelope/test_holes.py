"""Blocks that are left out and filled."""

import pytest
import torch

from common.errors import LicError
from lic_image.envelope.contract import Decoded
from lic_image.envelope.holes import BLOCK, Holes, Inpaint, alternate, enlarged, fill


def test_a_plane_is_filled_exactly() -> None:
    rows, columns = torch.arange(64) / 100, torch.arange(96) / 300
    x = (rows[:, None] + columns).expand(1, 3, -1, -1)
    inside = (..., slice(BLOCK, -BLOCK), slice(BLOCK, -BLOCK))
    assert torch.allclose(fill(x)[inside], x[inside], atol=1e-6)


def test_no_two_holes_are_side_by_side() -> None:
    mask = alternate(5, 6)
    assert mask.sum() == 15
    assert not (mask[1:] & mask[:-1]).any() and not (mask[:, 1:] & mask[:, :-1]).any()


def test_what_is_smooth_is_left_out_and_what_is_rough_is_not() -> None:
    x = torch.full((1, 3, 64, 64), 0.5)
    x[:, :, :, 32:] += 0.3 * torch.randn(1, 1, 64, 32)
    sent = Holes(error=4)(x.clamp(0, 1))
    assert sent.hints is not None
    mask = sent.hints[0, 0].bool()
    assert torch.equal(mask[:, :1], alternate(4, 4)[:, :1]) and not mask[:, 2:].any()
    holes = enlarged(sent.hints).expand_as(x)
    assert torch.allclose(sent.picture[holes], torch.tensor(0.5)) and torch.equal(
        sent.picture[~holes], x.clamp(0, 1)[~holes]
    )


def test_the_decoder_paints_only_from_what_was_sent() -> None:
    """What lies in a hole of the decoded picture is not looked at."""
    post, mask = Inpaint(N=4, blocks=1), torch.zeros(1, 1, 3, 3)
    mask[..., 1, 1] = 0.9  # as a bottleneck may give it: the nearer of 0 and 1 counts
    picture = torch.rand(1, 3, 48, 48)
    other = picture.clone()
    other[..., 16:32, 16:32] = 0
    a, b = (post(Decoded(p, mask)) for p in (picture, other))
    assert torch.equal(a, b) and not torch.equal(a[..., 16:32, 16:32], picture[..., 16:32, 16:32])
    assert torch.equal(a[..., :16, :], picture[..., :16, :])


def test_an_error_below_0_is_refused() -> None:
    with pytest.raises(LicError, match="0 or more"):
        Holes(error=-1)
