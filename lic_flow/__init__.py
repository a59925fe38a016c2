"""Optical flow."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lic_flow.trained import TrainedFlow


def load(run: str | Path, device: str = "cpu") -> TrainedFlow:
    """The flow network of a finished run: `load("runs/flow").estimate(first, second)`.

    Args:
        run: a run folder, or a weights file in one.
        device: cpu or cuda.

    Raises:
        LicError: there is no such run, it is not finished, or its network estimates no flow.
    """
    from lic_flow.trained import TrainedFlow

    return TrainedFlow(run, device)
