"""The multistage context of Tiny-LIC: slices of channels, narrow ones first, each in fewer phases than the one before.

    slice    channels (M = 320)    phases of positions, row and column modulo 2
    0        24                    (0, 0) · (1, 1) · (0, 1) · (1, 0)
    1        69                    odd row + column · even
    2        104                   even · odd
    3        123                   all at once

    side (B, S, h, w), earlier slices ─ conv5 ─ conv5 ─ conv3 ─ channel context ─┐
    this slice's phases so far ──────── conv 3 or 5 ─────────── spatial context ─┼─ 1x1 ─ 1x1 ─ 1x1 ─ scales, means
    side ────────────────────────────────────────────────────────────────────────┘

M. Lu, F. Chen, S. Pu, Z. Ma, "High-efficiency lossy image coding through adaptive neighborhood information
aggregation", 2022. A slice has M (cos(tπ/8) - cos((t+1)π/8)) channels. Nine steps decode everything. The spatial
context is a convolution of what is decoded, zero elsewhere; in the first phase it is zero.
"""

import math
from itertools import pairwise

import torch
from torch import Tensor, nn

from common.entropy import exact
from common.entropy.walks import Visitor, phases

SLICES = 4
KERNELS = ((3, 5, 5), (5,), (5,), ())  # of the spatial context of each phase but the first


def slices(M: int) -> list[slice]:
    """The slices of M channels: 24, 69, 104 and 123 of 320."""
    edges = [int(M * (1 - math.cos(t * math.pi / (2 * SLICES)))) for t in range(SLICES)] + [M]
    return [slice(a, b) for a, b in pairwise(edges)]


def stages(h: int, w: int, device: torch.device) -> list[list[Tensor | None]]:
    """For each slice its phases, as masks (h, w); None is all positions."""
    even, odd = phases(h, w, 2, device)
    return [[*phases(h, w, 4, device)], [odd, even], [even, odd], [None]]


class SlicePredictor(nn.Module):
    """Scales and means of one slice.

    Args:
        channels: of the slice.
        earlier: channels of all slices before it.
        side: channels of the side information.
        kernels: of the spatial context of each phase but the first.
        widths: of the two hidden layers of the channel context.
    """

    def __init__(
        self, channels: int, earlier: int, side: int, kernels: tuple[int, ...], widths: tuple[int, int]
    ) -> None:
        super().__init__()
        wide, narrow = widths
        self.channel = nn.Sequential(
            nn.Conv2d(side + earlier, wide, 5, padding=2),
            nn.GELU(),
            nn.Conv2d(wide, narrow, 5, padding=2),
            nn.GELU(),
            nn.Conv2d(narrow, 2 * channels, 3, padding=1),
        )
        self.spatial = nn.ModuleList(nn.Conv2d(channels, 2 * channels, k, padding=k // 2) for k in kernels)
        told = side + (4 if kernels else 2) * channels
        hidden = (10 * channels // 3, 8 * channels // 3) if kernels else (2 * channels, 2 * channels)
        self.parameters_of = nn.Sequential(
            nn.Conv2d(told, hidden[0], 1),
            nn.GELU(),
            nn.Conv2d(hidden[0], hidden[1], 1),
            nn.GELU(),
            nn.Conv2d(hidden[1], 2 * channels, 1),
        )

    @exact.parameters
    def context(self, side: Tensor, earlier: Tensor | None) -> Tensor:
        """Side information and the channel context, one behind the other: the same in all phases."""
        known = side if earlier is None else torch.cat([side, earlier], 1)
        return torch.cat([side, self.channel(known)], 1)

    @exact.parameters
    def forward(self, context: Tensor, so_far: Tensor, phase: int, positions: Tensor | None) -> tuple[Tensor, ...]:
        """`so_far` (B, channels, h, w) is zero where the slice is not decoded -> scales and means, of its shape."""
        if self.spatial:
            wide = so_far.new_zeros(len(so_far), 2 * so_far.shape[1], *so_far.shape[2:])
            spatial = self.spatial[phase - 1](so_far) if phase else wide
            context = torch.cat([context, spatial], 1)
        if positions is None:
            return self.parameters_of(context).chunk(2, 1)
        return exact.at_positions(self.parameters_of, context, positions).chunk(2, 1)


class MultistageContext(nn.Module):
    """Args: channels of y and of the side information; `widths` as in `SlicePredictor`."""

    def __init__(self, M: int, side: int, widths: tuple[int, int]) -> None:
        super().__init__()
        self.slices = slices(M)
        self.predictors = nn.ModuleList(
            SlicePredictor(part.stop - part.start, part.start, side, kernels, widths)
            for part, kernels in zip(self.slices, KERNELS)
        )

    @torch.no_grad()
    def start_from(self, deviations: Tensor) -> None:
        """Let the scales start at what y (B, M, h, w) has been found to deviate by, (M,)."""
        for part, predictor in zip(self.slices, self.predictors):
            assert isinstance(predictor, SlicePredictor)
            last = predictor.parameters_of[-1]
            assert isinstance(last, nn.Conv2d) and last.bias is not None
            last.bias[: part.stop - part.start] = deviations[part]

    def walk(self, side: Tensor, visit: Visitor) -> Tensor:
        """Goes through y in coding order -> y_hat (B, M, h, w)."""
        done: list[Tensor] = []
        for part, predictor, masks in zip(self.slices, self.predictors, stages(*visit.size, side.device)):
            assert isinstance(predictor, SlicePredictor)
            context = predictor.context(side, torch.cat(done, 1) if done else None)
            y_hat = side.new_zeros(len(side), part.stop - part.start, *visit.size)
            for phase, mask in enumerate(masks):
                scales, means = predictor(context, y_hat, phase, mask)
                decoded = visit(scales, means, channels=part, positions=mask)
                y_hat = decoded if mask is None else y_hat + decoded * mask
            done.append(y_hat)
        return torch.cat(done, 1)
