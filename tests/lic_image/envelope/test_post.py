"""Posts start from the decoded picture, and know what they are told."""

import pytest
import torch
from torch import nn

from common.errors import LicError
from lic_image.envelope.contract import Decoded
from lic_image.envelope.green import GreenGuided
from lic_image.envelope.post import ArCnn, AsDecoded, Refined, Restore
from lic_image.layers.post_filter import PostFilter

X = torch.rand(2, 3, 16, 24)
LOW, HIGH = (Decoded(X, quality=torch.full((2,), q)) for q in (0.1, 0.6))
POSTS = [AsDecoded(), ArCnn((4, 4, 4)), Refined(lambda: PostFilter(4)), Restore(4, 1), GreenGuided(4, 1)]


@pytest.mark.parametrize("post", POSTS, ids=lambda post: type(post).__name__)
def test_every_post_starts_as_nothing_and_learns(post: nn.Module) -> None:
    assert torch.allclose(post(LOW), X, atol=1e-6)
    for p in post.parameters():
        nn.init.normal_(p, std=0.1)
    x_hat = post(LOW)
    assert x_hat.shape == X.shape
    knows = getattr(post, "knows_quality", False)
    assert torch.equal(post(HIGH), x_hat) != knows


def test_red_and_blue_follow_green_and_green_does_not_follow_them() -> None:
    post = GreenGuided(4, 1, knows_quality=False)
    for p in post.parameters():
        nn.init.normal_(p, std=0.1)
    changed = X.clone()
    changed[:, 1] = 0
    without_green, without_red = post(Decoded(changed)), post(Decoded(X * torch.tensor([0, 1, 1])[:, None, None]))
    whole = post(Decoded(X))
    assert not torch.equal(without_green[:, 0], whole[:, 0]) and not torch.equal(without_green[:, 2], whole[:, 2])
    assert torch.equal(without_red[:, 1:], whole[:, 1:])


def test_bad_settings_are_one_sentence() -> None:
    with pytest.raises(LicError, match="knows the quality of a classical codec"):
        Restore(4, 1)(Decoded(X))
    with pytest.raises(LicError, match="needs a block"):
        Refined(None)
