"""Motion estimation: a flow network of any kind, on both frames as they are or on smaller ones."""

from contextlib import nullcontext

import torch
from torch import Tensor, nn
from torch.nn import functional as F

PRECISIONS = ("32-true", "bf16-mixed")


class MotionEstimation(nn.Module):
    """frame, reference (B, 3, H, W) in [0, 1] -> flow (B, 2, H, W) in pixels, from the frame to the reference.

    Args:
        network: (first, second) -> flows, coarse to fine; with `multiple`, of which the sides it takes must be
            multiples, and `least`, below which they must not be.
        reduction: what both frames are made smaller by before. With 2 a network takes a quarter of the time, which is
            for high resolutions: on clips of 416x240 flows of `deeppynet_small` were then worse than none (warped
            reference 22.8 dB, as it is 23.8, with 1 26.6).
        precision: that of the network where a trained codec is used, in Lightning's words; in training it is the
            trainer's. Only encoders estimate motion, so that with bf16-mixed decoders compute what they computed.
    """

    def __init__(self, network: nn.Module, reduction: int = 1, precision: str = "32-true") -> None:
        super().__init__()
        if precision not in PRECISIONS:
            raise ValueError(f"precision must be one of {', '.join(PRECISIONS)}, not {precision}")
        self.network = network
        self.reduction = reduction
        self.precision = precision

    def forward(self, frame: Tensor, reference: Tensor) -> Tensor:
        H, W = frame.shape[2:]
        multiple: int = self.network.multiple  # type: ignore[assignment]
        least: int = getattr(self.network, "least", 0)
        sides = [max(-(-side // (self.reduction * multiple)) * multiple, least) for side in (H, W)]
        padding = (0, self.reduction * sides[1] - W, 0, self.reduction * sides[0] - H)
        pair = F.pad(torch.cat([frame, reference]), padding, mode="replicate")
        if self.reduction > 1:
            pair = F.avg_pool2d(pair, self.reduction)
        half = self.precision == "bf16-mixed" and not self.training
        with torch.autocast(pair.device.type, torch.bfloat16) if half else nullcontext():
            flow = self.network(*pair.chunk(2))[-1].float()
        if self.reduction > 1:
            size = [self.reduction * side for side in sides]
            flow = self.reduction * F.interpolate(flow, size, mode="bilinear", align_corners=False)
        return flow[..., :H, :W]  # type: ignore[no-any-return]


class NoMotion(nn.Module):
    """The flow of a still scene: the ablation "no ME"."""

    def forward(self, frame: Tensor, reference: Tensor) -> Tensor:
        return torch.zeros_like(frame[:, :2])
