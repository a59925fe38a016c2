"""Learned video compression."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lic_video.trained import TrainedVideoCodec


def load(run: str | Path, device: str = "cpu") -> TrainedVideoCodec:
    """The codec of a finished run: `load("runs/clips").encode(frames)`.

    Args:
        run: a run folder, or a weights file in one.
        device: cpu or cuda.

    Raises:
        LicError: there is no such run, it is not finished, or its network codes no clips.
    """
    from lic_video.trained import TrainedVideoCodec

    return TrainedVideoCodec(run, device)
