"""Learned image compression."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lic_image.trained import TrainedImageCodec


def load(run: str | Path, device: str = "cpu") -> TrainedImageCodec:
    """The codec of a finished run: `load("runs/demo/lmbda-0.013").encode(rgb)`.

    Args:
        run: a run folder, or a weights file in one.
        device: cpu or cuda.

    Raises:
        LicError: there is no such run, it is not finished, or its network codes no photographs.
    """
    from lic_image.trained import TrainedImageCodec

    return TrainedImageCodec(run, device)
