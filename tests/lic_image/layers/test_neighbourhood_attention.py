"""Against the definition, position by position; borders, short sides, gradients, exact arithmetic, memory."""

import pytest
import torch
from torch import Tensor, nn
from torch._subclasses.fake_tensor import FakeTensorMode

from common.entropy import exact
from lic_image.layers.neighbourhood_attention import NeighbourhoodAttention, neighbourhood_attention, tiles


def by_definition(q: Tensor, k: Tensor, v: Tensor, bias: Tensor) -> Tensor:
    """The sum for each position by itself."""
    q, k, v = (x.permute(0, 3, 1, 2, 4) for x in (q, k, v))  # heads first
    H, W, d = q.shape[2:]
    window = (bias.shape[1] + 1) // 2
    high, wide = min(window, H), min(window, W)
    out = torch.empty_like(v)
    for i in range(H):
        for j in range(W):
            top = min(max(i - high // 2, 0), H - high)
            left = min(max(j - wide // 2, 0), W - wide)
            there = (slice(None), slice(None), slice(top, top + high), slice(left, left + wide))
            rows = torch.arange(top, top + high) - i + window - 1
            columns = torch.arange(left, left + wide) - j + window - 1
            scores = (k[there] * q[:, :, i, j, None, None]).sum(4) * d**-0.5 + bias[:, rows[:, None], columns]
            shares = scores.flatten(2).softmax(2)
            out[:, :, i, j] = (shares[..., None] * v[there].flatten(2, 3)).sum(2)
    return out.permute(0, 2, 3, 1, 4)


@pytest.mark.parametrize("window", [1, 3, 7])
@pytest.mark.parametrize("size", [(1, 1), (3, 5), (16, 16), (9, 30), (2, 19), (8, 7)])
def test_against_the_definition(size: tuple[int, int], window: int) -> None:
    torch.manual_seed(0)
    q, k, v = torch.randn(3, 2, *size, 3, 4, dtype=torch.float64)
    bias = torch.randn(3, 2 * window - 1, 2 * window - 1, dtype=torch.float64)
    assert torch.allclose(neighbourhood_attention(q, k, v, bias), by_definition(q, k, v, bias), atol=1e-12)


@pytest.mark.parametrize("window", [3, 7])
@pytest.mark.parametrize("length", [*range(1, 20), 64])
def test_every_query_is_in_a_tile_that_has_all_its_keys(length: int, window: int) -> None:
    k, done, places = min(window, length), list[int](), torch.arange(length)
    for part in tiles(length, window):
        own = part.queries(places, 0).flatten()[part.done :].tolist()
        for queries, keys in zip(part.queries(places, 0).tolist(), part.keys(places, 0).tolist()):
            assert min(keys) >= 0 and max(keys) < length
            for i, offsets in zip(queries, part.offsets):
                start = min(max(i - k // 2, 0), length - k)
                seen = range(start, start + k)
                assert [None if offset is None else i + offset for offset in offsets] == [
                    key if key in seen else None for key in keys
                ]
        done += own
    assert done == list(range(length))


def test_gradients_are_those_of_the_definition() -> None:
    torch.manual_seed(0)
    given = [torch.randn(1, 9, 11, 2, 4, dtype=torch.float64, requires_grad=True) for _ in range(3)]
    bias = torch.randn(2, 5, 5, dtype=torch.float64, requires_grad=True)
    weights = torch.randn(1, 9, 11, 2, 4, dtype=torch.float64)
    ours, theirs = (
        torch.autograd.grad((attend(*given, bias) * weights).sum(), [*given, bias])
        for attend in (neighbourhood_attention, by_definition)
    )
    for a, b in zip(ours, theirs):
        assert torch.allclose(a, b, atol=1e-10)


def test_in_exact_arithmetic_the_order_of_sums_does_not_matter() -> None:
    torch.manual_seed(0)
    layer, x = NeighbourhoodAttention(32, window=3).eval(), torch.randn(2, 10, 13, 32)
    nn.init.normal_(layer.relative)
    with torch.inference_mode():
        told = exact.run(layer, x)
        assert torch.allclose(told, layer(x), atol=2e-3) and told.dtype == torch.float32
        with exact.shuffled_sums():
            assert torch.equal(exact.run(layer, x), told)
        assert torch.equal(exact.run(layer, x[:1]), told[:1])


def test_memory_does_not_grow_with_the_window() -> None:
    """Nothing that is kept for the gradient is as large as k² values a position."""
    layer, x = NeighbourhoodAttention(16, window=7), torch.randn(1, 64, 64, 16)
    kept: list[int] = []
    with torch.autograd.graph.saved_tensors_hooks(lambda t: kept.append(t.numel()) or t, lambda t: t):  # type: ignore[func-returns-value]
        layer(x)
    assert max(kept) < 49 * 64 * 64 * 16 / 4
    assert sum(kept) < 49 * 64 * 64 * 16


def test_a_window_that_has_no_middle_is_refused() -> None:
    with pytest.raises(ValueError, match="must be odd, not 4"):
        NeighbourhoodAttention(16, window=4)
    with pytest.raises(ValueError, match="24 channels a multiple of 16"):
        NeighbourhoodAttention(24)


def test_attention_received_is_the_sum_over_those_that_look() -> None:
    torch.manual_seed(0)
    layer = NeighbourhoodAttention(8, 3, 4)
    nn.init.normal_(layer.relative)
    x = torch.randn(1, 5, 6, 8)
    with torch.inference_mode():
        received = layer.received(x)
        q, k, _ = layer.qkv(x).unflatten(3, (3, 2, 4)).unbind(3)
        expected = torch.zeros(5, 6)
        for i in range(30):  # what one position gets: the attention of all, read by a value that is 1 there alone
            v = torch.zeros_like(q)
            v[0, i // 6, i % 6] = 1
            expected[i // 6, i % 6] = by_definition(q, k, v, layer.relative)[..., 0].mean(3).sum()
    torch.testing.assert_close(received[0], expected)
    assert received.mean() == pytest.approx(1)


def test_counting_on_shapes_alone_leaves_no_trace() -> None:
    """FLOPs are counted with tensors that have no values; what is kept between calls must not be of these."""
    torch.manual_seed(0)
    layer, x = NeighbourhoodAttention(16, window=5), torch.randn(1, 12, 21, 16)
    with FakeTensorMode(allow_non_fake_inputs=True) as mode:
        assert layer(mode.from_tensor(x)).shape == x.shape
    told = layer(x)
    with FakeTensorMode(allow_non_fake_inputs=True) as mode:
        assert layer(mode.from_tensor(x)).shape == x.shape
    assert torch.equal(layer(x), told) and told.isfinite().all()
