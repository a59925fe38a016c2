"""Split attention by its equation, written out."""

import torch

from lic_video.layers.split_attention import SplitAttention


@torch.no_grad()
def test_it_is_the_sum_of_views_weighted_by_a_softmax_over_them() -> None:
    torch.manual_seed(0)
    block = SplitAttention(8)
    x = torch.randn(2, 8, 5, 7)
    halves = [
        torch.relu(torch.nn.functional.conv2d(x[:, 4 * g : 4 * g + 4], *parameters, padding=1))
        for g in range(2)
        for parameters in [(block.views.weight[8 * g : 8 * g + 8], block.views.bias[8 * g : 8 * g + 8])]
    ]
    mean = (halves[0] + halves[1]).mean((2, 3))
    told = torch.relu(mean @ block.squeeze.weight.T + block.squeeze.bias) @ block.excite.weight.T + block.excite.bias
    for n in range(2):
        for c in range(8):
            a, b = told[n, c].exp(), told[n, 8 + c].exp()
            expected = (a * halves[0][n, c] + b * halves[1][n, c]) / (a + b)
            torch.testing.assert_close(block(x)[n, c], expected)
