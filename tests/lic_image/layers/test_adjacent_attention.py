"""AAB against equations (6) and (7), written out position by position."""

import numpy as np
import pytest
import torch
from support.naive import Array, assert_written_out, conv, picture, randomised, softmax, unreached
from torch import nn

from lic_image.layers.adjacent_attention import AdjacentAttention


def weight_features(axial: nn.Module, x: Array) -> Array:
    """(6) down the columns: w_i = sum_l softmax_l(q_i · k_l) d_l."""
    q, k, d = conv(axial.q, x), conv(axial.k, x), conv(axial.d, x)
    w = np.empty_like(d)
    for i, j in np.ndindex(*x.shape[1:]):
        weights = softmax(float(q[:, i, j] @ k[:, m, j]) for m in range(x.shape[1]))
        w[:, i, j] = sum(weight * d[:, m, j] for m, weight in enumerate(weights))
    return w


def written_out(block: nn.Module, x: Array) -> Array:
    w_s = weight_features(block.vertical, x)
    w_r = weight_features(block.horizontal, x.swapaxes(1, 2)).swapaxes(1, 2)
    merged = conv(block.merge, np.concatenate([w_s, w_r, w_s * w_r, np.maximum(w_s, w_r)]))
    out = np.empty_like(x)
    for i, j in np.ndindex(*x.shape[1:]):
        near = merged[:, max(i - 1, 0) : i + 2, max(j - 1, 0) : j + 2]
        out[:, i, j] = x[:, i, j] + near.reshape(len(x), -1).sum(1) / (near.shape[1] * near.shape[2])
    return out


@pytest.mark.parametrize("C", [16, 6])  # 2 channels of q and k, and 1 where C / 8 is none
def test_equation(C: int) -> None:
    block = randomised(AdjacentAttention(C))
    assert_written_out(block, written_out, (C, 5, 3), (C, 4, 6), (C, 1, 1), (C, 1, 4), (C, 7, 1))


def test_starts_as_the_identity() -> None:
    x = torch.randn(2, 24, 9, 7)
    assert torch.equal(AdjacentAttention(24)(x), x)


def test_gradients_reach_all_but_what_the_softmax_cancels() -> None:
    """q_i · b is the same for every l: the bias of k changes nothing."""
    expected = {"vertical.k.bias", "horizontal.k.bias"}
    assert unreached(AdjacentAttention(16), picture(16, 5, 6)) == expected


def test_sees_its_row_and_its_column_alone() -> None:
    block = randomised(AdjacentAttention(8))
    x = picture(8, 9, 9)
    other = x.clone()
    other[0, :, 4, 2] += 1
    changed = (block(other) != block(x)).any(1)[0]
    seen = torch.zeros(9, 9, dtype=torch.bool)
    seen[3:6, :] = seen[:, 1:4] = True  # one more to each side by the 3x3 mean
    assert torch.equal(changed, seen)


def test_images_of_a_batch_do_not_mix() -> None:
    block = randomised(AdjacentAttention(8))
    x = torch.cat([picture(8, 4, 5, seed=s) for s in range(3)])
    assert torch.allclose(block(x), torch.cat([block(image[None]) for image in x]))


def test_maps_are_the_attention_received() -> None:
    block = randomised(AdjacentAttention(16))
    x = picture(16, 4, 3)
    maps = block.maps(x)
    axial, plain = block.vertical, x[0].numpy()
    q, k = conv(axial.q, plain), conv(axial.k, plain)
    expected = np.zeros((4, 3))
    for i, j in np.ndindex(4, 3):
        expected[:, j] += softmax(float(q[:, i, j] @ k[:, m, j]) for m in range(4))
    np.testing.assert_allclose(maps["vertical"][0].detach(), expected)
    turned = AdjacentAttention(16).double()
    turned.vertical, turned.horizontal = block.horizontal, block.vertical
    np.testing.assert_allclose(
        maps["horizontal"].detach(), turned.maps(x.transpose(2, 3))["vertical"].transpose(1, 2).detach()
    )
    assert torch.allclose(maps["vertical"].mean(1), torch.ones(1, 3, dtype=torch.double))
    assert torch.allclose(maps["horizontal"].mean(2), torch.ones(1, 4, dtype=torch.double))
