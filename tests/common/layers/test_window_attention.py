"""Window attention against torchvision's own, values and gradients, and against its definition, padding included."""

from itertools import product

import pytest
import torch
from torch import Tensor
from torchvision.models.swin_transformer import ShiftedWindowAttention

from common.entropy import exact
from common.layers.window_attention import INSIDE, PADDING, WRAPPED, WindowAttention, apart, kinds


@pytest.mark.parametrize("shift", [[0, 0], [4, 4], [2, 3]])
@pytest.mark.parametrize("size, heads", [((16, 24), 1), ((8, 24), 2), ((8, 8), 1), ((32, 16), 2)])
def test_it_is_torchvisions(size: tuple[int, int], heads: int, shift: list[int]) -> None:
    torch.manual_seed(0)
    theirs = ShiftedWindowAttention(16 * heads, [8, 8], shift, heads)
    torch.nn.init.normal_(theirs.relative_position_bias_table)
    ours = WindowAttention(16 * heads, [8, 8], shift, heads)
    ours.load_state_dict(theirs.state_dict())
    x = torch.randn(2, *size, 16 * heads)
    torch.testing.assert_close(ours(x), theirs(x))
    for attention in (ours, theirs):
        attention(x).square().sum().backward()
    for (name, a), b in zip(ours.named_parameters(), theirs.parameters()):
        torch.testing.assert_close(a.grad, b.grad, rtol=1e-4, atol=1e-4, msg=lambda text, n=name: f"{n}: {text}")
    with torch.inference_mode():
        torch.testing.assert_close(ours(x), theirs(x))


def test_half_precision() -> None:
    torch.manual_seed(0)
    attention = WindowAttention(16, [8, 8], [4, 4], 1)
    x = torch.randn(1, 24, 16, 16)
    with torch.autocast("cpu", torch.bfloat16):
        half = attention(x)
    assert half.dtype == torch.bfloat16
    torch.testing.assert_close(half.float(), attention(x), atol=0.02, rtol=0.02)


def by_definition(attention: WindowAttention, x: Tensor, shift: int) -> Tensor:
    """Position by position; a position's window is told by where it is, a shift before the picture's start included."""
    window, heads = attention.window_size[0], attention.num_heads
    H, W, C = x.shape[1:]
    q, k, v = attention.qkv(x).unflatten(3, (3, heads, C // heads)).unbind(3)
    down, right = (shift if side > window else 0 for side in (H, W))
    table = attention.relative_position_bias_table.unflatten(0, (2 * window - 1, 2 * window - 1))
    out = torch.zeros_like(v)
    for i, j in product(range(H), range(W)):
        top, left = ((at - s) // window * window + s for at, s in ((i, down), (j, right)))
        rows = torch.arange(max(top, 0), min(top + window, H))
        columns = torch.arange(max(left, 0), min(left + window, W))
        keys, values = (part[:, rows[:, None], columns].flatten(1, 2) for part in (k, v))
        bias = table[(i - rows + window - 1)[:, None], j - columns + window - 1].flatten(0, 1)
        scores = torch.einsum("bhc,bnhc->bnh", q[:, i, j], keys) / (C // heads) ** 0.5 + bias
        out[:, i, j] = torch.einsum("bnh,bnhc->bhc", scores.softmax(1), values)
    return attention.proj(out.flatten(3))


@pytest.mark.parametrize("shift", [0, 1, 2])
@pytest.mark.parametrize("size", [(8, 12), (4, 9), (5, 13), (2, 3), (6, 7), (1, 11)], ids=str)
def test_it_is_its_definition_at_any_size(size: tuple[int, int], shift: int) -> None:
    torch.manual_seed(0)
    attention = WindowAttention(8, [4, 4], [shift, shift], 2)
    torch.nn.init.normal_(attention.relative_position_bias_table)
    x = torch.randn(2, *size, 8)
    with torch.inference_mode():
        torch.testing.assert_close(attention(x), by_definition(attention, x, shift))


def test_it_has_an_exact_form() -> None:
    """As a decoder may ask for, of padded maps, too."""
    torch.manual_seed(0)
    attention, x = WindowAttention(8, [4, 4], [2, 2], 2).eval(), torch.randn(1, 5, 6, 8)
    with torch.inference_mode():
        torch.testing.assert_close(exact.run(attention, x), attention(x), rtol=1e-3, atol=1e-3)


def test_windows_of_a_kind_share_their_mask() -> None:
    assert kinds(16, 4, 0) == [(slice(4), [INSIDE] * 4)]
    assert kinds(16, 4, 2) == [(slice(3), [INSIDE] * 4), (slice(3, 4), [INSIDE, INSIDE, WRAPPED, WRAPPED])]
    assert kinds(6, 4, 0) == [(slice(1), [INSIDE] * 4), (slice(1, 2), [INSIDE, INSIDE, PADDING, PADDING])]
    assert [parts for _, parts in kinds(5, 4, 2)] == [[0, 0, 0, 2], [2, 2, 1, 1]]


def test_what_does_not_belong_together_is_apart() -> None:
    far = -torch.inf
    assert not apart([INSIDE] * 2, [INSIDE] * 2).any()
    assert apart([0, 1], [0, 0]).tolist() == [[0, 0, far, far], [0, 0, far, far], [far, far, 0, 0], [far, far, 0, 0]]
    assert apart([0, 0], [0, 2]).tolist() == [[0, far, 0, far], [far, 0, far, 0], [0, far, 0, far], [far, 0, far, 0]]
    assert apart([0, 1], [0, 2]).tolist() == [[0 if a == b else far for a in range(4)] for b in range(4)]
