"""Multi-channel cost volume (MCCV): K costs for every displacement, filtered in four dimensions, and K guesses.

    features ── K groups of channels, each of length one
                B_k(d, x) = G¹_k(x) · G²_k(x + d)          cosine similarities, (K, 9, 9, H, W)      (4.5)
                separable 4-D filter: conv3 over d, then conv5 over x, K -> K channels, twice
                truncated soft-argmax over d                K guesses, each with its confidence

A. A. Jeny: thesis, section 4.3, after G. Yang, D. Ramanan: "Volumetric correspondence networks for optical flow",
NeurIPS 2019. The thesis prints the strides 64 to 4 and K = 16, 16, 16, 16, 12 of that network's five levels, which
this one does not have; taken for its "last two levels" are 16 (deeppynet). Features are compared after each channel's
mean over the first picture is taken off: what all positions share says nothing about which is which, and would bring
every cosine near 1. A truncated soft-argmax is the mean displacement under the softmax over the 3x3 displacements
around the best one: a mean over all 81 would lie between two candidates. The sharpness of the softmax is learned. The
decoder is given the guesses (2K), the confidences (the part of the softmax over all displacements that those nine
have, K) and the filtered costs, averaged over K ((2r+1)²).

The filters start as sums over neighbouring positions, so that the whole starts as block matching on random features.
From it the small network learns at once (28 % better than no motion after 75 steps of four crops); from random or no
filters it was no better than no motion after 560.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from lic_flow.layers.conv import leaky
from lic_flow.layers.cost_volume import cost_volume


class MultiChannelCostVolume(nn.Module):
    """first, second (B, C, H, W) -> K guesses (B, K, 2, H, W), dx and dy; confidences and costs (B, K + (2r+1)², H, W).

    `channels` are those of both.

    Args:
        hypotheses: K, a divisor of C.
        radius: displacements reach so far on either side.
        filters: how many times the costs are filtered.
    """

    def __init__(self, hypotheses: int = 16, radius: int = 4, filters: int = 2) -> None:
        super().__init__()
        K = hypotheses
        self.K, self.radius, self.side = K, radius, 2 * radius + 1
        self.channels = 3 * K + self.side**2
        self.over_displacements = nn.ModuleList(nn.Conv2d(K, K, 3, padding=1) for _ in range(filters))
        self.over_positions = nn.ModuleList(nn.Conv2d(K, K, 5, padding=2) for _ in range(filters))
        self.start_as_block_matching()
        self.sharpness = nn.Parameter(torch.full((K,), 10.0))

    def forward(self, first: Tensor, second: Tensor) -> tuple[Tensor, Tensor]:
        costs = self.filtered(self.similarities(first, second))
        guesses, confidence = self.soft_argmax((costs * self.sharpness.view(-1, 1, 1, 1, 1)).flatten(2, 3))
        return guesses, torch.cat([confidence, costs.mean(1).flatten(1, 2)], 1)

    @torch.no_grad()
    def start_as_block_matching(self) -> None:
        """Filters that sum over neighbouring positions: what single positions say of random features is noise."""
        for over_displacements, over_positions in zip(self.over_displacements, self.over_positions):
            nn.init.dirac_(over_displacements.weight)  # type: ignore[arg-type]
            over_positions.weight.copy_(((torch.eye(self.K) + 1 / self.K) / 50)[:, :, None, None])  # type: ignore[operator]
            for conv in (over_displacements, over_positions):
                nn.init.zeros_(conv.bias)  # type: ignore[arg-type]

    def similarities(self, first: Tensor, second: Tensor) -> Tensor:
        """(B, K, side, side, H, W), dy before dx."""
        B, C, H, W = first.shape
        centred = (m.float() - first.float().mean((2, 3), keepdim=True) for m in (first, second))
        a, b = (F.normalize(m.reshape(B * self.K, -1, H, W), dim=1) for m in centred)
        similarities = (C // self.K) * cost_volume(a, b, self.radius)
        return similarities.reshape(B, self.K, self.side, self.side, H, W)

    def filtered(self, costs: Tensor) -> Tensor:
        """(B, K, side, side, H, W) -> the same shape, by every filter."""
        for over_displacements, over_positions in zip(self.over_displacements, self.over_positions):
            costs = self._filtered(costs, over_displacements, over_positions)
        return costs

    def _filtered(self, costs: Tensor, over_displacements: nn.Module, over_positions: nn.Module) -> Tensor:
        B, K, S, _, H, W = costs.shape
        at_positions = costs.permute(0, 4, 5, 1, 2, 3).reshape(B * H * W, K, S, S)
        across = leaky(over_displacements(at_positions)).reshape(B, H, W, K, S, S)
        at_displacements = across.permute(0, 4, 5, 3, 1, 2).reshape(B * S * S, K, H, W)
        return over_positions(at_displacements).reshape(B, S, S, K, H, W).permute(0, 3, 1, 2, 4, 5)

    def soft_argmax(self, scores: Tensor) -> tuple[Tensor, Tensor]:
        """(B, K, side², H, W) -> guesses (B, K, 2, H, W) in positions, and confidences (B, K, H, W)."""
        best = scores.argmax(2, keepdim=True)
        steps = torch.arange(-1, 2, device=scores.device)
        dy, dx = (step.reshape(-1, 1, 1) for step in torch.meshgrid(steps, steps, indexing="ij"))  # of the nine
        row, column = best // self.side + dy, best % self.side + dx
        outside = (row < 0) | (row >= self.side) | (column < 0) | (column >= self.side)
        near = scores.gather(2, (row * self.side + column).masked_fill(outside, 0)).masked_fill(outside, -torch.inf)
        confidence = (near.logsumexp(2) - scores.logsumexp(2)).exp()
        p = near.softmax(2)
        return torch.stack([(p * (place - self.radius)).sum(2) for place in (column, row)], 2), confidence
