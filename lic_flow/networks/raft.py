"""RAFT: torchvision's, behind our interface.

Z. Teed, J. Deng: "RAFT: Recurrent All-Pairs Field Transforms for Optical Flow", ECCV 2020, arXiv:2003.12039. The state
dict has torchvision's names, so that its published weights load as they are.
"""

from typing import Literal

from torch import Tensor
from torchvision.models.optical_flow import RAFT, raft_large, raft_small

from common.errors import LicError

SMALLEST = 128  # pixels a side: at 1/8, the fourth level of RAFT's matches is 2 x 2 then


class Raft(RAFT):
    """5.26 M parameters (large) or 0.99 M (small).

    Args:
        iterations: refinements of the flow, each of which is returned.
    """

    multiple = 8
    least = SMALLEST

    def __init__(self, size: Literal["small", "large"] = "large", iterations: int = 12) -> None:
        parts = {"small": raft_small, "large": raft_large}[size]()
        super().__init__(
            feature_encoder=parts.feature_encoder,
            context_encoder=parts.context_encoder,
            corr_block=parts.corr_block,
            update_block=parts.update_block,
            mask_predictor=parts.mask_predictor,
        )
        self.iterations = iterations

    def forward(self, first: Tensor, second: Tensor) -> list[Tensor]:
        """first, second (B, 3, H, W) in [0, 1], H and W multiples of 8 -> flows (B, 2, H, W) in pixels.

        Raises:
            LicError: a side is shorter than 128 pixels.
        """
        H, W = first.shape[-2:]
        if min(H, W) < SMALLEST:
            raise LicError(f"RAFT needs pictures of at least {SMALLEST} x {SMALLEST} pixels; these have {W} x {H}.")
        return super().forward(2 * first - 1, 2 * second - 1, num_flow_updates=self.iterations)
