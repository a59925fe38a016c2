"""`deeppynet`: repaired pyramids, a multi-channel cost volume, one decoder that refines the flow step by step.

    first  ─ pyramids ─ O(G1) ───────────────────┬─ conv1 ─┐
    second ─ pyramids ─ O(G2) ─ warp by F ─ MCCV ┴──────── decoder ─ context ─ F += …     4 times at 1/16, 4 at 1/8

    F^l = De(O^l(G1), co(O^l(G1), w(O^l(G2), F^(l-1))), F^(l-1)) + F^(l-1)                                (4.6)
    F^(l-1) at the next level is 2 ↑(F^(l-1))                                                              (4.7)

A. A. Jeny: "Optical flow-based media compression", thesis, Istanbul 2022, chapter 4; A. A. Jeny, M. B. Islam,
T. Aydin: "DeepPyNet: A deep feature pyramid network for optical flow estimation", IVCNZ 2021. The iterations are those
of J. Hur, S. Roth: "Iterative residual refinement", CVPR 2019. Where the text leaves it open:
there are "double the number of pyramid levels" of them, 8, taken half at 1/16 and half at 1/8, the two levels that
have a cost volume; one decoder with shared weights (it also speaks of one a level); the convolution that makes all
levels' features equally many for the decoder has kernel 1 (printed: 2x2, which has no centre) and 32 channels, as Hur
and Roth's; the decoder chooses among the cost volume's guesses by weights, as in the network that the volume is from,
and adds a flow of its own; the context network sees its last features and the flow. The weights are a softmax over the
K guesses and none of them, of the decoder's scores plus the logarithm of each guess's confidence (none: 1/2), so that
at first a guess counts as much as it is sure. A flow is in positions of the level it is at; for the output it is
upsampled and scaled as between levels.
"""

import math
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from common.layers.warp import warp
from lic_flow.layers.context_network import ContextNetwork
from lic_flow.layers.conv import SLOPE
from lic_flow.layers.dense_decoder import DenseDecoder, PlainDecoder
from lic_flow.layers.multi_channel_cost_volume import MultiChannelCostVolume
from lic_flow.layers.pyramids import RepairedPyramids

SHOWN = 32  # channels of the first picture's features that the decoder sees


class DeepPyNet(nn.Module):
    """first, second (B, 3, H, W) in [0, 1], sides multiples of 16 -> `sum(iterations)` flows, coarse to fine.

    Args:
        widths: channels of the pyramids' levels.
        embedding: channels of the features that are compared.
        decoder: `DenseDecoder` or `PlainDecoder`.
        decoder_widths, context_widths: channels of their convolutions.
        pyramids, repaired: as in `RepairedPyramids`.
        hypotheses: of the cost volume, a divisor of `embedding`.
        iterations: refinements at 1/16 and at 1/8; 0 at one of them leaves it out.
    """

    multiple = 16

    def __init__(
        self,
        widths: Sequence[int] = (32, 64, 96, 128),
        embedding: int = 128,
        decoder: Callable[[int, Sequence[int]], DenseDecoder | PlainDecoder] = DenseDecoder,
        decoder_widths: Sequence[int] = (128, 128, 96, 64, 32),
        context_widths: Sequence[int] = (128, 128, 128, 96, 64, 32),
        pyramids: int = 3,
        repaired: Sequence[int] = (2, 3, 4),
        hypotheses: int = 16,
        iterations: Sequence[int] = (4, 4),
    ) -> None:
        super().__init__()
        if not any(iterations):
            raise ValueError(f"iterations are {list(iterations)}: at least one refinement makes a flow")
        looks = [count > 0 for count in reversed(iterations)]
        self.pyramids = RepairedPyramids(widths, embedding, pyramids, repaired, outputs=looks)
        self.shown = nn.ModuleList(nn.Conv2d(embedding, SHOWN, 1).requires_grad_(count > 0) for count in iterations)
        self.cost_volume = MultiChannelCostVolume(hypotheses)
        self.decoder = decoder(self.cost_volume.channels + SHOWN + 2, decoder_widths)
        self.last = decoder_widths[-1]
        self.context = ContextNetwork(self.last + 2, context_widths)
        self.iterations = list(iterations)
        self.select = nn.Conv2d(self.last, hypotheses, 1)
        self.start_as_block_matching()

    @torch.no_grad()
    def start_as_block_matching(self) -> None:
        """The first flow is the cost volume's guesses, by their confidence; all else adds nothing yet."""
        for part in (self.pyramids, self.shown, self.decoder, self.context):
            for layer in part.modules():
                if isinstance(layer, nn.Conv2d) and layer.weight.any():  # what starts at zero is to stay so
                    nn.init.kaiming_normal_(layer.weight, SLOPE)
                    nn.init.zeros_(layer.bias)  # type: ignore[arg-type]
        for layer in (self.decoder.flow, self.context.flow, self.select):
            nn.init.zeros_(layer.weight)
            nn.init.zeros_(layer.bias)  # type: ignore[arg-type]

    def compile(self, *args: Any, **kwargs: Any) -> None:
        """Its parts: as a whole, what `forward` repeats would be compiled for every refinement, which takes minutes."""
        for part in (self.pyramids, self.cost_volume, self.decoder, self.context):
            part.compile(*args, **kwargs)

    def forward(self, first: Tensor, second: Tensor) -> list[Tensor]:
        B = len(first)
        levels = [m.split(B) for m in self.pyramids(_channels_last(2 * torch.cat([first, second]) - 1))]
        flow, flows = None, []
        looks = [(shown, count) for shown, count in zip(self.shown, self.iterations) if count]
        for (a, b), (shown, count) in zip(reversed(levels), looks):
            flow = a.new_zeros(B, 2, *a.shape[2:]) if flow is None else _upsampled(flow, a.shape[2:])
            for _ in range(count):
                flow = self.refine(a, b, shown(a), flow)
                flows.append(_upsampled(flow, first.shape[2:]))
        return flows

    def refine(self, a: Tensor, b: Tensor, shown: Tensor, flow: Tensor) -> Tensor:
        """The flow (B, 2, H, W) after one more look at the features a and b (B, embedding, H, W)."""
        flow = flow.detach()  # every step learns to improve what it is given, as in RAFT
        guesses, rest = self.cost_volume(a, warp(b, flow))
        seen = torch.cat([guesses.flatten(1, 2), rest, shown, flow], 1)
        features, residual = self.decoder(_channels_last(seen))
        features = features[:, : self.last]
        chosen = weights(self.select(features), rest[:, : guesses.shape[1]])
        flow = flow + residual + (chosen.unsqueeze(2) * guesses).sum(1)
        return flow + self.context(torch.cat([features, flow], 1))


def weights(scores: Tensor, confidence: Tensor) -> Tensor:
    """How much each guess counts, (B, K, H, W) like both arguments: what is missing to 1 is for none of them."""
    logits = scores.float() + confidence.float().clamp_min(1e-6).log()
    none = torch.full_like(logits[:, :1], math.log(0.5))
    return torch.cat([logits, none], 1).softmax(1)[:, :-1].to(scores)


def _channels_last(x: Tensor) -> Tensor:
    """Convolutions of few channels are a third faster so, and what follows them keeps the layout."""
    return x.contiguous(memory_format=torch.channels_last)


def _upsampled(flow: Tensor, size: Sequence[int]) -> Tensor:
    """Bilinearly, and scaled as the distances are."""
    scale = size[1] / flow.shape[3]
    return scale * F.interpolate(flow.float(), list(size), mode="bilinear", align_corners=False)
