"""Motion estimation: a flow network of any kind, on both frames as they are or on smaller ones."""

from contextlib import nullcontext

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from common.layers.warp import warp

PRECISIONS = ("32-true", "bf16-mixed")
NEARLY = 1.1  # in doubt motion stays: holes in a smooth field cost bits


class MotionEstimation(nn.Module):
    """frame, reference (B, 3, H, W) in [0, 1] -> flow (B, 2, H, W) in pixels, from the frame to the reference.

    Args:
        network: (first, second) -> flows, coarse to fine; with `multiple`, of which the sides it takes must be
            multiples, and `least`, below which they must not be.
        downscale: what both frames are made smaller by before. With 2 a network takes a quarter of the time, which is
            for high resolutions: on clips of 416x240 flows of `deeppynet_small` were then worse than none (warped
            reference 22.8 dB, as it is 23.8, with 1 26.6).
        precision: that of the network where a trained codec is used, in Lightning's words; in training it is the
            trainer's. Only encoders estimate motion, so that with bf16-mixed decoders compute what they computed.
        zero_motion: side in pixels of blocks in which a trained codec takes no motion where the reference as it is
            resembles the frame about as well; None: the network's word everywhere. Vectors that are wrong by half a
            pixel blur still grass (`ofmc size=tiny`, λ 256, 48 P frames of six clips: with 16 2.7 % less R + λD,
            between -10.8 and +0.1 % a sequence).
        frozen: the network, which comes trained, stays as it is; else it is trained along with the codec, so that its
            flow costs fewer bits (thesis, section 5.1 and figure 5.2: 0.031 bits a pixel instead of 0.043).
    """

    def __init__(
        self,
        network: nn.Module,
        downscale: int = 1,
        precision: str = "32-true",
        zero_motion: int | None = None,
        frozen: bool = False,
    ) -> None:
        super().__init__()
        if precision not in PRECISIONS:
            raise ValueError(f"precision must be one of {', '.join(PRECISIONS)}, not {precision}")
        if zero_motion is not None and zero_motion < 1:
            raise ValueError(f"zero_motion must be a side in pixels or null, not {zero_motion}")
        self.network = network
        self.downscale = downscale
        self.precision = precision
        self.zero_motion = zero_motion
        self.frozen = frozen

    def forward(self, frame: Tensor, reference: Tensor) -> Tensor:
        H, W = frame.shape[2:]
        multiple: int = self.network.multiple  # type: ignore[assignment]
        least: int = getattr(self.network, "least", 0)
        sides = [max(-(-side // (self.downscale * multiple)) * multiple, least) for side in (H, W)]
        padding = (0, self.downscale * sides[1] - W, 0, self.downscale * sides[0] - H)
        pair = F.pad(torch.cat([frame, reference]), padding, mode="replicate")
        if self.downscale > 1:
            pair = F.avg_pool2d(pair, self.downscale)
        half = self.precision == "bf16-mixed" and not self.training
        with torch.autocast(pair.device.type, torch.bfloat16) if half else nullcontext():
            flow = self.network(*pair.chunk(2))[-1].float()
        if self.downscale > 1:
            size = [self.downscale * side for side in sides]
            flow = self.downscale * F.interpolate(flow, size, mode="bilinear", align_corners=False)
        flow = flow[..., :H, :W]
        if self.zero_motion and not self.training:
            return flow * worth_moving(frame, reference, warp(reference, flow), self.zero_motion)
        return flow


def worth_moving(frame: Tensor, still: Tensor, warped: Tensor, side: int) -> Tensor:
    """(B, 1, H, W) in [0, 1]: 1 where `warped` is nearer to `frame` than `still` is, or nearly; smooth between."""
    H, W = frame.shape[2:]
    padding = (0, -W % side, 0, -H % side)
    errors = ((x - frame).square().mean(1, keepdim=True) for x in (still, warped))
    blocks = (F.avg_pool2d(F.pad(error, padding, mode="replicate"), side) for error in errors)
    lost, gained = (F.avg_pool2d(block, 3, 1, 1, count_include_pad=False) for block in blocks)
    moves = F.avg_pool2d((gained <= NEARLY * lost).to(frame), 3, 1, 1, count_include_pad=False)
    return F.interpolate(moves, scale_factor=float(side), mode="bilinear", align_corners=False)[..., :H, :W]


class NoMotion(nn.Module):
    """The flow of a still scene: the ablation "no ME"."""

    def forward(self, frame: Tensor, reference: Tensor) -> Tensor:
        return torch.zeros_like(frame[:, :2])
