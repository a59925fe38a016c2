"""Slices of channels, one after the other, each predicted from the hyperprior and from the first slices.

    latent scales ─┬─ convs ───────────────────────────────── scales ┐
    first slices ──┤                                                 ├─ coder ─ decoded ─ + ─ y_hat of the slice
    latent means ──┴─┬─ convs ─────────────────────────────── means ─┘             │      │
                     └─ convs ─ 0.5 tanh ──────────────────────────────────────────┴──────┘

D. Minnen, S. Singh: "Channel-wise autoregressive entropy models for learned image compression", ICIP 2020.
The last branch, which sees the decoded slice, too, predicts what rounding took away (latent residual prediction).
A slice is predicted from at most `support` others, and these are the first: so behind them slices do not depend on each
other. That is how R. Zou, C. Song, Z. Zhang (CVPR 2022) publish it. All convs are 3x3, with GELU between them.
"""

from collections.abc import Iterable, Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn

from common.entropy import exact
from common.entropy.walks import Visitor


def gelu_between(layers: Iterable[nn.Module]) -> nn.Sequential:
    return nn.Sequential(*[each for layer in layers for each in (nn.GELU(), layer)][1:])


def convolutions(widths: Sequence[int]) -> nn.Sequential:
    """3x3 convolutions from the first width to the last, with GELU between them."""
    return gelu_between(nn.Conv2d(*pair, 3, padding=1) for pair in pairwise(widths))


class ChannelSlices(nn.Module):
    """The context.

    Args:
        M: channels of y, of latent means and of latent scales; a multiple of `slices`.
        slices: how many.
        support: how many slices, at most, one slice is predicted from.
        widths: of the hidden layers of each prediction.
    """

    def __init__(self, M: int, slices: int, support: int, widths: Sequence[int]) -> None:
        super().__init__()
        if M % slices:
            raise ValueError(f"{M} channels do not make {slices} equal slices")
        C = M // slices
        self.slices = [slice(i * C, (i + 1) * C) for i in range(slices)]
        self.support = support
        known = [M + C * min(i, support) for i in range(slices)]
        self.scales = nn.ModuleList(convolutions((inputs, *widths, C)) for inputs in known)
        self.means = nn.ModuleList(convolutions((inputs, *widths, C)) for inputs in known)
        self.residuals = nn.ModuleList(convolutions((inputs + C, *widths, C)) for inputs in known)

    @exact.parameters
    def predicted(self, i: int, scales: Tensor, means: Tensor, first: list[Tensor]) -> tuple[Tensor, Tensor]:
        """Latent scales and means (B, M, h, w), and the slices that number i may see -> its scales and means."""
        return self.scales[i](torch.cat([scales, *first], 1)), self.means[i](torch.cat([means, *first], 1))

    @exact.parameters
    def completed(self, i: int, means: Tensor, first: list[Tensor], decoded: Tensor) -> Tensor:
        """The decoded slice, and with it what rounding is thought to have taken away."""
        missing = self.residuals[i](torch.cat([means, *first, decoded], 1))
        return decoded + 0.5 * torch.tanh(missing)

    def walk(self, scales: Tensor, means: Tensor, visit: Visitor) -> Tensor:
        """Goes through y in coding order, from latent scales and means (B, M, h, w) -> y_hat (B, M, h, w)."""
        done: list[Tensor] = []
        for i, part in enumerate(self.slices):
            first = done[: self.support]
            decoded = visit(*self.predicted(i, scales, means, first), channels=part)
            done.append(self.completed(i, means, first, decoded))
        return torch.cat(done, 1)
