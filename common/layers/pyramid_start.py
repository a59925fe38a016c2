"""Start strided transforms as a pyramid of block averages and differences, instead of at random.

    level l:  (mean, horizontal, vertical, diagonal difference) of every 2x2 block of every kept channel;
              the N channels (last level: M) of most energy in the first training crops are kept

Four levels are a 16x16 Haar transform that keeps its strongest coefficients; g_s starts as its transpose. A random
start spends its first thousands of steps on finding this. Values stay within ±1/2 up to the last layer, where GDN is
close to the identity; the last layer scales y by the step that it is to be rounded by, see `optimal_step`.

Measured with `adjacent` tiny without its blocks, λ 0.0483, 4 crops of 128x128 a step: a loss of 12.6 after 400 steps at
3e-4, which a random start reached after 2800 (1e-3 for 2440 steps, then 1e-4; at 3e-4 it had 48 after 500).
"""

import math
from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional as F

# From what earlier layers hold (B, C, H, W), and how many channels a layer has: its orthonormal patterns (N, C, 2, 2),
# and what it then holds (B, N, H/2, W/2), which is half of what they give.
Basis = Callable[[Tensor, int], tuple[Tensor, Tensor]]
SIGNS = torch.tensor([[1, 1, 1, 1], [1, -1, 1, -1], [1, 1, -1, -1], [1, -1, -1, 1]]).reshape(4, 2, 2)


def optimal_step(weight: float) -> float:
    """The step Δ to round an orthonormal coefficient by, where the loss is bpp + `weight`·MSE.

    At high rate a coefficient costs weight·Δ²/(12·3) - log2(Δ), three channels sharing the pixel, least at
    Δ² = 18 / (weight·ln 2). For the usual λ, `weight` is λ·255², x being in [0, 1].
    """
    return math.sqrt(18 / (weight * math.log(2)))


def lmbda_of_step(step: float) -> float:
    """The λ, in the units of λ·255²·MSE, for which `step` is the optimal one."""
    return 18 / (255**2 * step**2 * math.log(2))


@torch.no_grad()
def start_as_pyramid(
    g_a: nn.Sequential,
    g_s: nn.Sequential,
    x: Tensor,
    step: float,
    centre: float = 0.5,
    between: float = 1.0,
    basis: Basis | None = None,
) -> Tensor:
    """Set the weights of `g_a` and `g_s` from examples `x` (B, C, H, W); returns y's standard deviations (M,).

    Args:
        g_a: holds convolutions of stride 2 and odd kernels, g_s as many transposed ones.
        step: what an orthonormal coefficient of x is to be rounded by.
        centre: of the values of x.
        between: what the layers behind each convolution, and in front of each transposed one, multiply by at first.
        basis: of each level; None for Haar's.
    """
    down = [layer for layer in g_a if isinstance(layer, nn.Conv2d)]
    up = [layer for layer in g_s if isinstance(layer, nn.ConvTranspose2d)][::-1]
    kept = x - centre
    for analysis, synthesis in zip(down, up):
        kept = _level(analysis, synthesis, kept, basis or haar)
    gain = 2 ** len(down) / step
    down[-1].weight *= gain
    up[-1].weight /= gain
    for layer in (*down, *up):
        layer.weight /= between
    down[0].bias.copy_(-centre * down[0].weight.sum((1, 2, 3)))  # type: ignore[union-attr]
    up[0].bias.fill_(centre)  # type: ignore[union-attr]
    return g_a(x).std((0, 2, 3))


def haar(x: Tensor, count: int) -> tuple[Tensor, Tensor]:
    """The strongest of mean and horizontal, vertical and diagonal difference of every channel, as a `Basis`."""
    C = x.shape[1]
    patterns = SIGNS.to(x).repeat(C, 1, 1).unsqueeze(1)  # (4 C, 1, 2, 2), each channel's four in a row
    candidates = F.conv2d(x, patterns / 4, stride=2, groups=C)
    order = candidates.square().mean((0, 2, 3)).argsort(descending=True)[:count]
    chosen = x.new_zeros(len(order), C, 2, 2)
    chosen[range(len(order)), order // 4] = patterns[order, 0] / 2
    return chosen, candidates[:, order]


def _level(analysis: nn.Conv2d, synthesis: nn.ConvTranspose2d, x: Tensor, basis: Basis) -> Tensor:
    """One level on the channels `x` that earlier layers hold; returns those that this one holds."""
    patterns, kept = basis(x, analysis.out_channels)
    count, C = patterns.shape[:2]
    middle = analysis.kernel_size[0] // 2
    taps = slice(middle, middle + 2)  # with stride 2, the positions of a 2x2 block
    analysis.weight[:count] = 0
    analysis.bias.zero_()  # type: ignore[union-attr]
    synthesis.weight[:, :C] = 0  # what other channels hold is not heard at first
    synthesis.bias.zero_()  # type: ignore[union-attr]
    analysis.weight[:count, :C, taps, taps] = patterns / 2
    synthesis.weight[:count, :C, taps, taps] = patterns * 2
    return kept
