"""A trained flow network from Python: two pictures to their flow."""

from pathlib import Path

import numpy as np
import torch

from common.errors import LicError
from common.run.trained import Trained
from lic_flow.inference import estimate


class TrainedFlow(Trained):
    """Called, it is the network's forward pass: two (B, 3, H, W) in [0, 1], sides multiples of `network.multiple`."""

    def __init__(self, run: str | Path, device: str = "cpu") -> None:
        super().__init__(run, device)
        if "network" not in self.config.model:
            system = self.config.system
            raise LicError(f"{run} is a run of {system}, which estimates no flow: give a flow network's run.")

    @torch.inference_mode()
    def estimate(self, first: np.ndarray, second: np.ndarray) -> np.ndarray:
        """Two uint8 (H, W, 3) of one size -> float32 (2, H, W): how far pixels of `first` move, dx and dy in pixels."""
        if first.shape != second.shape or first.ndim != 3 or first.dtype != np.uint8 or second.dtype != np.uint8:
            raise LicError(
                "the pictures of a pair are uint8 (H, W, 3) of one size, "
                f"not {first.dtype} {first.shape} and {second.dtype} {second.shape}."
            )
        pair = (torch.from_numpy(p.copy()).permute(2, 0, 1)[None].to(self.device) for p in (first, second))
        flow: np.ndarray = estimate(self.network, *pair)[0].cpu().numpy()
        return flow
