"""Window attention against torchvision's own: values and gradients, with and without shift, one and two heads."""

import pytest
import torch
from torchvision.models.swin_transformer import ShiftedWindowAttention

from common.metrics.complexity import gmacs
from lic_video.layers.swin_conv import ResidualSwin
from lic_video.layers.window_attention import WindowAttention, apart


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


def test_what_a_shift_puts_together_is_apart() -> None:
    far = -torch.inf
    assert not apart(2, 2, 0, 0).any()
    assert apart(2, 2, 1, 0).tolist() == [[0, 0, far, far], [0, 0, far, far], [far, far, 0, 0], [far, far, 0, 0]]
    assert apart(2, 2, 0, 1).tolist() == [[0, far, 0, far], [far, 0, far, 0], [0, far, 0, far], [far, 0, far, 0]]
    assert apart(2, 2, 1, 1).tolist() == [[0 if a == b else far for a in range(4)] for b in range(4)]


def test_it_works_after_its_operations_were_counted() -> None:
    net = ResidualSwin(16, layers=2)
    gmacs(net, (1, 16, 16, 24))
    x = torch.randn(1, 16, 16, 24)
    assert torch.isfinite(net(x)).all() and type(net(x)) is torch.Tensor
