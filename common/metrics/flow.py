"""Errors of optical flow, over the pixels of a set whose flow is known.

Flow is (B, 2, H, W) in pixels, channel 0 to the right, channel 1 down; a validity is bool (B, H, W): flow known there.

Every figure is over all known pixels of a set together, as Sintel's tables have it: a picture in which more is known
weighs more. The field's Fl-all on KITTI is such a figure too (the share of all pixels, not a mean of the pictures'
shares); its EPE on KITTI is often a mean of the pictures' means instead (RAFT's is), and then a slightly other number.
"""

from typing import Any

import torch
import torchmetrics
from torch import Tensor

from common.errors import LicError

SPEEDS = (10.0, 40.0)  # px, the bounds of Sintel's classes: below 10, 10 to 40, above 40
GROUPS = ("epe", "s0_10", "s10_40", "s40+", "matched", "unmatched")
OUTLIERS = ("1px", "3px", "5px", "fl_all")


def endpoint_error(flow_hat: Tensor, flow: Tensor) -> Tensor:
    """Length of the difference of two flows.

    Returns:
        (B, H, W), px; float32, or float64 where both flows are. Its gradient is 0 where the flows are equal.

    Raises:
        ValueError: shapes differ or are no (B, 2, H, W).

    >>> flow = torch.zeros(1, 2, 1, 1)
    >>> endpoint_error(flow + torch.tensor([3.0, 4.0]).view(1, 2, 1, 1), flow)
    tensor([[[5.]]])
    """
    if flow_hat.shape != flow.shape or flow.dim() != 4 or flow.shape[1] != 2:
        raise ValueError(f"expected two (B, 2, H, W) flows of one shape, got {flow_hat.shape} and {flow.shape}")
    return torch.linalg.vector_norm(_wide(flow_hat) - _wide(flow), dim=1)


def fl_outlier(error: Tensor, speed: Tensor) -> Tensor:
    """KITTI's outliers (Menze and Geiger, 2015): off by more than 3 px and by more than 5 % of the true speed.

    Args:
        error: `endpoint_error`, px, any shape.
        speed: length of the true flow, px, of that shape.

    Returns:
        bool, of that shape.

    >>> fl_outlier(torch.tensor([2.0, 4.0, 4.0]), torch.tensor([10.0, 10.0, 100.0]))
    tensor([False,  True, False])
    """
    return (error > 3) & (error > 0.05 * speed)


class FlowMetrics(torchmetrics.Metric):
    """All figures of a set of pairs: EPE in px, outliers in % of the known pixels.

    `compute` gives float64 scalars by name:

        epe                       mean endpoint error
        1px, 3px, 5px             pixels that are off by more than that
        fl_all                    pixels that `fl_outlier` counts
        s0_10, s10_40, s40+       EPE where the true flow is shorter than 10 px, 10 to 40 px long, longer than 40 px
        matched, unmatched        EPE where the pixel is seen in the second picture, and where it is not

    The figures of the first three lines are always there, NaN for a set without a known pixel; those of the last two
    are absent where no pixel is of their kind, and so for a set without occlusion masks. Only sums and counts are kept
    and travel between processes, in float64, so that unequal shares of a set give the figures of the whole. One process
    that measures on its own, as in an evaluation after distributed training, takes `sync_on_compute=False`.
    """

    higher_is_better = False
    full_state_update = False
    pixels: Tensor
    errors: Tensor
    outliers: Tensor

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        self.add_state("pixels", torch.zeros(len(GROUPS), dtype=torch.float64), dist_reduce_fx="sum")
        self.add_state("errors", torch.zeros(len(GROUPS), dtype=torch.float64), dist_reduce_fx="sum")
        self.add_state("outliers", torch.zeros(len(OUTLIERS), dtype=torch.float64), dist_reduce_fx="sum")

    def update(self, flow_hat: Tensor, flow: Tensor, valid: Tensor, occluded: Tensor | None = None) -> None:
        """Adds a batch of pairs.

        Args:
            flow_hat: predicted flow (B, 2, H, W).
            flow: true flow (B, 2, H, W), anything where it is not known.
            valid: bool (B, H, W), where it is known.
            occluded: bool (B, H, W), pixels of the first picture that are not seen in the second; None where the set
                does not say.

        Raises:
            LicError: the prediction, or the truth where it should be known, is not finite.
            ValueError: shapes or kinds differ from these.
        """
        for mask in (valid,) if occluded is None else (valid, occluded):
            if mask.dtype != torch.bool or mask.shape != (flow.shape[0], *flow.shape[2:]):
                raise ValueError(f"expected bool (B, H, W) for flows {flow.shape}, got {mask.dtype} {mask.shape}")
        error = endpoint_error(flow_hat, flow)[valid].double()
        speed = torch.linalg.vector_norm(_wide(flow), dim=1)[valid].double()
        if not flow_hat.isfinite().all():
            raise LicError(
                "The predicted flow is not finite (NaN or infinite) in places and cannot be measured; the network "
                "diverged, or computes in a precision too low for it: check its training, or try precision 32."
            )
        if not speed.isfinite().all():
            raise LicError(
                "The true flow is not finite (NaN or infinite) where it is marked as known; mark such pixels as "
                "unknown or repair the ground truth."
            )
        known = torch.ones_like(error, dtype=torch.bool)
        none = torch.zeros_like(known)
        hidden = none if occluded is None else occluded[valid]
        seen = none if occluded is None else ~hidden
        slow, fast = speed < SPEEDS[0], speed > SPEEDS[1]
        groups = torch.stack([known, slow, ~slow & ~fast, fast, seen, hidden]).double()
        self.pixels += groups.sum(1)
        self.errors += groups @ error
        self.outliers += torch.stack([error > 1, error > 3, error > 5, fl_outlier(error, speed)]).double().sum(1)

    def compute(self) -> dict[str, Tensor]:
        means = self.errors / self.pixels
        shares = 100 * self.outliers / self.pixels[0]
        figures = {"epe": means[0], **dict(zip(OUTLIERS, shares))}
        return figures | {name: means[i] for i, name in enumerate(GROUPS) if i > 0 and self.pixels[i] > 0}


def _wide(flow: Tensor) -> Tensor:
    return flow if flow.dtype == torch.float64 else flow.float()  # half precision is off by pixels at 1000 px
