"""A trained video codec from Python: frames to bytes and back."""

from collections.abc import Iterable, Iterator
from fractions import Fraction
from io import BytesIO
from itertools import chain
from pathlib import Path

import numpy as np

from common.data.video_files import VideoInfo
from common.errors import LicError, StreamError
from common.run.trained import Trained
from lic_video.files import VideoFiles, filled, ranges


class TrainedVideoCodec(Trained):
    """Called, it is the codec's forward pass; see `lic_video.codecs.contract.VideoCodec`."""

    def __init__(self, run: str | Path, device: str = "cpu") -> None:
        super().__init__(run, device)
        self.coder = self.files(VideoFiles, "clips")

    def encode(self, frames: Iterable[np.ndarray], rate: float | Fraction = 25) -> bytes:
        """Frames, uint8 (H, W, 3) each, all of one size -> the bytes of a .lic file; `rate` is frames a second."""
        frames = iter(frames)
        first = next(frames, None)
        if first is None:
            raise LicError("a clip has at least one frame.")
        info = VideoInfo(first.shape[1], first.shape[0], Fraction(rate).limit_denominator(1001), None, None)
        file = BytesIO()
        for _ in self.coder.encode(_checked(first, frames), info, file):
            pass
        return file.getvalue()

    def decode(self, data: bytes) -> np.ndarray:
        """The bytes of a .lic file of this codec -> uint8 (frames, H, W, 3).

        Raises:
            StreamError: it is damaged, or another codec's.
        """
        lost: list[int] = []
        frames = list(filled(self.coder.decode(data), lost))
        if lost:
            raise StreamError(f"frames {ranges(lost)} are lost, because the file is damaged.")
        return np.stack(frames)


def _checked(first: np.ndarray, others: Iterable[np.ndarray]) -> Iterator[np.ndarray]:
    if first.ndim != 3 or first.shape[2] != 3 or 0 in first.shape:
        raise LicError(f"a frame is uint8 (H, W, 3), not {first.shape}.")
    for place, frame in enumerate(chain([first], others)):
        if frame.shape != first.shape or frame.dtype != np.uint8:
            raise LicError(f"frame {place} is {frame.dtype} {frame.shape}; all are to be uint8 {first.shape}.")
        yield frame
