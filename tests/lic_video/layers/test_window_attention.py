"""Window attention against torchvision's own: values and gradients, with and without shift, one and two heads."""

import pytest
import torch
from torchvision.models.swin_transformer import ShiftedWindowAttention

from lic_video.layers.window_attention import WindowAttention


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


def test_it_goes_on_in_training_after_inference() -> None:
    attention = WindowAttention(16, [8, 8], [4, 4], 1)
    x = torch.randn(1, 24, 40, 16)
    with torch.inference_mode():
        attention(x)
    attention(x).sum().backward()


def test_half_precision() -> None:
    attention = WindowAttention(16, [8, 8], [4, 4], 1)
    x = torch.randn(1, 16, 16, 16)
    with torch.autocast("cpu", torch.bfloat16):
        torch.testing.assert_close(attention(x).float(), attention(x.bfloat16()).float(), atol=0.05, rtol=0.1)
