"""The non-local block against its equation, written out, with all positions as keys and with pooled ones."""

import pytest
import torch
from support.naive import assert_written_out, non_local, picture, randomised, unreached

from lic_image.layers.nonlocal_block import NonLocal, window


@pytest.mark.parametrize(("pool", "keys", "side"), [(1, 4096, 1), (2, 4096, 2), (3, 4096, 3), (1, 6, 3), (2, 4, 4)])
def test_equation(pool: int, keys: int, side: int) -> None:
    """Of 5 x 7 positions, at most 6 keys are windows of side 3 (2 x 3 of them), at most 4 of side 4."""
    block = randomised(NonLocal(6, 4, pool, keys))
    assert_written_out(block, lambda block, x: non_local(block, x, side), (6, 5, 7))


@pytest.mark.parametrize("pool", [1, 2, 3])
def test_pictures_smaller_than_a_window(pool: int) -> None:
    block = randomised(NonLocal(4, 2, pool))
    assert_written_out(block, lambda block, x: non_local(block, x, pool), (4, 1, 1), (4, 1, 5), (4, 4, 1), (4, 2, 2))


def test_windows_by_hand() -> None:
    assert window(64, 64, 1, 4096) == 1
    assert window(64, 65, 1, 4096) == 2
    assert window(64, 64, 2, 4096) == 2
    assert window(256, 256, 1, 4096) == 4
    assert window(1, 5000, 1, 4096) == 2
    assert window(257, 256, 1, 4096) == 5  # windows of side 4 would leave 65 x 64


def test_keys_are_never_more_than_allowed(monkeypatch: pytest.MonkeyPatch) -> None:
    counts = []
    fused = torch.nn.functional.scaled_dot_product_attention

    def counting(q: torch.Tensor, k: torch.Tensor, v: torch.Tensor, **options: object) -> torch.Tensor:
        counts.append((q.shape[2], k.shape[2], v.shape[2]))
        return fused(q, k, v, **options)

    monkeypatch.setattr("torch.nn.functional.scaled_dot_product_attention", counting)
    block = NonLocal(2, 2, keys=50)
    for size in ((5, 10), (5, 11), (40, 40), (3, 200)):
        block(torch.randn(1, 2, *size))
    assert counts == [(50, 50, 50), (55, 18, 18), (1600, 49, 49), (600, 50, 50)]


def test_starts_as_the_identity() -> None:
    x = torch.randn(2, 6, 9, 7)
    assert torch.equal(NonLocal(6, 3, pool=2)(x), x)


def test_gradients_reach_all_but_what_the_softmax_cancels() -> None:
    """α(x_i) · b is the same for every j: the bias of β changes nothing."""
    assert unreached(NonLocal(6, 4), picture(6, 5, 4)) == {"beta.bias"}


def test_every_position_sees_every_other() -> None:
    block = randomised(NonLocal(4, 4))
    x = picture(4, 6, 5)
    other = x.clone()
    other[0, :, 5, 0] += 1
    assert (block(other) != block(x)).any(1).all()
