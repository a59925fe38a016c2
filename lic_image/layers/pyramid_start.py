"""Start strided transforms as a pyramid of block averages and differences, instead of at random.

    level l:  (mean, horizontal, vertical, diagonal difference) of every 2x2 block of every kept channel;
              the N channels (last level: M) of most energy in the first training crops are kept

Four levels are a 16x16 Haar transform that keeps its strongest coefficients; g_s starts as its transpose. A random
start spends its first thousands of steps on finding this. Values stay within ±1/2 up to the last layer, where GDN is
close to the identity; the last layer scales y so that rounding it costs what λ allows: the step Δ of an orthonormal
coefficient that is optimal at high rate, Δ² = 18 / (λ·255²·ln 2) (derived in `lic_image.codecs.swift`).

Measured with `adjacent` tiny without its blocks, λ 0.0483, 4 crops of 128x128 a step: a loss of 12.6 after 400 steps at
3e-4, which a random start reached after 2800 (1e-3 for 2440 steps, then 1e-4; at 3e-4 it had 48 after 500).
"""

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

SIGNS = torch.tensor([[1, 1, 1, 1], [1, -1, 1, -1], [1, 1, -1, -1], [1, -1, -1, 1]]).reshape(4, 2, 2)
TAPS = slice(2, 4)  # of a 5x5 kernel with stride 2 and padding 2: the positions of a 2x2 block


@torch.no_grad()
def start_as_pyramid(g_a: nn.Sequential, g_s: nn.Sequential, x: Tensor, lmbda: float) -> Tensor:
    """Set the weights of `g_a` and `g_s` from images `x` (B, 3, H, W); returns y's standard deviations (M,).

    Args:
        g_a: holds conv5 layers of stride 2, g_s as many transposed ones.
        lmbda: the Lagrangian of λ·255²·MSE + bpp.
    """
    down = [layer for layer in g_a if isinstance(layer, nn.Conv2d)]
    up = [layer for layer in g_s if isinstance(layer, nn.ConvTranspose2d)][::-1]
    kept = x - 0.5
    for analysis, synthesis in zip(down, up):
        kept = _level(analysis, synthesis, kept)
    gain = 2 ** len(down) / math.sqrt(18 / (lmbda * 255**2 * math.log(2)))
    down[-1].weight *= gain
    up[-1].weight /= gain
    down[0].bias.copy_(-0.5 * down[0].weight.sum((1, 2, 3)))  # type: ignore[union-attr]
    up[0].bias.fill_(0.5)  # type: ignore[union-attr]
    return g_a(x).std((0, 2, 3))


def _level(analysis: nn.Conv2d, synthesis: nn.ConvTranspose2d, x: Tensor) -> Tensor:
    """One level on the channels `x` that earlier layers hold; returns those that this one holds."""
    C = x.shape[1]
    patterns = SIGNS.to(x).repeat(C, 1, 1).unsqueeze(1)  # (4 C, 1, 2, 2), each channel's four in a row
    candidates = F.conv2d(x, patterns / 4, stride=2, groups=C)
    order = candidates.square().mean((0, 2, 3)).argsort(descending=True)[: analysis.out_channels]
    count = len(order)
    analysis.weight[:count] = 0
    analysis.bias.zero_()  # type: ignore[union-attr]
    synthesis.weight[:, :C] = 0  # what other channels hold is not heard at first
    synthesis.bias.zero_()  # type: ignore[union-attr]
    for i, candidate in enumerate(order.tolist()):
        pattern = patterns[candidate, 0]
        analysis.weight[i, candidate // 4, TAPS, TAPS] = pattern / 4
        synthesis.weight[i, candidate // 4, TAPS, TAPS] = pattern
    return candidates[:, order]
