"""Non-local block: every position is improved by all positions that look like it.

    F(x_i, x_j) = α(x_i)ᵗ β(x_j)          x_out = x + W_o softmax_j(F(x_i, x_j)) γ(x_j)

X. Wang, R. Girshick, A. Gupta, K. He: "Non-local neural networks", CVPR 2018, embedded Gaussian; α, β, γ, W_o are 1x1
convolutions. W_o starts at zero, as there. Keys and values may be max-pooled (their section 3.3); they are pooled
further where more than `keys` would be left, so that the cost does not grow with the square of the picture. Scores
are never stored where torch has a fused attention for the device.
"""

import math

from torch import Tensor, nn
from torch.nn import functional as F


class NonLocal(nn.Module):
    """(B, C, H, W) -> the same shape.

    Args:
        C: channels.
        hidden: channels of α, β and γ.
        pool: side of the windows that keys and values are pooled over, at least.
        keys: how many keys there are at most.
    """

    def __init__(self, C: int, hidden: int, pool: int = 1, keys: int = 4096) -> None:
        super().__init__()
        self.alpha, self.beta, self.gamma = (nn.Conv2d(C, hidden, 1) for _ in range(3))
        self.output = nn.Conv2d(hidden, C, 1)
        nn.init.zeros_(self.output.weight)
        nn.init.zeros_(self.output.bias)  # type: ignore[arg-type]
        self.pool = pool
        self.keys = keys

    def forward(self, x: Tensor) -> Tensor:
        side = window(x.shape[2], x.shape[3], self.pool, self.keys)
        pooled = F.max_pool2d(x, side, ceil_mode=True) if side > 1 else x
        q, k, v = tokens(self.alpha(x)), tokens(self.beta(pooled)), tokens(self.gamma(pooled))
        improved = F.scaled_dot_product_attention(q, k, v, scale=1.0)
        return x + self.output(improved.transpose(2, 3).reshape(x.shape[0], -1, *x.shape[2:]))


def tokens(x: Tensor) -> Tensor:
    """(B, C, H, W) -> (B, 1, H·W, C): one head, a token for each position."""
    return x.flatten(2).transpose(1, 2).unsqueeze(1).contiguous()


def window(height: int, width: int, least: int, keys: int) -> int:
    """The smallest side from `least` on of windows that leave at most `keys` of height · width positions."""
    side = least
    while math.ceil(height / side) * math.ceil(width / side) > keys:
        side += 1
    return side
